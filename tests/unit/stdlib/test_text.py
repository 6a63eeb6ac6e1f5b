"""`require("text")`: text by characters."""

from __future__ import annotations

import unicodedata

import pytest

from scenario_stage import Stage

# Scripts whose letters change case, as the module says.
BLOCKS = [(0x41, 0x180), (0x386, 0x3CF), (0x400, 0x530), (0x531, 0x587), (0x1E00, 0x1F00)]

# Their simple mapping leaves these scripts, or they have no single counterpart.
LEFT_ALONE = set("µıſẞẛÿ") | {"İ"}


def letters() -> list[str]:
    found = [chr(code) for first, last in BLOCKS for code in range(first, last)]
    return [
        letter
        for letter in found
        if unicodedata.category(letter) in {"Lu", "Ll"} and letter not in LEFT_ALONE
    ]


def simple(letter: str, mapped: str) -> str:
    return mapped if len(mapped) == 1 else letter


def test_every_letter_changes_case_as_unicode_says(stage: Stage) -> None:
    stage.run("""
local text = require("text")
VoxEngine.addEventListener("Application.Started", function(event)
  print(text.lower(event.letters))
  print(text.upper(event.letters))
end)
""")
    all_letters = letters()
    assert len(all_letters) > 800
    stage.turn("Application.Started", {"letters": "".join(all_letters)})
    lower, upper = stage.said()
    assert list(lower) == [simple(letter, letter.lower()) for letter in all_letters]
    assert list(upper) == [simple(letter, letter.upper()) for letter in all_letters]


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ('text.lower("ПРИВЕТ, Мир! ЁЖ")', "привет, мир! ёж"),
        ('text.upper("ёлка ß ς")', "ЁЛКА ß Σ"),
        ('text.len("Привет 😀")', "8"),
        ('text.len("")', "0"),
        ('text.len("a\\xffb\\x80")', "3"),
        ('text.sub("Привет", 1, 3)', "При"),
        ('text.sub("Привет", -3)', "вет"),
        ('text.sub("Привет", 2, -2)', "риве"),
        ('text.sub("Привет", 0, 100)', "Привет"),
        ('text.sub("Привет", -100, 2)', "Пр"),
        ('text.sub("Привет", 5, 2)', ""),
        ('text.sub("Привет", 7)', ""),
        ('text.sub("", 1)', ""),
        ('table.concat(text.chars("aя😀"), "|")', "a|я|😀"),
        ('"[" .. text.trim(" \\n\\u{A0} а б \\u{A0}\\t") .. "]"', "[а б]"),
        ('"[" .. text.trim("\\u{A0}") .. "]" .. text.trim("  ") .. text.trim("") .. text.trim("а")', "[]а"),
        ("select(2, pcall(text.lower, 5)).message", "text.lower: argument 1 must be a string, got number"),
    ],
)
def test_functions(stage: Stage, code: str, result: str) -> None:
    stage.run(f'local text = require("text") print({code})')
    assert stage.said() == [result]


def test_it_works_where_the_caller_cannot_wait(stage: Stage) -> None:
    stage.run("""
local text = require("text")
local names = { "Юля", "анна", "Борис" }
table.sort(names, function(a, b) return text.lower(a) < text.lower(b) end)
print(table.concat(names, " "))
""")
    assert stage.said() == ["анна Борис Юля"]
