// A page without a browser, and a client whose service is told what to say.
import { Window } from "happy-dom";

const window = new Window({ url: "https://app.example/" });
for (const name of ["document", "Element", "HTMLElement", "SVGElement", "Node", "Event", "navigator"]) Object.defineProperty(globalThis, name, { value: window[name], configurable: true });
globalThis.window = window;

export const ALICE = { name: "Alice", permissions: ["docs:read"] };

/** A client: `told` is what it says when it is asked, `change(user)` what a stream brings later. */
export function client({ user = ALICE, failure = null } = {}) {
  const seen = { sessions: 0, followed: 0, ended: 0 };
  let changed = () => {};
  const identity = {
    user: null,
    async session() {
      seen.sessions++;
      if (failure !== null) throw failure;
      return (identity.user = user);
    },
    refresh: async () => (identity.user = user),
    onPermissions(told) {
      seen.followed++;
      changed = told;
      return () => seen.ended++;
    },
  };
  const change = (next) => changed((identity.user = next));
  return { identity, seen, change };
}

/** Lets everything that is under way come to its end. */
export const settled = () => new Promise((done) => setTimeout(done, 0));
export const root = () => document.body.appendChild(document.createElement("div"));
