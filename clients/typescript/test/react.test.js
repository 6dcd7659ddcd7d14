import assert from "node:assert/strict";
import { test } from "node:test";
import { ALICE, client, root, settled } from "./page.js";

const { act, createElement, StrictMode } = await import("react");
const { createRoot } = await import("react-dom/client");
const { IdentityProvider, useIdentity } = await import("../src/react.js");
globalThis.IS_REACT_ACT_ENVIRONMENT = true;

function Page() {
  const { user, error, isLoading, may } = useIdentity();
  if (isLoading) return "...";
  return `${user?.name ?? "nobody"} ${may("docs:read")} ${error?.code ?? ""}`.trim();
}

async function shown(identity, Mode = ({ children }) => children) {
  const place = root();
  const page = createRoot(place);
  const tree = createElement(Mode, null, createElement(IdentityProvider, { identity }, createElement(Page)));
  await act(async () => {
    page.render(tree);
    await settled();
  });
  return { place, close: () => act(() => page.unmount()) };
}

test("a component shows who is signed in, follows what they may do, and stops when it is gone", async () => {
  const { identity, seen, change } = client();
  const { place, close } = await shown(identity);
  assert.equal(place.textContent, "Alice true");
  await act(() => change({ ...ALICE, permissions: [] }));
  assert.equal(place.textContent, "Alice false");
  await act(() => change(null));
  assert.equal(place.textContent, "nobody false");
  await close();
  assert.deepEqual([seen.followed, seen.ended], [1, 1]);
});

test("in strict mode, which mounts twice, a sign-in on its way back is ended once", async () => {
  const { identity, seen } = client();
  const { place, close } = await shown(identity, StrictMode);
  assert.equal(place.textContent, "Alice true");
  await close();
  assert.deepEqual([seen.sessions, seen.followed, seen.ended], [1, 1, 1]);
});

test("a failed step-up is told beside the session that goes on", async () => {
  const failure = Object.assign(new Error("No."), { code: "STEP_UP_CANCELLED" });
  const { place, close } = await shown(client({ failure }).identity);
  assert.equal(place.textContent, "Alice true STEP_UP_CANCELLED");
  await close();
});

test("without a provider the hook says what is missing", async () => {
  const { renderToString } = await import("react-dom/server.node");
  assert.throws(() => renderToString(createElement(Page)), /IdentityProvider/);
  const { identity, seen } = client();
  assert.equal(renderToString(createElement(IdentityProvider, { identity }, createElement(Page))), "...");
  assert.equal(seen.sessions, 0, "a server asks nothing");
});
