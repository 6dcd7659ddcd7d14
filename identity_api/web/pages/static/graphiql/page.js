// The page around GraphiQL: sends queries to this page's own address, as the session of this browser.
"use strict";

const hint = document.getElementById("hint");

function show(text, link) {
  hint.replaceChildren(text);
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.href;
    anchor.textContent = link.text;
    hint.append(" ", anchor);
  }
  hint.hidden = false;
}

let mayReadSchema = true;

function advise(status, codes) {
  mayReadSchema &&= !codes.includes("INTROSPECTION_DISABLED");
  if (status === 401) {
    // Relative, so that it stays under a tenant's path prefix.
    show("You are not signed in, so no query can be answered.", { href: "login", text: "Sign in" });
  } else if (!mayReadSchema) {
    show("You may send queries, but not read the schema, which needs identity:schema:read: completion and documentation are empty.");
  } else {
    hint.hidden = true;
  }
}

async function fetcher(parameters) {
  const response = await fetch(window.location.pathname, {
    method: "POST",
    credentials: "same-origin",
    headers: {
      "Accept": "application/graphql-response+json",
      "Content-Type": "application/json",
      // A header that another site's form cannot send: the service asks for it with every cookie session.
      "Identity-Request": "1",
    },
    body: JSON.stringify(parameters),
  });
  let answer;
  try {
    answer = await response.json();
  } catch {
    answer = {};
  }
  const errors = Array.isArray(answer.errors) ? answer.errors : [];
  advise(response.status, errors.map((error) => error.extensions && error.extensions.code));
  if (!response.ok && errors.length === 0) {
    const message = answer.title || answer.message || `The service answered ${response.status}.`;
    return { errors: [{ message, extensions: { code: answer.code, request_id: answer.request_id } }] };
  }
  return answer;
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    // Headers are the page's business: a bearer token typed here would be refused next to the cookie.
    isHeadersEditorEnabled: false,
    showPersistHeadersSettings: false,
    defaultQuery: "# Ctrl-Enter runs, Ctrl-Space completes\n{\n  __typename\n}\n",
  }),
);
