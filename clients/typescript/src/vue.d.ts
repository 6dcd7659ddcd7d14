import type { App, Ref } from "vue";
import type { Identity, IdentityError, User } from "./identity.js";

/** Who is signed in, what they may do, and what they can do about it. */
export interface Given extends Pick<Identity, "may" | "signIn" | "stepUp" | "signOut"> {
  readonly identity: Identity;
  /** null: nobody, or not known yet while `isLoading`. */
  readonly user: Readonly<Ref<User | null>>;
  /** Why a sign-in or a step-up that came back has failed. */
  readonly error: Readonly<Ref<IdentityError | Error | null>>;
  readonly isLoading: Readonly<Ref<boolean>>;
}

export declare const identityPlugin: { install(app: App, identity: Identity): void };
export declare function useIdentity(): Given;
