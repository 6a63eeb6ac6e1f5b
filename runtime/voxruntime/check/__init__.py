"""`voxrt check`: finds mistakes in a scenario without running it.

What the API has comes from `stdlib/_meta/*.lua`, the same files that editors read, so check and types cannot differ.
Whether a text is Lua at all is decided by the interpreter that will run it (`scenario.compiler`). For the rest a
syntax tree is needed. Looked at, in November 2026:

- **tree-sitter** with **tree-sitter-lua**: maintained by many, wheels for every platform, whole Lua 5.4, 4 MB of source
  a second, columns, and a tree also around an error. Chosen; it accepts a little more than Lua does (a `goto` without
  label, an assignment to a constant), which is the interpreter's part here.
- **luaparser**: pure Python over ANTLR, 50 KB of source a second, takes `0xA.8p0` and `goto` for errors.
- **luacheck**: finds undefined and unused names, but knows no types, is a Lua program that pip cannot install, and has
  no way in for what `_meta` says. It checks voxrt's own Lua.
- **full-moon**, the parser of StyLua and selene: a Rust crate without a Python package.
- **lua-language-server**: reads the same types, is 20 MB of its own runtime, and knows neither events nor what their
  listeners get. It stays what `voxrt new` prepares for the editor.
"""
