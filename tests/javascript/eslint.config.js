// The widgets' files are joined into one text before they run, so each sees what the others define.

import { readFileSync, readdirSync } from "node:fs";
import js from "@eslint/js";
import globals from "globals";

const root = new URL("../../", import.meta.url);
const folders = ["vaelib/widgets/static/", "vaelib/explorer/static/", "vaelib/laboratory/static/"];
const pages = ["vaelib/explorer/page.py", "vaelib/explorer/drawing_page.py", "vaelib/explorer/figure_page.py", "vaelib/laboratory/page.py"]; // each names the function that opens its page
const texts = new Map(
  folders
    .flatMap((folder) => readdirSync(new URL(folder, root)).map((name) => folder + name))
    .filter((path) => /\.(js|html)$/.test(path))
    .concat(pages)
    .map((path) => [path, readFileSync(new URL(path, root), "utf8")]),
);
const files = [...texts.keys()].filter((name) => name.endsWith(".js"));
const definedIn = (name) => Array.from(texts.get(name).matchAll(/^(?:const|(?:async )?function) (\w+)/gm), (m) => m[1]);
const isWidget = (name) => name.endsWith("-widget.js"); // it stands alone in its text, and no other sees it

const rules = { eqeqeq: ["error", "always", { null: "ignore" }], "no-var": "error", "prefer-const": "error" };

// The site's scripts stand beside what their pages have; on the front page one uses what another has `opened`.
const site = {
  files: ["docs/**/*.js"],
  languageOptions: {
    sourceType: "script",
    globals: { ...globals.browser, Search: "readonly", PAGE: "readonly", openLabPage: "readonly" },
  },
  rules: { ...rules, "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^opened$" }] },
};

// What a file may use of the others, and what of its own it need not use itself because others do.
function forFile(name) {
  const others = files.filter((other) => other !== name && !isWidget(other));
  const known = Object.fromEntries(others.flatMap(definedIn).map((defined) => [defined, "readonly"]));
  const elsewhere = [...texts].filter(([other]) => other !== name).map(([, text]) => text);
  const used = definedIn(name).filter((defined) => elsewhere.some((text) => new RegExp(`\\b${defined}\\b`).test(text)));
  const unused = { argsIgnorePattern: "^_", varsIgnorePattern: `^(${used.join("|")})$` };
  return {
    files: [name],
    languageOptions: { globals: { ...globals.browser, ...known } },
    rules: { ...rules, "no-unused-vars": ["error", unused] },
  };
}

export default [
  js.configs.recommended,
  ...files.map(forFile),
  site,
  { files: ["tests/**/*.js"], languageOptions: { globals: globals.node }, rules },
];
