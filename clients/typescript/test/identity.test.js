import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createIdentity, IdentityError } from "../src/identity.js";

const URL_ = "https://login.acme.example";
const BACK = "https://app.example/done";
const ME = { user_id: "1", permissions: ["docs:read"] };

/** A browser's tab that stays: its storage, its address, and a service that answers as it is told. */
function tab(answers = {}) {
  const kept = new Map();
  const seen = { asked: [], left: [], address: BACK };
  const runtime = {
    storage: { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) },
    address: () => seen.address,
    navigate: (url) => seen.left.push(url),
    replace: (url) => (seen.address = url),
    fetch: async (url, options) => {
      seen.asked.push({ url, ...options });
      const [status, body] = answers[new URL(url).pathname] ?? [404, { code: "NOT_FOUND" }];
      return new Response(body === undefined ? null : JSON.stringify(body), { status });
    },
  };
  const open = (more = {}) => createIdentity({ url: URL_, frontend: "app", returnTo: BACK, ...runtime, ...more });
  return { seen, kept, open, answers, fetch: runtime.fetch };
}

const left = (seen) => new URL(seen.left.at(-1));
const ANSWERS = { "/v1/auth/token": [200, { access_token: "iab_new" }], "/v1/me": [200, ME] };

async function signedIn(answers = ANSWERS) {
  const page = tab({ ...answers });
  await page.open().signIn();
  const state = left(page.seen).searchParams.get("state");
  page.seen.address = `${BACK}?tab=1&code=oc_1&state=${state}&iss=${encodeURIComponent(URL_)}`;
  const identity = page.open();
  await identity.session();
  return { ...page, identity };
}

test("a sign-in asks with PKCE, and nothing of it stays in the address or in storage", async () => {
  const { seen, kept, identity } = await signedIn();
  const asked = left(seen);
  const sent = new URLSearchParams(seen.asked[0].body);
  assert.equal(asked.origin + asked.pathname, `${URL_}/v1/auth/authorize`);
  const challenge = createHash("sha256").update(sent.get("code_verifier")).digest("base64url");
  assert.equal(asked.searchParams.get("code_challenge"), challenge);
  assert.equal(sent.get("redirect_uri"), BACK);
  assert.equal(seen.address, `${BACK}?tab=1`);
  assert.equal(kept.size, 0);
  assert.equal(identity.token, "iab_new");
});

test("permissions are those that the service last told, and none once the session is over", async () => {
  const { identity, answers } = await signedIn();
  assert.equal(identity.may("docs:read"), true);
  assert.equal(identity.may("docs:write"), false);
  answers["/v1/me"] = [401, { code: "UNAUTHENTICATED" }];
  assert.equal(await identity.refresh(), null);
  assert.equal(identity.may("docs:read"), false);
  assert.equal(identity.token, null);
});

for (const [name, change] of [
  ["another state", (given) => given.set("state", "theirs")],
  ["another issuer", (given) => given.set("iss", "https://evil.example")],
  ["no issuer", (given) => given.delete("iss")],
]) {
  test(`a way back with ${name} is refused, and no code is sent anywhere`, async () => {
    const page = tab(ANSWERS);
    await page.open().signIn();
    const given = new URLSearchParams({ code: "oc_1", state: left(page.seen).searchParams.get("state"), iss: URL_ });
    change(given);
    page.seen.address = `${BACK}?${given}`;
    await assert.rejects(page.open().session(), { code: "NOT_BEGUN_HERE" });
    assert.equal(page.seen.asked.length, 0);
  });
}

test("an error on the way back is thrown once, with all that was told", async () => {
  const page = tab(ANSWERS);
  await page.open().signIn();
  const state = left(page.seen).searchParams.get("state");
  const told = { error: "access_denied", error_description: "No.", error_code: "NO_ACCESS", request_id: "r", state, iss: URL_ };
  page.seen.address = `${BACK}?${new URLSearchParams(told)}`;
  const identity = page.open();
  await assert.rejects(identity.session(), (error) => {
    assert.ok(error instanceof IdentityError);
    assert.deepEqual([error.error, error.code, error.message, error.requestId], ["access_denied", "NO_ACCESS", "No.", "r"]);
    return true;
  });
  assert.equal(await identity.session(), null);
});

test("a step-up presents the session that asked, which goes on where it was cancelled", async () => {
  for (const outcome of ["code=oc_2", "error=access_denied&error_code=PROVIDER_REFUSED"]) {
    const { seen, open, identity } = await signedIn();
    await identity.stepUp(`${URL_}/v1/auth/authorize?response_type=code&client_id=app&max_age=600`);
    const asked = left(seen).searchParams;
    assert.equal(asked.get("max_age"), "600");
    seen.address = `${BACK}?${outcome}&state=${asked.get("state")}&iss=${encodeURIComponent(URL_)}`;
    seen.asked.length = 0;
    const again = open();
    if (outcome.startsWith("code")) {
      await again.session();
      assert.equal(seen.asked[0].headers.authorization, "Bearer iab_new");
    } else {
      await assert.rejects(again.session(), { error: "access_denied" });
      assert.equal(again.token, "iab_new");
    }
  }
});

