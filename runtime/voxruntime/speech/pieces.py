"""Cutting a long text into pieces that are spoken one after the other. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

PIECE_CHARS = 300
"""Longest piece: some 20 s of speech."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_SPACE = re.compile(r"\s+")


def pieces(text: str, limit: int = PIECE_CHARS) -> Iterator[str]:
    """Yields `text` in pieces of at most `limit` characters.

    Sentences stay whole, and together, where they fit; a longer one is cut between words, a longer word anywhere.
    """
    piece = ""
    for part in _parts(text, limit):
        if piece and len(piece) + 1 + len(part) > limit:
            yield piece
            piece = part
        else:
            piece = f"{piece} {part}" if piece else part
    if piece:
        yield piece


def _parts(text: str, limit: int) -> Iterator[str]:
    for sentence in filter(None, _SENTENCE_END.split(text.strip())):
        if len(sentence) <= limit:
            yield sentence
            continue
        for word in filter(None, _SPACE.split(sentence)):
            yield from (word[start : start + limit] for start in range(0, len(word), limit))
