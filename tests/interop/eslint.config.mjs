// The rules for schema.graphql: graphql-eslint's recommended and Relay configurations. Run it in the root of the repository.

import plugin from "@graphql-eslint/eslint-plugin";

const rulesOf = (name) => plugin.configs[`flat/schema-${name}`].rules;

export default [
  {
    files: ["schema.graphql"],
    languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema: "schema.graphql" } } },
    plugins: { "@graphql-eslint": plugin },
    rules: {
      ...rulesOf("recommended"),
      ...rulesOf("relay"),
      // An id is what `node(id)` takes. `Node` makes its types have one, and values, pages and payloads have none.
      "@graphql-eslint/strict-id-in-types": "off",
      // Relay's specification asks neither that every list is a connection nor that entries are nodes: events have no `node(id)`.
      "@graphql-eslint/relay-edge-types": [
        "error",
        { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
      ],
    },
  },
];
