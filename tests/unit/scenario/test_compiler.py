from __future__ import annotations

import pytest

from voxruntime.scenario.compiler import SyntaxFault, syntax_fault


@pytest.mark.parametrize("text", ["", "x = 1", "return ...", "\n\ngoto a ::a::", "while true do end"])
def test_lua_has_no_fault_and_is_not_run(text: str) -> None:
    assert syntax_fault(text) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x = \n\n=", SyntaxFault(3, "unexpected symbol near '='")),
        ("if x then", SyntaxFault(1, "'end' expected near <eof>")),
        ("local имя", SyntaxFault(1, "<name> expected near '<\\208>'")),
        ("x = 'é\n'", SyntaxFault(1, "unfinished string near ''é'")),
        ("goto a", SyntaxFault(1, "no visible label 'a' for <goto> at line 1")),
        ("\x1bLua", SyntaxFault(1, "attempt to load a binary chunk (mode is 't')")),
    ],
)
def test_a_fault_has_its_line_and_the_interpreters_words(text: str, fault: SyntaxFault) -> None:
    assert syntax_fault(text) == fault
