// The client in Vue: a plugin that follows who is signed in over one connection, and a composable.
import { inject, readonly, shallowRef } from "vue";
import { follow } from "./follow.js";

const KEY = Symbol("identity");

/** `app.use(identityPlugin, identity)`, once. It ends with the application. */
export const identityPlugin = {
  install(app, identity) {
    const [user, error, isLoading] = [shallowRef(identity.user), shallowRef(null), shallowRef(true)];
    const end = follow(identity, (state) => {
      [user.value, error.value, isLoading.value] = [state.user, state.error, state.isLoading];
    });
    const unmount = app.unmount;
    app.unmount = () => {
      end();
      unmount();
    };
    app.provide(KEY, {
      identity,
      user: readonly(user),
      error: readonly(error),
      isLoading: readonly(isLoading),
      may: (permission) => user.value?.permissions.includes(permission) ?? false,
      signIn: (options) => identity.signIn(options),
      stepUp: (stepUpUrl) => identity.stepUp(stepUpUrl),
      signOut: () => identity.signOut(),
    });
  },
};

/** Who is signed in, what they may do, and what they can do about it; `user`, `error` and `isLoading` are refs. */
export function useIdentity() {
  const given = inject(KEY, null);
  if (given === null) throw new Error("useIdentity needs app.use(identityPlugin, identity).");
  return given;
}
