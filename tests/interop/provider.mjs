// A certified OpenID Provider (npm oidc-provider) for the interoperation tests: real protocol, people in memory.
//
// Started with its settings as one JSON argument: {port, clientId, clientSecret, redirectUri, postLogoutUri}.
// Prints "ready" when it listens. Its people change through PATCH /test/people/{name} {groups?, removed?}.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${settings.port}`;
const people = new Map([
  ["alice", { name: "Alice Example", groups: ["engineering", "platform"], removed: false }],
  ["bob", { name: "Bob Example", groups: ["support"], removed: false }],
]);

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: settings.clientId,
      client_secret: settings.clientSecret,
      token_endpoint_auth_method: "client_secret_basic",
      redirect_uris: [settings.redirectUri],
      post_logout_redirect_uris: [settings.postLogoutUri],
      response_types: ["code"],
      grant_types: ["authorization_code", "refresh_token"],
    },
  ],
  pkce: { required: () => true },
  scopes: ["openid", "offline_access", "profile", "email", "groups"],
  claims: {
    openid: ["sub"],
    profile: ["name", "preferred_username"],
    email: ["email", "email_verified"],
    groups: ["groups"],
  },
  // Claims also in the ID token, so that a refresh alone tells the groups.
  conformIdTokenClaims: false,
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client, code) => code.scopes.has("offline_access"),
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  cookies: { keys: ["interop"] },
  ttl: { AccessToken: 300, IdToken: 300, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 600 },
  async findAccount(ctx, id) {
    const person = people.get(id);
    if (!person || person.removed) return undefined;
    return {
      accountId: id,
      claims: async () => ({
        sub: id,
        name: person.name,
        preferred_username: id,
        email: `${id}@example.com`,
        email_verified: true,
        groups: person.groups,
      }),
    };
  },
});

const answer = provider.callback();

createServer(async (request, response) => {
  const match = /^\/test\/people\/(\w+)$/.exec(request.url ?? "");
  if (!match) return answer(request, response);
  let body = "";
  for await (const chunk of request) body += chunk;
  Object.assign(people.get(match[1]), JSON.parse(body));
  response.writeHead(204).end();
}).listen(settings.port, "127.0.0.1", () => console.log("ready"));
