// A public client of the service by the library that is named: prints where the browser goes, reads where it ended, prints what
// it learned.
import { createInterface } from "node:readline";

const [library, issuer, clientId, redirectUri] = process.argv.slice(2);
const metadata = `${issuer}/.well-known/oauth-authorization-server`;

const libraries = {
  async "oidc-client-ts"() {
    const { OidcClient, WebStorageStateStore, InMemoryWebStorage } = await import("oidc-client-ts");
    const client = new OidcClient({
      authority: issuer,
      metadataUrl: metadata,
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: "permissions", // not "openid": the service issues no ID Token
      omitScopeWhenRequesting: true,
      stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    });
    const { url } = await client.createSigninRequest({});
    const end = async (ended) => (await client.processSigninResponse(ended.href)).access_token;
    return { url, end, signOut: (token) => client.revokeToken(token, "access_token") };
  },

  async oauth4webapi() {
    const oauth = await import("oauth4webapi");
    const open = { [oauth.allowInsecureRequests]: true };
    const found = await oauth.discoveryRequest(new URL(issuer), { ...open, algorithm: "oauth2" });
    const server = await oauth.processDiscoveryResponse(new URL(issuer), found);
    const [client, verifier, state] = [{ client_id: clientId }, oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
    const url = new URL(server.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id: clientId,
      redirect_uri: redirectUri,
      response_type: "code",
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state,
    });
    const end = async (ended) => {
      const given = oauth.validateAuthResponse(server, client, ended, state);
      const answer = await oauth.authorizationCodeGrantRequest(
        server, client, oauth.None(), given, redirectUri, verifier, open,
      );
      return (await oauth.processAuthorizationCodeResponse(server, client, answer)).access_token;
    };
    return { url: url.href, end };
  },

  async appauth() {
    const appauth = await import("@openid/appauth");
    const { NodeCrypto } = await import("@openid/appauth/built/node_support/index.js");
    const server = new appauth.AuthorizationServiceConfiguration(await (await fetch(metadata)).json());
    const asked = new appauth.AuthorizationRequest(
      { client_id: clientId, redirect_uri: redirectUri, scope: "", response_type: "code" }, new NodeCrypto(), true,
    );
    await asked.setupCodeVerifier();
    class Handler extends appauth.AuthorizationRequestHandler {
      performAuthorizationRequest() {}
      completeAuthorizationRequest() {}
    }
    const handler = new Handler(new appauth.BasicQueryStringUtils(), new NodeCrypto());
    const url = handler.buildRequestUrl(server, asked);
    const end = async (ended) => {
      if (ended.searchParams.get("state") !== asked.state) throw new Error("another state");
      const request = new appauth.TokenRequest({
        client_id: clientId,
        redirect_uri: redirectUri,
        grant_type: appauth.GRANT_TYPE_AUTHORIZATION_CODE,
        code: ended.searchParams.get("code"),
        extras: { code_verifier: asked.internal.code_verifier },
      });
      const tokens = new appauth.BaseTokenRequestHandler(new appauth.FetchRequestor());
      return (await tokens.performTokenRequest(server, request)).accessToken;
    };
    return { url, end };
  },
};

const { url, end, signOut } = await libraries[library]();
console.log(url);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const token = await end(new URL((await lines.next()).value));
const ask = () => fetch(`${issuer}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
const me = await (await ask()).json();
await signOut?.(token);
console.log(JSON.stringify({ me, token, after: (await ask()).status }));
process.exit(0);
