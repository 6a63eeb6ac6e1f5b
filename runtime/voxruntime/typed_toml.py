"""TOML files read into msgspec structs; every complaint names the file, the line and the key.

Structs should forbid unknown fields, so that a misspelt key is an error and not a setting that does nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import inspect

from voxruntime.errors import ConfigError

Struct = TypeVar("Struct", bound=msgspec.Struct)

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands: `("state", "menu", "expect", 0, "phrases")`."""

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_PATH_STEP = re.compile(r"\.(?P<key>[A-Za-z_]\w*)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<key>.+)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<key>[^`]+)`$")
_SYNTAX = re.compile(r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", re.DOTALL)

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEYS = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_TABLE = re.compile(rf"[ \t]*\[[ \t]*(?P<keys>{_KEYS})[ \t]*\]")
_TABLE_IN_ARRAY = re.compile(rf"[ \t]*\[\[[ \t]*(?P<keys>{_KEYS})[ \t]*\]\]")
_ASSIGNMENT = re.compile(rf"[ \t]*(?P<keys>{_KEYS})[ \t]*=")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*'
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<newline>\n)",
    re.DOTALL,
)


class Places:
    """Lines of the keys of one TOML text.

    Args:
        text: Valid TOML.
        file: Its name in messages.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self._lines = _key_lines(text)

    def line(self, path: KeyPath) -> int:
        """Returns the line of a value, else of the nearest thing around it that has one; 0 for the whole file."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)

    def error(self, path: KeyPath, message: str) -> ConfigError:
        """Returns the error to raise about the value at `path`."""
        return ConfigError("config.toml", message, file=self.file, line=self.line(path))


def read(text: str, file: str, kind: type[Struct]) -> tuple[Struct, Places]:
    """Returns the typed content of a TOML text, and where each key of it stands.

    Args:
        text: The text.
        file: Name that errors show.
        kind: Struct of the whole file.

    Raises:
        ConfigError: The text is no TOML, a key is unknown or missing, or a value is of another type.
    """
    try:
        raw: dict[str, object] = msgspec.toml.decode(text)
    except msgspec.DecodeError as error:
        raise _syntax_error(str(error), text, file) from None
    places = Places(text, file)
    try:
        return msgspec.convert(raw, kind), places
    except msgspec.ValidationError as error:
        raise _type_error(str(error), raw, kind, places) from None


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns ` Did you mean 'x'?` for the known name that is most like `name`, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{found[0]}'?" if found else ""


def _syntax_error(error: str, text: str, file: str) -> ConfigError:
    syntax = _SYNTAX.match(error)
    what = syntax["what"] if syntax else error
    # "At end of document" is the last line that says something.
    line = int(syntax["line"]) if syntax and syntax["line"] else text.rstrip().count("\n") + 1
    return ConfigError("config.toml", f"No valid TOML: {what}.", file=file, line=line)


def _type_error(text: str, raw: dict[str, object], kind: type[msgspec.Struct], places: Places) -> ConfigError:
    place = _PLACE.match(text)
    what, path_text = (place["what"], place["path"] or "") if place else (text, "")
    path = _resolved(path_text, raw, kind)
    unknown, missing = _UNKNOWN.match(what), _MISSING.match(what)
    if unknown:
        key = unknown["key"]
        known = _known_keys(path, kind)
        message = (
            f"Unknown key '{key}' in {_shown(path)}.{nearest(key, known)} Known keys: {', '.join(known)}."
        )
        return places.error((*path, key), message)
    if missing:
        return places.error(path, f"{_shown(path)} needs the key '{missing['key']}'.")
    return places.error(path, f"{_shown(path)}: {what}.")


def _resolved(path_text: str, raw: dict[str, object], kind: type[msgspec.Struct]) -> KeyPath:
    """Returns the path of an error; msgspec writes `[...]` for the keys of a mapping, which are found by trying."""
    path: KeyPath = ()
    for step in _PATH_STEP.finditer(path_text):
        key = _culprit(path, raw, kind) if step["any"] else step["key"]
        path = (*path, key or int(step["index"]))
    return path


def _culprit(path: KeyPath, raw: dict[str, object], kind: type[msgspec.Struct]) -> str:
    mapping = _at(raw, path)
    assert isinstance(mapping, dict)
    for key in mapping:
        try:
            msgspec.convert(_with(raw, path, {key: mapping[key]}), kind)
        except msgspec.ValidationError as error:
            if "[...]" in str(error):
                return str(key)
    return str(next(iter(mapping)))


def _known_keys(path: KeyPath, kind: type[msgspec.Struct]) -> list[str]:
    found: inspect.Type = inspect.type_info(kind)
    for step in path:
        found = _inner(found, step)
    return sorted(field.encode_name for field in _struct(found).fields)


def _inner(found: inspect.Type, step: str | int) -> inspect.Type:
    if isinstance(found, inspect.UnionType):
        found = next(part for part in found.types if isinstance(part, inspect.StructType | inspect.ListType))
    if isinstance(found, inspect.DictType):
        return found.value_type
    if isinstance(found, inspect.ListType):
        return found.item_type
    return next(field.type for field in _struct(found).fields if field.encode_name == step)


def _struct(found: inspect.Type) -> inspect.StructType:
    parts = found.types if isinstance(found, inspect.UnionType) else (found,)
    return next(part for part in parts if isinstance(part, inspect.StructType))


def _at(value: object, path: KeyPath) -> object:
    for step in path:
        value = value[step]  # type: ignore[index]  # the path came from this value
    return value


def _with(value: object, path: KeyPath, replacement: object) -> object:
    if not path:
        return replacement
    head, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, head: _with(value[head], rest, replacement)}
    assert isinstance(value, list)
    assert isinstance(head, int)
    return [*value[:head], _with(value[head], rest, replacement), *value[head + 1 :]]


def _shown(path: KeyPath) -> str:
    """Returns a path as people write it: `state.menu.expect[2].say`, counted from 1."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}"
    return f"'{text[1:]}'" if text else "the file"


def _key_lines(text: str) -> dict[KeyPath, int]:
    """Returns the line, from 1, of each table header and each key that is not inside an inline value."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    position = 0
    while position < len(text):
        number = text.count("\n", 0, position) + 1
        if header := _TABLE_IN_ARRAY.match(text, position):
            path = _with_indexes(_keys(header["keys"]), counts)
            counts[path] = counts.get(path, -1) + 1
            table = (*path, counts[path])
            lines.setdefault(path, number)
            lines[table] = number
        elif header := _TABLE.match(text, position):
            table = _with_indexes(_keys(header["keys"]), counts)
            for length in range(1, len(table)):
                lines.setdefault(table[:length], number)
            lines[table] = number
        elif assignment := _ASSIGNMENT.match(text, position):
            lines[(*table, *_keys(assignment["keys"]))] = number
        position = _end_of_statement(text, position)
    return lines


def _with_indexes(keys: KeyPath, counts: dict[KeyPath, int]) -> KeyPath:
    """Inserts the index of the newest element after each key, but the last, that names an array of tables."""
    path: KeyPath = ()
    for key in keys[:-1]:
        path = (*path, key)
        if path in counts:
            path = (*path, counts[path])
    return (*path, keys[-1])


def _keys(dotted: str) -> KeyPath:
    return tuple(key.strip("\"'") for key in re.findall(_KEY, dotted))


def _end_of_statement(text: str, position: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(text, position):
        depth += bool(token["open"]) - bool(token["close"])
        if token["newline"] and depth <= 0:
            return token.end()
    return len(text)
