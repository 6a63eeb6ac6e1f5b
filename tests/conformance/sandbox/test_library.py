"""The wrapped parts of Lua's library still do what Lua's do, and their errors point at the scenario."""

from __future__ import annotations

import pytest

from scenario_stage import Stage

SAME_AS_LUA = {
    "rep": ("('ab'):rep(3), ('ab'):rep(2, '-'), ('x'):rep(0), ('x'):rep(-1)", "ababab\tab-ab\t\t"),
    "find": ("('a.b'):find('.', 1, true), ('a.b'):find('%.'), ('abc'):find('c', -1)", "2\t2\t3\t3"),
    "find_init": ("('abab'):find('b', 3), ('abc'):find('z'), ('abc'):find('', 10)", "4\tnil\tnil"),
    "match": ("('k=v'):match('(%w)=(%w)')", "k\tv"),
    "gsub": ("('hello'):gsub('l', { l = 'L' }), ('abc'):gsub('%w', '%0%0', 2)", "heLLo\taabbc\t2"),
    "gmatch": ("(function() local t = {} for w in ('a b'):gmatch('%a') do t[#t+1] = w end return t[1] .. t[2] end)()", "ab"),
    "format": ("('%5.1f|%-4s|%q|%%|%x|%s'):format(3.14159, 'a', 'q', 255, nil)", '  3.1|a   |"q"|%|ff|nil'),
    "format_percent": ("('%%p %s'):format('x')", "%p x"),
    "format_tostring": ("('%s'):format(setmetatable({}, { __tostring = function() return 'me' end }))", "me"),
    "concat": ("table.concat({ 1, 2, 'x' }, ', ', 2), table.concat({})", "2, x\t"),
    "insert_remove": (
        "(function() local t = { 1, 3 } table.insert(t, 2, 2) table.insert(t, 4)"
        " return table.remove(t, 1), table.remove(t), #t, table.concat(t) end)()",
        "1\t4\t2\t23",
    ),
    "move": ("table.concat(table.move({ 1, 2, 3 }, 2, 3, 1)), #table.move({ 1, 2 }, 1, 2, 1, {})", "233\t2"),
    "unpack": ("table.unpack({ 1, 2, nil, 4 }, 1, 4)", "1\t2\tnil\t4"),
    "pack": ("table.pack(nil, nil).n, select('#')", "2\t0"),
    "tostring": ("tostring(1), tostring(1.0), tostring(nil), tostring(true), tostring('s')", "1\t1.0\tnil\ttrue\ts"),
    "pcall": ("pcall(error, 'x'), pcall(function(...) return ... end, 1, nil, 3)", "false\ttrue\t1\tnil\t3"),
    "xpcall": ("xpcall(function(a) error(a, 0) end, function(e) return e .. '!' end, 'x')", "false\tx!"),
    "metatables": ("getmetatable(setmetatable({}, { __metatable = 'kept' }))", "kept"),
    "integer_division": ("7 // 2, 7.0 // 2, 7 % -3, 1 << 62, 5 // 0.0", "3\t3.0\t-2\t4611686018427387904\tinf"),
    "utf8": ("utf8.len('жук'), utf8.char(1078), #utf8.char(0x1F600)", "3\tж\t4"),
    "math": ("math.type(1), math.maxinteger, math.tointeger(3.0), math.fmod(7, 3)", "integer\t9223372036854775807\t3\t1"),
    "os_date": ("os.date('%H:%M', 3600), os.date('!%H', 0), os.difftime(5, 3)", "01:00\t00\t2.0"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "expected"), SAME_AS_LUA.values(), ids=SAME_AS_LUA.keys())
def test_same_as_lua(stage: Stage, code: str, expected: str) -> None:
    stage.run(f"print({code})")
    assert stage.said() == [expected]


ERRORS = {
    "('x'):rep(1e10)": "main.lua:2: resulting string too large",
    "('x'):rep({})": "main.lua:2: bad argument #2 to 'rep' (number expected, got table)",
    "string.find(nil, 'x')": "main.lua:2: bad argument #1 to 'find' (string expected, got nil)",
    "('a'):match('(')": "main.lua:2: unfinished capture",
    "('%d'):format('x')": "main.lua:2: bad argument #2 to 'format' (number expected, got string)",
    "('%d'):format()": "main.lua:2: bad argument #2 to 'format' (no value)",
    "('a'):gsub('a', function() error('mine', 0) end)": "mine",
    "('a'):gsub('a', function() error('mine') end)": "main.lua:2: mine",
    "table.sort({ 1, 'a' })": "main.lua:2: attempt to compare",
    "table.concat(5)": "main.lua:2: bad argument #1 to 'concat' (table expected, got number)",
    "table.concat({ {} })": "main.lua:2: invalid value (table) at index 1 in table for 'concat'",
    "table.insert({}, 5, 1)": "main.lua:2: bad argument #2 to 'insert' (position out of bounds)",
    "setmetatable(1, {})": "main.lua:2: bad argument #1 to 'setmetatable' (table expected, got number)",
    "setmetatable({}, 1)": "main.lua:2: bad argument #2 to 'setmetatable' (nil or table expected, got number)",
    "pairs(nil)": "main.lua:2: bad argument #1 to 'pairs' (table expected, got no value)",
    "next(5)": "main.lua:2: bad argument #1 to 'next' (table expected, got number)",
    "xpcall(print)": "main.lua:2: bad argument #2 to 'xpcall' (function expected, got no value)",
    "select(-1)": "main.lua:2: bad argument #1 to 'select' (index out of range)",
    "utf8.char(-1)": "main.lua:2: bad argument #1 to 'char' (value out of range)",
    "string.pack('i17', 1)": "main.lua:2: integral size (17) out of limits [1,16]",
    "coroutine.close((coroutine.running()))": "main.lua:2: cannot close",
    "table.sort({ 3, 1, 2, 5, 4, 7, 6, 9, 8 }, function() return true end)": "main.lua:2: invalid order function",
    "setmetatable(setmetatable({}, { __metatable = 1 }), {})": "main.lua:2: cannot change a protected metatable",
    "load(5)": "main.lua:2: bad argument #1 to 'load' (string expected, got number)",
    "os.date('%Ez', 0)": "main.lua:2: bad argument #1 to 'date' (invalid conversion specifier '%Ez')",
}


@pytest.mark.parametrize(("code", "expected"), ERRORS.items())
def test_errors_name_the_line_of_the_scenario(stage: Stage, code: str, expected: str) -> None:
    stage.run(f"local ok, message = pcall(function()\n  local x = {code}\nend) print(message)")
    (message,) = stage.said()
    assert message.startswith(expected)
    assert "sandbox" not in message
