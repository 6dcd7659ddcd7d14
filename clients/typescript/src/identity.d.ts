export type Delivery = "code" | "cookie";

/** Who is signed in, and what they may do now (`GET /v1/me`). */
export interface User {
  readonly user_id: string;
  readonly subject: string;
  readonly tenant_id: string;
  readonly tenant: string;
  readonly is_sso: boolean;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly name: string;
  readonly groups: readonly string[];
  readonly permissions: readonly string[];
  readonly sign_in_again: boolean;
}

export interface Options {
  /** The tenant's host, such as `https://login.acme.example`, or with its prefix `https://id.example/t/acme`. */
  url: string;
  /** The frontend's slug. */
  frontend: string;
  /** One of its `return_urls`, exactly. */
  returnTo: string;
  /** `code` (the default) from another site, `cookie` from the same one. */
  delivery?: Delivery;
  /** What touches the page; each has a default in a browser. */
  address?: () => string;
  navigate?: (url: string) => void;
  replace?: (url: string) => void;
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  fetch?: typeof globalThis.fetch;
  /** Waits so many milliseconds, or until the signal aborts. */
  pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** The answer to a GraphQL operation, `errors` included. */
export interface Result<Data = unknown> {
  data?: Data | null;
  errors?: readonly { message: string; extensions?: { code?: string } }[];
}

/** An operation that a generator has typed, such as GraphQL Code Generator's `TypedDocumentString`. */
export interface TypedOperation<Data, Variables> {
  toString(): string;
  __apiType?: (variables: Variables) => Data;
}

export declare class IdentityError extends Error {
  /** Of RFC 6749, such as `access_denied`; null where there is none. */
  readonly error: string | null;
  /** The service's own, stable code. */
  readonly code: string;
  /** Finds the request in the service's log. */
  readonly requestId?: string;
}

export interface Identity {
  /** The signed-in user or null; ends a sign-in that is on its way back. Throws an `IdentityError` if that one failed. */
  session(): Promise<User | null>;
  /** Ask anew; null once the session is over. */
  refresh(): Promise<User | null>;
  readonly user: User | null;
  readonly token: string | null;
  may(permission: string): boolean;
  signIn(options?: { provider?: string; loginHint?: string; maxAge?: number }): Promise<void>;
  stepUp(stepUpUrl?: string | null): Promise<void>;
  signOut(): Promise<void>;
  graphql<Data, Variables>(query: TypedOperation<Data, Variables>, variables?: Variables): Promise<Result<Data>>;
  graphql<Data = unknown>(query: string, variables?: Record<string, unknown>): Promise<Result<Data>>;
  /** Follow who is signed in, until the function that is returned is called; null once the session is over. */
  onPermissions(changed: (user: User | null) => void): () => void;
  /** The results of a subscription, over one connection. */
  subscribe<Data = unknown>(
    query: string,
    variables?: Record<string, unknown>,
    signal?: AbortSignal,
  ): AsyncGenerator<Result<Data>, void>;
}

export declare function createIdentity(options: Options): Identity;
