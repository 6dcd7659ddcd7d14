import { createIdentity } from "/identity.js";
import { settings } from "/settings.js";

const identity = createIdentity({ ...settings, returnTo: `${location.origin}/` });
const at = (id) => document.getElementById(id);

function show() {
  const { user } = identity;
  at("who").textContent = user === null ? "Nobody is signed in." : `Signed in: ${user.name}`;
  at("permissions").replaceChildren(
    ...(user?.permissions ?? []).map((name) => Object.assign(document.createElement("li"), { textContent: name })),
  );
  for (const id of ["step-up", "ask", "sign-out"]) at(id).hidden = user === null;
  at("sign-in").hidden = user !== null;
}

const told = (error) => (at("told").textContent = `${error.error ?? "error"}: ${error.code}`);

at("sign-in").onclick = () => identity.signIn();
at("step-up").onclick = () => identity.stepUp();
at("ask").onclick = () => identity.refresh().then(show, told);
at("sign-out").onclick = () => identity.signOut().catch(told);

try {
  await identity.session();
} catch (error) {
  told(error);
  await identity.refresh();
}
show();
if (identity.user !== null) identity.onPermissions(show);
