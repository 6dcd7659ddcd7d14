// openid-client as a public client of the service: prints where the browser goes, reads where it ended, prints what it learned.
import { createInterface } from "node:readline";
import * as client from "openid-client";

const [issuer, clientId, redirectUri, service, secret] = process.argv.slice(2);
const open = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };
const config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), open);
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const asked = {
  redirect_uri: redirectUri,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
};
console.log(client.buildAuthorizationUrl(config, asked).href);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ended = new URL((await lines.next()).value);
const tokens = await client.authorizationCodeGrant(config, ended, { pkceCodeVerifier: verifier, expectedState: state });
const me = await client.fetchProtectedResource(config, tokens.access_token, new URL("/v1/me", issuer), "GET");
const backends = [client.ClientSecretBasic(secret), client.ClientSecretPost(secret)];
const active = [];
for (const method of backends) {
  const backend = await client.discovery(new URL(issuer), service, secret, method, open);
  active.push((await client.tokenIntrospection(backend, tokens.access_token)).active);
}
await client.tokenRevocation(config, tokens.access_token);
const over = await client.tokenIntrospection(
  await client.discovery(new URL(issuer), service, secret, client.ClientSecretPost(secret), open),
  tokens.access_token,
);
const refused = await client
  .authorizationCodeGrant(config, ended, { pkceCodeVerifier: verifier, expectedState: state })
  .catch((error) => error.error);
console.log(JSON.stringify({ me: await me.json(), active, over: over.active, refused }));
process.exit(0);
