"""The files that a scenario is made of, and whether they have changed and stand still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from voxruntime.config import Limits
from voxruntime.errors import ConfigError
from voxruntime.scenario.sources import Sources, find_scenario, read_sources, required_files

Contents = Mapping[Path, bytes | None]
"""What each file holds; None for one that is not there or cannot be read."""


class Read(msgspec.Struct, frozen=True):
    """What a look at the files gave.

    Attributes:
        contents: Of every file that counts.
        sources: What would run; an error that says why nothing can.
    """

    contents: Contents
    sources: Sources | ConfigError


class FileSet:
    """The scenario files, what they require, and some others.

    A required file counts before it exists: that it appears is a change.

    Args:
        scenarios: Files or names of bundled scenarios.
        others: Further files.
        limits: Limits of the session.
    """

    def __init__(self, scenarios: Sequence[str], others: Iterable[Path], limits: Limits) -> None:
        self._names = scenarios
        self._entries = [find_scenario(name) for name in scenarios]
        self._others = list(others)
        self._limits = limits
        self._required: set[Path] = set()

    @property
    def folders(self) -> set[Path]:
        """Folders in which a change is to be noticed: of each file, and of what it is a link to."""
        paths = [*self._entries, *self._others, *self._required]
        return {_existing(path.parent) for each in paths for path in (each, each.resolve())}

    def contents(self) -> Contents:
        """Returns what the files hold now."""
        return {path: _content(path) for path in self._paths()}

    def is_whole(self, contents: Contents) -> bool:
        """Whether no scenario file is missing or empty: an editor may be about to write it."""
        return all(contents[entry] for entry in self._entries)

    def read(self) -> Read:
        """Reads everything; what the scenario requires by then counts from now on.

        The contents are those from before the reading: what is saved during it is a change.
        """
        while True:
            found = self.contents()
            try:
                sources = read_sources(self._names, self._limits)
            except ConfigError as error:
                return Read(found, error)
            self._required = {
                path
                for file in [*sources.entries, *sources.modules.values()]
                for entry in self._entries
                for _name, path in required_files(file.text, entry.parent)
            }
            paths = self._paths()
            if found.keys() >= set(paths):
                return Read({path: found[path] for path in paths}, sources)

    def _paths(self) -> list[Path]:
        return list(dict.fromkeys([*self._entries, *self._others, *sorted(self._required)]))


def changed(before: Contents, after: Contents) -> list[Path]:
    """Returns the files that differ."""
    return [path for path in {**before, **after} if before.get(path) != after.get(path)]


def _existing(folder: Path) -> Path:
    """Returns a folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
