"""Comparing what was heard with what a dialogue offers: letters and digits count, case and punctuation do not."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """Returns the words of `text`, lower case, without punctuation; `ё` is written `е`.

    An apostrophe inside a word belongs to it (`don't`); a hyphen parts words (`twenty-one`).
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").replace("’", "'")
    kept = "".join(char if char.isalnum() or char == "'" else " " for char in folded)
    return [word for part in kept.split() if (word := part.strip("'"))]


def find(text: str, phrases: Sequence[str]) -> str | None:
    """Returns the first phrase that has the words of `text`, written as it was offered; None when there is none."""
    wanted = words(text)
    return next((phrase for phrase in phrases if wanted and words(phrase) == wanted), None)
