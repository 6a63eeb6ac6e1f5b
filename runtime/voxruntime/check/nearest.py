"""Finds the name that a misspelt one was meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_CUTOFF = 0.6
"""Less alike than this (0 to 1), a name is no help."""


def nearest(name: str, known: Iterable[str], *, cutoff: float = _CUTOFF) -> str | None:
    """Returns the one of `known` that looks most like `name`, letter case aside; None when none does."""
    lowered: dict[str, str] = {}
    for candidate in known:
        if _words(candidate) == _words(name):
            return candidate
        lowered.setdefault(candidate.lower(), candidate)
    found = get_close_matches(name.lower(), list(lowered), n=1, cutoff=cutoff)
    return lowered[found[0]] if found else None


def _words(name: str) -> list[str]:
    """Returns the words of a name, sorted: `createResponse` and `responseCreate` have the same."""
    return sorted(word.lower() for word in re.findall(r"[A-Z]*[^A-Z]+|[A-Z]+", name))
