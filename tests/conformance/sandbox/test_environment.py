"""What user code finds in its environment, and what it must not find."""

from __future__ import annotations

import pytest

from scenario_stage import Stage

LUA_GLOBALS = {
    "_G", "_VERSION", "assert", "coroutine", "debug", "error", "getmetatable", "ipairs", "load", "math", "next", "os",
    "pairs", "pcall", "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "string",
    "table", "tonumber", "tostring", "type", "utf8", "xpcall",
}  # fmt: skip

LIBRARIES = {
    "coroutine": {"close", "create", "isyieldable", "resume", "running", "status", "wrap", "yield"},
    "debug": {"traceback"},
    "os": {"clock", "date", "difftime", "time"},
    "table": {"concat", "insert", "move", "pack", "remove", "sort", "unpack"},
    "utf8": {"char", "charpattern", "codepoint", "codes", "len", "offset"},
    "string": {
        "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "pack", "packsize", "rep",
        "reverse", "sub", "unpack", "upper",
    },
}  # fmt: skip

NAMES_OF = "for name in pairs(%s) do print(name) end"


def test_globals_are_those_of_lua_that_are_harmless_and_the_api(stage: Stage) -> None:
    stage.run(NAMES_OF % "_G")
    found = set(stage.said())
    lower = {name for name in found if name[0].islower() or name[0] == "_"}
    api = {
        "await", "base64_decode", "base64_encode", "clearInterval", "clearTimeout", "console", "setInterval",
        "setTimeout", "sleep", "uuidgen",
    }  # fmt: skip
    assert lower == LUA_GLOBALS | api


@pytest.mark.parametrize(("library", "names"), LIBRARIES.items())
def test_libraries_hold_what_is_harmless(stage: Stage, library: str, names: set[str]) -> None:
    stage.run(NAMES_OF % library)
    assert set(stage.said()) == names


@pytest.mark.parametrize(
    "name", ["python", "io", "package", "dofile", "loadfile", "collectgarbage", "loadstring", "os.exit",
             "os.getenv", "os.execute", "os.remove", "string.dump", "debug.getinfo", "debug.sethook",
             "debug.getregistry", "debug.getmetatable", "debug.setmetatable", "debug.upvalueid"]
)  # fmt: skip
def test_powers_are_absent(stage: Stage, name: str) -> None:
    stage.run(f"print({name})")
    assert stage.said() == ["nil"]


def test_string_metatable_is_hidden(stage: Stage) -> None:
    stage.run("print(getmetatable(''))")
    assert stage.said() == ["false"]


def test_string_methods_keep_their_meaning_whatever_the_scenario_puts_in_string(stage: Stage) -> None:
    stage.run("string.upper = function() return 'mine' end print(('a'):upper(), string.upper('a'))")
    assert stage.said() == ["A\tmine"]


def test_functions_added_to_string_are_methods(stage: Stage) -> None:
    stage.run("function string.trim(s) return s:match('^%s*(.-)%s*$') end print(('  a '):trim())")
    assert stage.said() == ["a"]


def test_no_address_is_shown(stage: Stage) -> None:
    stage.run(
        "local t = {} print(tostring(t), string.format('%s', t), t)"
        " print(tostring(print), tostring(coroutine.create(print)))"
        " print(tostring(setmetatable({}, { __name = 'Thing' })))"
    )
    assert stage.said() == [
        "table: 0x00000001\ttable: 0x00000001\t{}",
        "function: 0x00000002\tthread: 0x00000003",
        "Thing: 0x00000004",
    ]


@pytest.mark.parametrize(
    "code", ["string.format('%p', {})", "('%p'):format('a')", "string.format('%5p', print)"]
)
def test_format_shows_no_pointer(stage: Stage, code: str) -> None:
    stage.run(f"print(pcall(function() return {code} end))")
    (line,) = stage.said()
    assert line.startswith("false")
    assert "conversion '%p'" in line


@pytest.mark.parametrize("field", ["__gc", "__mode"])
def test_metatables_whose_effect_depends_on_the_collector_are_refused(stage: Stage, field: str) -> None:
    stage.run(f"print(pcall(setmetatable, {{}}, {{ {field} = 'k' }}))")
    assert field in stage.said()[0]


def test_load_takes_text_only_and_keeps_to_the_sandbox(stage: Stage) -> None:
    stage.run(
        r"""
        print(load("\27Lua"))
        print(load("return os.exit")())
        print(load("x = 1", "chunk", "t", { print = print })())
        print(x)
        local parts = { "return ", "1 + ", "1" }
        print(load(function() return table.remove(parts, 1) end)())
        """
    )
    refused, power, _, x, total = stage.said()
    assert "attempt to load a binary chunk" in refused
    assert (power, x, total) == ("nil", "nil", "2")


@pytest.mark.parametrize(
    "name", ["sandbox", "sandbox/codec", "voxengine/call", "voxengine.call", "../scenario"]
)
def test_require_reaches_no_trusted_code(stage: Stage, name: str) -> None:
    stage.run(f"print(pcall(require, '{name}'))")
    assert "was not found" in stage.said()[0]


def test_traceback_shows_the_scenarios_frames_only(stage: Stage) -> None:
    stage.run("local function inner()\n  print(debug.traceback('here'))\nend\npcall(inner)")
    assert stage.said() == ["here\nmain.lua:2: in function <main.lua:1>\nmain.lua:4: in main chunk"]
