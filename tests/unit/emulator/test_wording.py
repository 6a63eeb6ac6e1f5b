"""Contract of emulator/wording.py."""

from __future__ import annotations

import pytest

from voxruntime.emulator.wording import contains, fill, placeholders
from voxruntime.speech.phrases import words


@pytest.mark.parametrize(
    ("heard", "phrase", "expected"),
    [("a b c", "b c", True), ("a b c", "a c", False), ("a", "a b", False), ("a", "", False)],
)
def test_contains(heard: str, phrase: str, expected: bool) -> None:
    assert contains(words(heard), words(phrase)) is expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{a}", "1"),
        ("{b.c} {b.list.1}", "x z"),
        ("{whole} {half} {yes}", "2 0.5 true"),
        (
            "{missing} {b.missing} {b.list.9} {b.list.x} {a.b}",
            "{missing} {b.missing} {b.list.9} {b.list.x} {a.b}",
        ),
        ("{} { a } {1}", "{} { a } {1}"),
    ],
)
def test_fill(template: str, expected: str) -> None:
    values = {"a": 1, "b": {"c": "x", "list": ["y", "z"]}, "whole": 2.0, "half": 0.5, "yes": True}
    assert fill(template, values) == expected


def test_fill_does_not_look_into_values_again() -> None:
    assert fill("{a}{b}", {"a": "{b}", "b": "x"}) == "{b}x"


def test_long_values_are_cut() -> None:
    assert len(fill("{a}", {"a": "x" * 5000})) == 1000


def test_placeholders() -> None:
    assert placeholders("{a} {b.c} {no good} {0}") == ["a", "b.c"]
