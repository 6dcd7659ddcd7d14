import assert from "node:assert/strict";
import { test } from "node:test";
import { ALICE, client, root, settled } from "./page.js";

const { createApp, h, nextTick } = await import("vue");
const { identityPlugin, useIdentity } = await import("../src/vue.js");

const Page = {
  setup() {
    const { user, error, isLoading, may } = useIdentity();
    return () =>
      h("p", isLoading.value ? "..." : `${user.value?.name ?? "nobody"} ${may("docs:read")} ${error.value?.code ?? ""}`.trim());
  },
};

async function shown(identity) {
  const place = root();
  const app = createApp(Page).use(identityPlugin, identity);
  app.mount(place);
  await settled();
  return { place, app };
}

test("a component shows who is signed in, follows what they may do, and stops when it is gone", async () => {
  const { identity, seen, change } = client();
  const { place, app } = await shown(identity);
  assert.equal(place.textContent, "Alice true");
  change({ ...ALICE, permissions: [] });
  await nextTick();
  assert.equal(place.textContent, "Alice false");
  change(null);
  await nextTick();
  assert.equal(place.textContent, "nobody false");
  app.unmount();
  assert.deepEqual([seen.sessions, seen.followed, seen.ended], [1, 1, 1]);
});

test("a failed step-up is told beside the session that goes on", async () => {
  const failure = Object.assign(new Error("No."), { code: "STEP_UP_CANCELLED" });
  const { place, app } = await shown(client({ failure }).identity);
  assert.equal(place.textContent, "Alice true STEP_UP_CANCELLED");
  app.unmount();
});

test("without the plugin the composable says what is missing", () => {
  const app = createApp(Page);
  app.config.warnHandler = () => {};
  assert.throws(() => app.mount(root()), /identityPlugin/);
});
