// What of a GraphQL schema breaks clients: `node schema_changes.mjs BEFORE AFTER`, two files; JSON to standard output.

import { readFileSync } from "node:fs";

import { CriticalityLevel, diff, DiffRule } from "@graphql-inspector/core";
import { buildSchema } from "graphql";

const [before, after] = process.argv.slice(2).map((file) => buildSchema(readFileSync(file, "utf-8")));
const found = await diff(before, after, [DiffRule.suppressRemovalOfDeprecatedField]);
const breaking = found.filter((one) => one.criticality.level === CriticalityLevel.Breaking);
console.log(JSON.stringify(breaking.map(({ path, message }) => ({ path, message }))));
