// graphql-sse as it is, in distinct connections mode: prints each result, and `complete` at the end.
import { createClient } from "graphql-sse";

const [url, token] = process.argv.slice(2);
const client = createClient({ url: `${url}/graphql`, headers: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
client.subscribe(
  { query: "subscription { viewer { permissions { name } } }" },
  {
    next: (result) => console.log(JSON.stringify(result)),
    error: (error) => console.log(`error ${error}`),
    complete: () => console.log("complete"),
  },
);
