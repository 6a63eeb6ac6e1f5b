"""Which local a name means at a place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from voxruntime.check.knowledge import Key


class Scopes:
    """The nested scopes of locals around the place that is looked at."""

    def __init__(self) -> None:
        self._scopes: list[dict[str, Key]] = []

    @contextmanager
    def inner(self) -> Iterator[None]:
        """A scope within the present one, for the time of a block."""
        self._scopes.append({})
        yield
        self._scopes.pop()

    def declare(self, name: str, key: Key) -> None:
        """Makes a local of the innermost scope."""
        self._scopes[-1][name] = key

    def find(self, name: str) -> Key | None:
        """Returns the local that a name means; None for a global."""
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    @property
    def names(self) -> set[str]:
        """Every local that can be seen."""
        return {name for scope in self._scopes for name in scope}

    @property
    def depth(self) -> int:
        """How many scopes there are."""
        return len(self._scopes)
