"""Reads a scenario's files for the sandbox, which has no files of its own.

`require("name")` finds modules in the scenario's folder. They are found here, before the scenario starts, by the
names that its text requires literally, and by the names that those modules require in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from voxruntime.config import Limits, shipped
from voxruntime.errors import ConfigError
from voxruntime.turn.messages import SourceFile

_REQUIRE = re.compile(r"""\brequire\s*\(?\s*(["'])([\w./-]+)\1""")


class Sources(msgspec.Struct, frozen=True):
    """The files of one run.

    Attributes:
        entries: The scenarios, in order, to run in one context.
        modules: Files for `require`, by the name it is called with.
        paths: Where each came from, by `SourceFile.name`; for messages to the operator and for watching.
    """

    entries: list[SourceFile]
    modules: Mapping[str, SourceFile]
    paths: Mapping[str, Path]


def find_scenario(name: str) -> Path:
    """Returns the file that `voxrt run NAME` means: a path, or the name of a bundled scenario.

    Raises:
        ConfigError: There is no such file.
    """
    path = Path(name)
    if path.is_dir():
        raise ConfigError("scenario.not_a_file", f"{name} is a folder: give the .lua file in it.")
    if path.exists():
        return path
    bundled = shipped("scenarios") / f"{name.removesuffix('.lua')}.lua"
    if path.parent == Path() and bundled.is_file():
        return bundled
    known = bundled_scenarios()
    nearest = "".join(
        f" Did you mean {near}?" for near in get_close_matches(name.removesuffix(".lua"), known, n=1)
    )
    raise ConfigError(
        "scenario.not_found",
        f"There is no file {name}, and no bundled scenario of that name ({', '.join(known)}).{nearest}",
    )


def bundled_scenarios() -> list[str]:
    """Returns the names of the scenarios that ship with voxrt."""
    return sorted(path.stem for path in shipped("scenarios").glob("*.lua"))


def read_sources(names: Sequence[str], limits: Limits) -> Sources:
    """Reads scenarios and the modules they require.

    Raises:
        ConfigError: A file is missing, no text, unreadable or over its limit.
    """
    entries: list[SourceFile] = []
    modules: dict[str, SourceFile] = {}
    paths: dict[str, Path] = {}
    total = 0
    waiting = [(find_scenario(name), "", Path()) for name in names]
    entry_count = len(waiting)
    while waiting:
        path, module, folder = waiting.pop(0)
        is_entry = entry_count > 0
        entry_count -= 1
        shown = path.name if is_entry else path.relative_to(folder).as_posix()
        folder = path.parent if is_entry else folder
        text = _read(path, limits)
        total += len(text.encode())
        if total > limits.source_total_bytes:
            raise ConfigError(
                "scenario.too_large",
                f"The scenario and what it requires is over {limits.source_total_bytes} bytes.",
                file=str(path),
            )
        source = SourceFile(shown, text)
        paths[shown] = path
        if is_entry:
            entries.append(source)
        else:
            modules[module] = source
        for name, found in _required(text, folder):
            if name not in modules and all(name != other for _path, other, _folder in waiting):
                waiting.append((found, name, folder))
    return Sources(entries, modules, paths)


def required_files(text: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields the names that a text requires and where in `folder` each would be, whether or not it is there."""
    for match in _REQUIRE.finditer(text):
        yield match[2], folder / f"{match[2].replace('.', '/')}.lua"


def _required(text: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields the names that a text requires and finds in `folder`; never anything outside it."""
    root = folder.resolve()
    for name, path in required_files(text, folder):
        if path.is_file() and path.resolve().is_relative_to(root):
            yield name, path


def _read(path: Path, limits: Limits) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            "scenario.unreadable", f"Cannot read it: {error.strerror}.", file=str(path)
        ) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "scenario.not_text",
            "This is no UTF-8 text: a scenario is a Lua source file.",
            file=str(path),
            line=line,
        ) from error
    if len(text) > limits.source_chars:
        message = (
            f"It has {len(text)} characters, {limits.source_chars} are allowed: move parts into modules."
        )
        raise ConfigError("scenario.too_large", message, file=str(path))
    return text
