// What the bindings share: a sign-in is ended once, and then followed.

const begun = new WeakMap();

/**
 * Tell `changed({ user, error, isLoading: false })` now and whenever something differs. A client's sign-in is ended once,
 * however often its page is shown. Returns a function that ends it.
 */
export function follow(identity, changed) {
  let [isOver, end] = [false, () => {}];
  const tell = (error) => isOver || changed({ user: identity.user, error, isLoading: false });
  if (!begun.has(identity)) begun.set(identity, identity.session().then(() => null, (error) => error));
  begun.get(identity).then(async (error) => {
    // After a failure the session that there was before goes on.
    if (error !== null) await identity.refresh().catch(() => {});
    tell(error);
    if (!isOver && identity.user !== null) end = identity.onPermissions(() => tell(null));
  });
  return () => {
    isOver = true;
    end();
  };
}
