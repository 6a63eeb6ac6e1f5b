from __future__ import annotations

import pytest
from lupa.lua54 import LuaRuntime

from voxruntime.check.javascript import hint_for, hint_for_failure
from voxruntime.scenario.compiler import syntax_fault

CASES = [
    ("if (a !== b) then end", "~="),
    ("if a === b then end", "=="),
    ("if a && b then end", "and"),
    ("if a || b then end", "or"),
    ("f((e) => e.call)", "function(…)"),
    ("const call = 1", "local"),
    ("let x = 1", "local"),
    ("// a remark", "--"),
    ("/* a remark */", "--[["),
    ("i++", "n + 1"),
    ("count += 1", "n + 1"),
    ("try { f() g() }", "pcall"),
    ("throw new Error('x')", "error("),
    ("p.then(f)", ":next("),
    ("return new Promise(f)", "Promise.new"),
    ("await call.answer()", "await("),
    ("switch (x) { case 1: }", "elseif"),
    ("x = `Hello ${name}`", ".."),
    ("x = a ? b : c", "and a or b"),
    ("if !a then end", "not"),
    ("function f() {", "end"),
    ("if (a) { b() }", "then … end"),
    ("x = { name: 1 }", "name = value"),
    ("local имя = 1", "Latin letters"),
]


@pytest.mark.parametrize(("line", "word"), CASES, ids=[line for line, _ in CASES])
def test_what_is_written_in_javascript_is_answered_in_lua(line: str, word: str) -> None:
    fault = syntax_fault(line)
    assert fault is not None
    assert word in hint_for(line, fault.message)


@pytest.mark.parametrize("line", ["local x = = 1", "f(\nlocal x = g({", "x = '=> && !='  y", "f(", "end"])
def test_plain_slips_have_no_hint(line: str) -> None:
    fault = syntax_fault(line)
    assert fault is not None
    assert hint_for(line, fault.message) == ""


@pytest.mark.parametrize("code", ["'hello ' + name", "name + 'hello'", "'hello ' + 1"])
def test_text_that_is_added_is_answered_with_how_it_is_joined(code: str) -> None:
    lua = LuaRuntime()
    said = lua.eval(f"select(2, pcall(function() local name = 'Anna' return {code} end))")
    assert ".." in hint_for_failure(said)


def test_other_failures_have_no_hint() -> None:
    assert hint_for_failure("bot.lua:3: attempt to index a nil value (local 'call')") == ""
