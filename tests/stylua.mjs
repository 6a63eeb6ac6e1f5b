// Formats Lua with StyLua's WebAssembly build, which has no command line of its own.
//
// node stylua.mjs check|fix CONFIG FILE...    CONFIG is the content of stylua.toml as JSON.
// Prints the files whose format differs, and exits with 1 if "check" found any; 2 for files it cannot parse.

import { readFileSync, writeFileSync } from "node:fs";
import * as stylua from "@johnnymorganz/stylua";

const ENUMS = {
  syntax: "LuaVersion",
  line_endings: "LineEndings",
  indent_type: "IndentType",
  quote_style: "QuoteStyle",
  call_parentheses: "CallParenType",
  collapse_simple_statement: "CollapseSimpleStatement",
};

function configFrom(options) {
  const config = stylua.Config.new();
  for (const [key, value] of Object.entries(options)) {
    const enumeration = stylua[ENUMS[key]];
    if (enumeration ? !(value in enumeration) : typeof value !== typeof config[key]) {
      throw new Error(`stylua.toml: ${key} = ${JSON.stringify(value)} means nothing to StyLua`);
    }
    config[key] = enumeration ? enumeration[value] : value;
  }
  return config;
}

const [mode, options, ...files] = process.argv.slice(2);
const parsed = JSON.parse(options);
let differing = 0;
let broken = 0;
for (const file of files) {
  const text = readFileSync(file, "utf8");
  let formatted;
  try {
    // A call uses its Config up.
    formatted = stylua.formatCode(text, configFrom(parsed), undefined, stylua.OutputVerification.Full);
  } catch (error) {
    broken += 1;
    console.log(`${file}: ${error}`);
    continue;
  }
  if (formatted === text) continue;
  differing += 1;
  console.log(mode === "fix" ? `${file}: formatted` : `${file}: would be formatted differently`);
  if (mode === "fix") writeFileSync(file, formatted);
}
process.exitCode = broken ? 2 : mode === "check" && differing ? 1 : 0;
