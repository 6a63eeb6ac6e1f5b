"""Contract of speech/pieces.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.speech.pieces import pieces


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n ", []),
        ("Hello.", ["Hello."]),
        ("One. Two!  Three?", ["One. Two!", "Three?"]),
        ("One two three four", ["One two", "three four"]),
        ("Abcdefghijklmnop", ["Abcdefghij", "klmnop"]),
        ("One\ntwo", ["One two"]),
    ],
)
def test_sentences_stay_whole_where_they_fit(text: str, expected: list[str]) -> None:
    assert list(pieces(text, limit=10)) == expected


@given(st.text(max_size=200), st.integers(1, 40))
def test_no_character_is_lost_and_no_piece_is_too_long(text: str, limit: int) -> None:
    cut = list(pieces(text, limit))
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert all(0 < len(piece) <= limit for piece in cut)
