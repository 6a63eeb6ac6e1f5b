from __future__ import annotations

import lupa.lua54
import pytest
from hypothesis import given, settings

from lua_texts import BROKEN, PROGRAMS
from voxruntime.check.findings import Rule
from voxruntime.check.scenario import check_scenario
from voxruntime.check.syntax import comments, operands, parse, string_value, text_of
from voxruntime.scenario.sources import Sources
from voxruntime.turn.messages import SourceFile

LOAD = lupa.lua54.LuaRuntime(encoding=None).eval(b"function(s) return load(s, '=s', 't') ~= nil end")


def is_lua(text: str) -> bool:
    """The verdict of an interpreter."""
    return bool(LOAD(text.encode()))


def is_called_lua(text: str) -> bool:
    checked = check_scenario(Sources([SourceFile("s.lua", text)], {}, {}))
    return all(finding.rule is not Rule.SYNTAX for finding in checked.findings)


@settings(max_examples=150, deadline=None)
@given(PROGRAMS)
def test_whatever_the_interpreter_takes_has_a_whole_tree(text: str) -> None:
    assert not is_lua(text) or not parse(text).has_error


@settings(max_examples=150, deadline=None)
@given(BROKEN)
def test_the_verdict_on_any_text_is_the_interpreters(text: str) -> None:
    assert is_called_lua(text) == is_lua(text)


@pytest.mark.parametrize(
    "text",
    [
        "goto done; local x; ::done::",
        "local a <const>, b <close> = 1, nil",
        "x = 7 // 2 | 1 & ~3 ~ 4 << 2 >> 1",
        "x = [==[ ]] ]==] .. '\\u{1F600}\\x41\\065\\z   end'",
        "x = 0xA.8p0 + 0x.1p4 + 1e10 + 3. + .5",
        "return function(...) return ..., select('#', ...) end",
        "local t = { 1, 2; 3, a = 1, ['b c'] = 2, [1 + 1] = 3, f'x', }",
        "f{}'x'[[y]]:z{}.w()",
        ";;; do ; end",
        "repeat local x = 1 until x",
        "return;",
        "x = " + " + ".join(["1"] * 5000),
        "x = " + "(" * 150 + "1" + ")" * 150,
        "a" + ":b()" * 150,
        "f(" * 150 + ")" * 150,
        "function a.b.c:d() end",
        "",
        "-- only a remark",
    ],
)
def test_the_whole_syntax_is_taken(text: str) -> None:
    assert is_lua(text)
    assert is_called_lua(text)


@pytest.mark.parametrize(
    "text",
    [
        "goto nowhere",
        "break",
        "local x <foo> = 1",
        "local x <const> = 1; x = 2",
        "::a:: ::a::",
        "goto on; local x; ::on:: print(x)",
        "function f() return ... end",
        "x = 'open",
        "x = [[open",
        "--[[ open",
        "x = '\\q'",
        "x = '\\u{80000000}'",
        "x = 3x",
        "x == 1",
        "f() = 1",
        "local goto = 1",
        "#!/usr/bin/lua\nx = 1",
        "local имя = 1",
        "x = 1\0",
        "x = " + "(" * 250 + "1" + ")" * 250,
        "return 1 x = 2",
    ],
)
def test_what_is_no_lua_is_said(text: str) -> None:
    assert not is_lua(text)
    assert not is_called_lua(text)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'a\\n\\tb'", "a\n\tb"),
        ('"\\65\\x42\\u{43}"', "ABC"),
        ("'a\\z \n  b'", "ab"),
        ("[[a\\n]]", "a\\n"),
        ("('x')", "x"),
        ("''", ""),
        ("x", None),
        ("1", None),
    ],
)
def test_string_literals_are_read_as_lua_does(source: str, value: str | None) -> None:
    (statement,) = parse(f"x = {source}").named_children
    expression = statement.named_children[1].named_children[0]
    assert string_value(expression) == value


def test_operands_of_one_operator_come_left_to_right() -> None:
    (statement,) = parse("x = a or b and c or d").named_children
    chain = statement.named_children[1].named_children[0]
    assert [text_of(operand) for operand in operands(chain)] == ["a", "b and c", "d"]


def test_remarks_are_found_wherever_they_stand() -> None:
    text = "-- a\nf(function() -- b\n  x = { --[[c]] }\nend)"
    assert [text_of(comment) for comment in comments(parse(text))] == ["-- a", "-- b", "--[[c]]"]