test("a step-up that was abandoned leaves no token in storage, and its session goes on", async () => {
  const { seen, kept, open, identity } = await signedIn();
  await identity.stepUp(`${URL_}/v1/auth/authorize?response_type=code&client_id=app&max_age=600`);
  assert.equal(kept.size, 1);
  seen.address = BACK;
  const again = open();
  assert.equal((await again.session()).user_id, "1");
  assert.deepEqual([again.token, kept.size], ["iab_new", 0]);
});

test("an answer after ten minutes is refused, and the session that asked goes on", async (t) => {
  t.mock.timers.enable({ apis: ["Date"] });
  for (const [waited, outcome] of [[600_000, null], [600_001, "LOGIN_EXPIRED"]]) {
    const { seen, kept, open, identity } = await signedIn();
    await identity.stepUp(`${URL_}/v1/auth/authorize?max_age=600`);
    t.mock.timers.tick(waited);
    seen.address = `${BACK}?code=oc_2&state=${left(seen).searchParams.get("state")}&iss=${encodeURIComponent(URL_)}`;
    seen.asked.length = 0;
    const again = open();
    if (outcome === null) assert.equal((await again.session()).user_id, "1");
    else await assert.rejects(again.session(), { code: outcome });
    assert.equal(seen.asked.some(({ url }) => url.endsWith("/v1/auth/token")), outcome === null);
    assert.deepEqual([again.token, kept.size, seen.address], ["iab_new", 0, BACK]);
  }
});

test("a step-up leads to the service and nowhere else", async () => {
  const { identity } = await signedIn();
  assert.throws(() => identity.stepUp("https://evil.example/v1/auth/authorize"), TypeError);
  assert.throws(() => identity.stepUp(`${URL_}.evil.example/`), TypeError);
  assert.throws(() => identity.stepUp(`${URL_}@evil.example/`), TypeError);
  const behind = tab().open({ url: `${URL_}/t/acme` });
  assert.throws(() => behind.stepUp(`${URL_}/t/acme/../evil/v1/auth/authorize`), TypeError);
});

test("with cookies there is no token, and requests carry credentials", async () => {
  const page = tab({ "/v1/me": [200, ME], "/graphql": [200, { data: {} }] });
  const identity = page.open({ delivery: "cookie" });
  assert.equal((await identity.session()).user_id, "1");
  await identity.graphql("{ viewer { user { id } } }");
  for (const asked of page.seen.asked) assert.equal(asked.credentials, "include");
  assert.equal(page.seen.asked[1].headers["identity-request"], "1");
  assert.equal(identity.token, null);
  await identity.signIn();
  assert.equal(left(page.seen).pathname, "/login");
});

test("sign-out leads to where the service says, and forgets", async () => {
  const { identity, seen } = await signedIn({ ...ANSWERS, "/auth/logout": [200, { logout_url: `${URL_}/leave` }] });
  await identity.signOut();
  assert.equal(seen.left.at(-1), `${URL_}/leave`);
  assert.deepEqual(JSON.parse(seen.asked.at(-1).body), { frontend: "app", return_to: BACK });
  assert.equal(identity.token, null);
  assert.equal(identity.user, null);
});

/** An answer that goes on: what is written to it, in pieces as they come. */
function stream() {
  const encoder = new TextEncoder();
  let out;
  const body = new ReadableStream({ start: (controller) => (out = controller) });
  const send = (text) => out.enqueue(encoder.encode(text));
  return { response: new Response(body, { status: 200 }), send, cut: () => out.close() };
}

const RESULT = 'event: next\ndata: {"data":{"viewer":{}}}\n\n';

/** A tab whose streams are these, one after the other; `told` is what the page was told, as it comes. */
async function following(streams, answers = ANSWERS) {
  const page = await signedIn(answers);
  const waiting = [];
  const told = [];
  const fetch = (url, options) =>
    url.endsWith("/graphql") ? Promise.resolve(streams.shift().response) : page.fetch(url, options);
  const next = () => (told.length ? told.shift() : new Promise((done) => waiting.push(done)));
  const changed = (user) => (waiting.length ? waiting.shift()(user) : told.push(user));
  return { ...page, fetch, next, changed };
}

test("a page is told at once, again when something differs, and goes on after a connection that broke", async () => {
  const [first, second] = [stream(), stream()];
  const { answers, open, seen, changed, next, fetch } = await following([first, second]);
  seen.address = `${BACK}`;
  const identity = open({ fetch, delivery: "cookie", pause: async () => {} });
  const end = identity.onPermissions(changed);
  first.send(":\n\nevent: ne");
  first.send(RESULT.slice("event: ne".length));
  assert.deepEqual(await next(), ME);
  answers["/v1/me"] = [200, { ...ME, permissions: [] }];
  first.cut();
  second.send(RESULT);
  assert.deepEqual((await next()).permissions, []);
  assert.equal(identity.may("docs:read"), false);
  end();
});

test("a page is told when the session is over, and asks no more", async () => {
  const only = stream();
  const { answers, open, changed, next, fetch } = await following([only]);
  const identity = open({ fetch, delivery: "cookie", pause: async () => {} });
  identity.onPermissions(changed);
  only.send(RESULT);
  await next();
  answers["/v1/me"] = [401, { code: "UNAUTHENTICATED" }];
  only.send('event: next\ndata: {"errors":[]}\n\nevent: complete\ndata: \n\n');
  assert.equal(await next(), null);
});
