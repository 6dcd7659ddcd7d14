// Checked by the compiler alone: what is right is accepted, and each line below a directive is refused.
import { createIdentity, IdentityError, type TypedOperation } from "@identity-api/client";
import { IdentityProvider, useIdentity } from "@identity-api/client/react";
import type { Viewer, Webhook } from "@identity-api/client/schema";
import { identityPlugin, useIdentity as useVueIdentity } from "@identity-api/client/vue";
import { createElement } from "react";
import { createApp } from "vue";

const identity = createIdentity({ url: "https://login.acme.example", frontend: "app", returnTo: "https://app.acme.example/" });
// @ts-expect-error a frontend has a slug
createIdentity({ url: "https://login.acme.example", returnTo: "https://app.acme.example/" });

const name: string | undefined = (await identity.session())?.name;
const { data } = await identity.graphql<{ viewer: Pick<Viewer, "permissions"> }>("{ viewer { permissions { name } } }");
const held: readonly string[] = (data?.viewer.permissions ?? []).map((one) => one.name);
// @ts-expect-error there is no such field
data?.viewer.rights;

declare const typed: TypedOperation<{ webhooks: Pick<Webhook, "url">[] }, { after: string }>;
const urls: string[] | undefined = (await identity.graphql(typed, { after: "1" })).data?.webhooks.map((one) => one.url);
// @ts-expect-error a position is text
await identity.graphql(typed, { after: 1 });

for await (const result of identity.subscribe<{ viewer: Viewer }>("subscription { viewer { permissions { name } } }")) {
  if (result.errors?.[0]?.extensions?.code === "UNAUTHENTICATED") break;
}
const end: () => void = identity.onPermissions((user) => user?.permissions.includes("docs:read"));

createElement(IdentityProvider, { identity }, null);
const may: boolean = useIdentity().may("docs:read");
createApp({}).use(identityPlugin, identity);
const loading: boolean = useVueIdentity().isLoading.value;
// @ts-expect-error the user can be nobody
useIdentity().user.name;

export { end, held, IdentityError, loading, may, name, urls };
