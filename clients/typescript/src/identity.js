// The client of one frontend: sign-in with PKCE, permissions, step-up, sign-out. One file, no dependencies.

const PENDING = "identity-api.pending";
const LIVE = "subscription { viewer { permissions { name } user { displayLabel email groups { name } } } }";
const PENDING_MILLISECONDS = 600_000; // as long as the service waits for a login

/** What went wrong, in the words of RFC 6749 (`error`) and of the service (`code`, `requestId`). */
export class IdentityError extends Error {
  constructor(error, code, message, requestId) {
    super(message);
    this.name = "IdentityError";
    Object.assign(this, { error, code, requestId });
  }
}

/** Everything that touches the page, so that tests and other runtimes can bring their own. */
const page = () => ({
  address: () => globalThis.location.href,
  navigate: (url) => globalThis.location.assign(url),
  replace: (url) => globalThis.history.replaceState(null, "", url),
  storage: globalThis.sessionStorage,
  fetch: (...asked) => globalThis.fetch(...asked),
  pause: (milliseconds, signal) =>
    new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener("abort", () => (clearTimeout(timer), done()));
    }),
});

const encode = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => encode(crypto.getRandomValues(new Uint8Array(32)));
const digest = async (text) =>
  encode(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));

/** A query is text, or what a generator made of one. */
const operation = (query, variables) => JSON.stringify({ query: `${query}`, variables });

