// Writes src/schema.d.ts from schema.graphql. npm runs it after `npm ci` and before it packs, so that the types are the schema's.
import { readFileSync, writeFileSync } from "node:fs";
import { codegen } from "@graphql-codegen/core";
import * as typescript from "@graphql-codegen/typescript";
import { parse } from "graphql";

const types = await codegen({
  filename: "schema.d.ts",
  schema: parse(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8")),
  documents: [],
  plugins: [{ typescript: {} }],
  pluginMap: { typescript },
  config: { enumsAsTypes: true, immutableTypes: true, avoidOptionals: { field: true }, scalars: { DateTime: "string" } },
});
writeFileSync(new URL("src/schema.d.ts", import.meta.url), `// Made from schema.graphql by types.mjs.\n${types}`);
