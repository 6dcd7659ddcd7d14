import type { ReactNode } from "react";
import type { Identity, IdentityError, User } from "./identity.js";

/** Who is signed in, what they may do, and what they can do about it. */
export interface Given extends Pick<Identity, "may" | "signIn" | "stepUp" | "signOut"> {
  readonly identity: Identity;
  /** null: nobody, or not known yet while `isLoading`. */
  readonly user: User | null;
  /** Why a sign-in or a step-up that came back has failed. */
  readonly error: IdentityError | Error | null;
  readonly isLoading: boolean;
}

export declare function IdentityProvider(props: { identity: Identity; children?: ReactNode }): ReactNode;
export declare function useIdentity(): Given;
