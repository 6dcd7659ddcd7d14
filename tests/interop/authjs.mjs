// Auth.js as a whole, as a server-rendered application has it: prints where the browser goes, reads where it ended, and prints the
// session that its pages see, and whether the token is over after the sign-out.
import { createInterface } from "node:readline";
import { Auth } from "@auth/core";

const [issuer, clientId, redirectUri] = process.argv.slice(2);
const origin = new URL(redirectUri).origin;
let revoked;

const config = {
  basePath: "/auth",
  secret: "a-secret-of-a-test-and-of-nothing-else",
  trustHost: true,
  providers: [
    {
      id: "identity",
      name: "Acme",
      type: "oauth",
      issuer,
      clientId,
      client: { token_endpoint_auth_method: "none" },
      checks: ["pkce", "state"],
      authorization: { url: `${issuer}/v1/auth/authorize`, params: { scope: "" } },
      token: `${issuer}/v1/auth/token`,
      userinfo: `${issuer}/v1/me`,
      profile: (me) => ({ id: me.user_id, name: me.name, email: me.email, permissions: me.permissions }),
    },
  ],
  callbacks: {
    jwt: ({ token, account, user }) => (account ? { ...token, access: account.access_token, permissions: user.permissions } : token),
    session: ({ session, token }) => ({ ...session, permissions: token.permissions, access: token.access }),
  },
  events: {
    signOut: async ({ token }) => {
      const body = new URLSearchParams({ token: token.access, client_id: clientId });
      revoked = (await fetch(`${issuer}/v1/auth/revoke`, { method: "POST", body })).status;
    },
  },
};

/** A browser's cookies, and requests to the application's own routes. */
const jar = new Map();
async function ask(path, form) {
  const headers = { cookie: [...jar].map((pair) => pair.join("=")).join("; ") };
  const body = form && new URLSearchParams(form);
  const answer = await Auth(new Request(new URL(path, origin), { method: form ? "POST" : "GET", headers, body }), config);
  for (const set of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
    if (value === "") jar.delete(name);
    else jar.set(name, value);
  }
  return answer;
}

const { csrfToken } = await (await ask("/auth/csrf")).json();
const left = await ask("/auth/signin/identity", { csrfToken, callbackUrl: `${origin}/` });
console.log(left.headers.get("location"));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ended = new URL((await lines.next()).value);
const back = await ask(`${ended.pathname}${ended.search}`);
const session = await (await ask("/auth/session")).json();
await ask("/auth/signout", { csrfToken });
const me = await fetch(`${issuer}/v1/me`, { headers: { authorization: `Bearer ${session.access}` } });
const after = await (await ask("/auth/session")).json();
console.log(JSON.stringify({ arrived: back.headers.get("location"), session, revoked, after, over: me.status }));
process.exit(0);