export function createIdentity({ url, frontend, returnTo, delivery = "code", ...own }) {
  const issuer = url.replace(/\/$/, "");
  const runtime = { ...page(), ...own };
  let token = null;
  let user = null;

  const headers = (more = {}) => (token ? { ...more, authorization: `Bearer ${token}` } : more);

  async function ask(path, options = {}) {
    const asked = delivery === "cookie" ? { credentials: "include", ...options } : options;
    const response = await runtime.fetch(issuer + path, { ...asked, headers: headers(options.headers) });
    if (response.ok) return response;
    const told = await response.json().catch(() => ({}));
    throw new IdentityError(told.error ?? null, told.code ?? `HTTP_${response.status}`, told.message ?? "", told.request_id);
  }

  /** Keep what the way back is compared with, and leave. The old token waits for a step-up in this tab alone. */
  async function leave(path, asked) {
    const pending = { state: random(), verifier: random(), token, at: Date.now() };
    runtime.storage.setItem(PENDING, JSON.stringify(pending));
    const there = new URL(path, issuer);
    for (const [name, value] of Object.entries({ ...asked, state: pending.state })) {
      if (value !== undefined && value !== null) there.searchParams.set(name, value);
    }
    if (delivery === "code") {
      there.searchParams.set("code_challenge", await digest(pending.verifier));
      if (there.pathname.endsWith("/authorize")) there.searchParams.set("code_challenge_method", "S256");
    }
    runtime.navigate(there.href);
  }

  const begun = () => JSON.parse(runtime.storage.getItem(PENDING) ?? "null");

  /** No more of it stays in storage; the session that asked for a step-up goes on. */
  function take(pending) {
    runtime.storage.removeItem(PENDING);
    token ??= pending?.token ?? null;
  }

  /** What the address brought back, once; null if nothing. Throws what was told as an error. */
  function returned() {
    const here = new URL(runtime.address());
    const given = here.searchParams;
    const pending = begun();
    if (!given.has("state") || !["code", "error", "iss"].some((name) => given.has(name))) {
      take(pending); // the person came back without an answer
      return null;
    }
    const told = Object.fromEntries(given);
    for (const name of ["code", "state", "iss", "error", "error_description", "error_code", "request_id"]) given.delete(name);
    runtime.replace(here.href);
    if (pending === null || told.state !== pending.state || told.iss !== issuer) {
      throw new IdentityError(null, "NOT_BEGUN_HERE", "This sign-in was not begun here.");
    }
    take(pending);
    if (Date.now() - pending.at > PENDING_MILLISECONDS) {
      throw new IdentityError(null, "LOGIN_EXPIRED", "This sign-in took longer than ten minutes.");
    }
    if (told.error) throw new IdentityError(told.error, told.error_code, told.error_description, told.request_id);
    return { ...told, ...pending };
  }

  async function exchange({ code, verifier }) {
    const body = new URLSearchParams({
      grant_type: "authorization_code",
      client_id: frontend,
      redirect_uri: returnTo,
      code,
      code_verifier: verifier,
    });
    const response = await ask("/v1/auth/token", { method: "POST", body });
    token = (await response.json()).access_token;
  }

  /** The results of a subscription as they come, over one connection (the `graphql-sse` protocol). */
  async function* subscribe(query, variables = {}, signal = undefined) {
    const named = { accept: "text/event-stream", "content-type": "application/json", "identity-request": "1" };
    const response = await ask("/graphql", { method: "POST", headers: named, body: operation(query, variables), signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new TypeError("The stream was cut off.");
        const frames = (text + value).split("\n\n");
        text = frames.pop();
        for (const frame of frames) {
          if (/^event: complete$/m.test(frame)) return;
          const data = /^data: (.+)$/m.exec(frame);
          if (data) yield JSON.parse(data[1]);
        }
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  const identity = {
    subscribe,

    /**
     * Follow who is signed in: `changed(user)` at once and whenever something differs, `changed(null)` once the session is over.
     * A connection that breaks is made anew, and nothing is missed. Returns a function that ends it.
     */
    onPermissions(changed) {
      const ending = new AbortController();
      const { signal } = ending;
      const tell = async () => {
        const found = await identity.refresh();
        if (!signal.aborted) changed(found);
        return found !== null;
      };
      const follow = async () => {
        for (let failures = 0; !signal.aborted; failures++) {
          try {
            for await (const _ of subscribe(LIVE, {}, signal)) {
              if (!(await tell())) return;
              failures = 0;
            }
            if (!(await tell())) return;
          } catch (error) {
            if (error.code === "UNAUTHENTICATED") return tell().catch(() => {});
          }
          await runtime.pause(Math.min(30_000, 1_000 * 2 ** failures) * (0.5 + Math.random() / 2), signal);
        }
      };
      follow();
      return () => ending.abort();
    },

    /** The signed-in user with their permissions, or null. Ends a sign-in that is on its way back. */
    async session() {
      const back = returned();
      if (back?.code) await exchange(back);
      return identity.refresh();
    },

    /** Ask anew who is signed in and what they may do; null, and no token, once the session is over. */
    async refresh() {
      if (delivery === "code" && token === null) return (user = null);
      try {
        user = await (await ask("/v1/me")).json();
      } catch (error) {
        if (!(error instanceof IdentityError) || error.code !== "UNAUTHENTICATED") throw error;
        user = token = null;
      }
      return user;
    },

    get user() {
      return user;
    },

    /** Whether the permission was in force when the session was last asked about. For what a page shows: your backend decides. */
    may: (permission) => user !== null && user.permissions.includes(permission),

    /** Leave for the login. `maxAge` asks the person for a new proof. */
    signIn({ provider, loginHint, maxAge } = {}) {
      const more = { provider, login_hint: loginHint };
      if (delivery === "cookie") {
        const reauth = maxAge === undefined ? undefined : "1";
        return leave(`${issuer}/login`, { frontend, delivery, return_to: returnTo, reauth, ...more });
      }
      const asked = { response_type: "code", client_id: frontend, redirect_uri: returnTo, max_age: maxAge, ...more };
      return leave(`${issuer}/v1/auth/authorize`, asked);
    },

    /** Leave for a new proof of the person, to the `stepUpUrl` of a refusal. The session that asked is replaced. */
    stepUp(stepUpUrl = delivery === "cookie" ? `${issuer}/auth/reauthenticate` : null) {
      if (stepUpUrl === null) return identity.signIn({ maxAge: 600 });
      const [there, ours] = [new URL(stepUpUrl), new URL(`${issuer}/`)];
      if (there.origin !== ours.origin || !there.pathname.startsWith(ours.pathname)) {
        throw new TypeError("The address is not the service's.");
      }
      const asked = delivery === "cookie" ? { frontend, return_to: returnTo } : { redirect_uri: returnTo };
      return leave(stepUpUrl, asked);
    },

    /** A GraphQL operation; the whole answer, `errors` included. */
    async graphql(query, variables = {}) {
      const named = { "content-type": "application/json", "identity-request": "1" };
      const response = await ask("/graphql", { method: "POST", headers: named, body: operation(query, variables) });
      return response.json();
    },

    /** End the session here and at the provider, and come back to `returnTo`. */
    async signOut() {
      const named = { "content-type": "application/json", accept: "application/json" };
      const body = JSON.stringify({ frontend, return_to: returnTo });
      const response = await ask("/auth/logout", { method: "POST", headers: named, body });
      user = token = null;
      runtime.navigate((await response.json()).logout_url);
    },

    /** For requests to your own backend, which introspects it. Null with the delivery `cookie`. */
    get token() {
      return token;
    },
  };
  return identity;
}
