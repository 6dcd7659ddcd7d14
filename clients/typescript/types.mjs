// Writes src/schema.d.ts from schema.graphql; with --check it writes nothing, and fails if that would change the file.
import { readFileSync, writeFileSync } from "node:fs";
import { codegen } from "@graphql-codegen/core";
import * as typescript from "@graphql-codegen/typescript";
import { parse } from "graphql";

const target = new URL("src/schema.d.ts", import.meta.url);
const types = await codegen({
  filename: "schema.d.ts",
  schema: parse(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8")),
  documents: [],
  plugins: [{ typescript: {} }],
  pluginMap: { typescript },
  config: { enumsAsTypes: true, immutableTypes: true, avoidOptionals: { field: true }, scalars: { DateTime: "string" } },
});
const written = `// Made from schema.graphql: npm run types.\n${types}`;

if (!process.argv.includes("--check")) writeFileSync(target, written);
else if (readFileSync(target, "utf8") !== written) {
  console.error("src/schema.d.ts is not what schema.graphql says. Run: npm run types --prefix clients/typescript");
  process.exit(1);
}
