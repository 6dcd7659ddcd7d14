// The client in React: a provider that follows who is signed in over one connection, and a hook.
import { createContext, createElement, useContext, useEffect, useMemo, useState } from "react";
import { follow } from "./follow.js";

const Given = createContext(null);

/** Put it around the application, once for each client. */
export function IdentityProvider({ identity, children }) {
  const [state, setState] = useState({ user: identity.user, error: null, isLoading: true });
  useEffect(() => follow(identity, setState), [identity]);
  const value = useMemo(
    () => ({
      ...state,
      identity,
      may: (permission) => state.user?.permissions.includes(permission) ?? false,
      signIn: (options) => identity.signIn(options),
      stepUp: (stepUpUrl) => identity.stepUp(stepUpUrl),
      signOut: () => identity.signOut(),
    }),
    [state, identity],
  );
  return createElement(Given.Provider, { value }, children);
}

/** Who is signed in, what they may do, and what they can do about it. */
export function useIdentity() {
  const given = useContext(Given);
  if (given === null) throw new Error("useIdentity needs an <IdentityProvider> around it.");
  return given;
}
