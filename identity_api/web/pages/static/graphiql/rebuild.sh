#!/bin/sh
# Rebuilds the vendored files of this folder from npm packages. Needs node and npm; the service itself needs neither.
# To move to another version, change the numbers here, run the script, and look at the page in a browser.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm init --yes >/dev/null
npm install --ignore-scripts --no-audit --no-fund --silent graphiql@4.1.2 react@18.3.1 react-dom@18.3.1 graphql@16.15.0

cp node_modules/react/umd/react.production.min.js node_modules/react-dom/umd/react-dom.production.min.js "$here"
HERE="$here" node <<'JS'
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const here = process.env.HERE;

// The maps are not shipped, so browsers must not be told to fetch them.
const script = fs.readFileSync("node_modules/graphiql/graphiql.min.js", "utf8");
fs.writeFileSync(path.join(here, "graphiql.min.js"), script.replace(/\/\/# sourceMappingURL=.*\s*$/, ""));

// Six sevenths of the style sheet are web fonts as data; the page names fonts of the system instead.
const style = fs.readFileSync("node_modules/graphiql/graphiql.min.css", "utf8");
fs.writeFileSync(path.join(here, "graphiql.min.css"), style.replace(/@font-face\s*\{[^}]*\}\s*/g, ""));

// Whose code is inside: the source map knows.
const map = JSON.parse(fs.readFileSync("node_modules/graphiql/graphiql.min.js.map", "utf8"));
const names = new Set(["graphiql", "react", "react-dom", "scheduler"]);
for (const name of ["@graphiql/react", "@graphiql/toolkit", "codemirror-graphql", "graphql-language-service"]) names.add(name);
for (const source of map.sources) {
  const parts = source.split("node_modules/").pop().split("/");
  if (source.includes("node_modules/")) names.add(parts[0].startsWith("@") ? parts.slice(0, 2).join("/") : parts[0]);
}
// Some were bundled and are no dependencies any more; of those only the licence text is needed.
const missing = [...names].filter((name) => !fs.existsSync(path.join("node_modules", name)));
if (missing.length > 0) {
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--legacy-peer-deps"];
  execFileSync("npm", ["install", ...options, ...missing]);
}
const byText = new Map();
for (const name of [...names].sort()) {
  const folder = path.join("node_modules", name);
  const about = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const file = fs.readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const author = typeof about.author === "string" ? about.author : about.author?.name ?? "its authors";
  const text = file ? fs.readFileSync(path.join(folder, file), "utf8").trim() : `${about.license}, by ${author}`;
  const known = byText.get(text) ?? [];
  byText.set(text, [...known, `${name} ${about.version}`]);
}
const blocks = [...byText].map(([text, packages]) => `${packages.join("\n")}\n\n${text.replace(/\r\n/g, "\n").replace(/[ \t]+$/gm, "")}\n`);
fs.writeFileSync(path.join(here, "LICENSES.txt"), blocks.join(`\n${"-".repeat(80)}\n\n`));
JS
ls -l "$here"
