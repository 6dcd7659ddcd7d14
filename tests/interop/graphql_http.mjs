// The audits of graphql-http, which is the reference of GraphQL over HTTP, against an endpoint: prints what each found.
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);
const signedIn = (target, asked) =>
  fetch(target, { ...asked, headers: { ...asked?.headers, authorization: `Bearer ${token}` } });

const found = [];
for (const audit of serverAudits({ url, fetchFn: signedIn })) {
  const { name, status, reason } = await audit.fn();
  found.push({ name, status, reason });
}
console.log(JSON.stringify(found));
