"""Contract of speech/phrases.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.speech import phrases


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("twenty-one", ["twenty", "one"]),
        ("I don't know.", ["i", "don't", "know"]),
        ("I don’t know", ["i", "don't", "know"]),
        ("'quoted'", ["quoted"]),
        ("Ещё раз", ["еще", "раз"]),
        ("Привет, Мир", ["привет", "мир"]),
        ("room 5", ["room", "5"]),
        ("…", []),
        ("", []),
    ],
)
def test_words_keep_letters_and_digits_only(text: str, expected: list[str]) -> None:
    assert phrases.words(text) == expected


def test_find_returns_the_phrase_as_it_was_offered() -> None:
    assert phrases.find("good-bye now", ["Hello!", "Good bye, now."]) == "Good bye, now."


def test_find_prefers_the_first_of_equal_phrases() -> None:
    assert phrases.find("yes", ["Yes.", "yes"]) == "Yes."


@pytest.mark.parametrize("text", ["", "...", "hello there"])
def test_find_returns_none_for_what_was_not_offered(text: str) -> None:
    assert phrases.find(text, ["hello", "", "..."]) is None


@given(st.text())
def test_words_of_words_are_the_same(text: str) -> None:
    assert phrases.words(" ".join(phrases.words(text))) == phrases.words(text)
