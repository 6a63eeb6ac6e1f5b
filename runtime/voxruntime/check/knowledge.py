"""What a check learns about a scenario's own names, pass by pass, and what it found.

The code is walked several times. Each pass notes the type of every value that a name gets; what the notes of one pass
agree on is known in the next. A name whose values are of different or unknown types stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from tree_sitter import Node

from voxruntime.check.findings import Finding, Rule, Unknown
from voxruntime.check.syntax import text_of
from voxruntime.check.types import Named, Type, join

Key = tuple[str, ...]
"""Names one thing that holds values: a local by file and byte, a global or field by name, a function's result."""

MAX_PASSES = 30
"""A type that passes through more names than this stays unknown."""


def key_of(kind: str, file: str, node: Node, name: str = "") -> Key:
    """Returns the key of what stands at a node."""
    return (kind, file, str(node.start_byte), name)


class Knowledge:
    """What is known of one scenario, across its files.

    Args:
        texts: The files, by name.
        modules: Names of files by the names they are required with.

    Attributes:
        is_reporting: Whether this is the pass whose findings count.
        own_names: Every field and method name that the scenario itself defines.
    """

    def __init__(self, texts: Mapping[str, str], modules: Mapping[str, str]) -> None:
        self._modules = modules
        self._lines = {file: text.split("\n") for file, text in texts.items()}
        self.is_reporting = False
        self.own_names: set[str] = set()
        self.set_globals: dict[str, tuple[str, Node]] = {}
        self.read_globals: set[str] = set()
        self.required: set[str] = set()
        self.is_environment_dynamic = False
        self.api_uses = 0
        self.findings: set[Finding] = set()
        self.unknowns: set[Unknown] = set()
        self._known: dict[Key, Type | None] = {}
        self._notes: dict[Key, list[Type | None]] = {}

    def note(self, key: Key, kind: Type | None) -> None:
        """Notes that something holds a value of this type."""
        self._notes.setdefault(key, []).append(kind)

    def known(self, key: Key) -> Type | None:
        """Returns what the last pass knew; of something new, what is noted so far."""
        if key in self._known or key not in self._notes:
            return self._known.get(key)
        return join(tuple(self._notes[key]))

    def module(self, name: str, file: str, node: Node) -> Type | None:
        """Returns what a file of the scenario returns; reports a name that is no file's."""
        if name in self._modules:
            return self.known(("result", self._modules[name]))
        path = f"{name.replace('.', '/')}.lua"
        message = f"there is no module {name}: no file {path} beside the scenario, and none of voxrt's"
        self.find(Rule.MODULE_NOT_FOUND, file, node, message)
        return None

    def end_pass(self) -> bool:
        """Makes the notes of this pass what is known; returns whether anything is new."""
        learnt = {key: join(tuple(kinds)) for key, kinds in self._notes.items()}
        is_new = learnt != self._known
        self._known, self._notes = learnt, {}
        return is_new

    def find(self, rule: Rule, file: str, node: Node, message: str) -> None:
        """Reports a mistake at a node; one that spans lines is shown on its first."""
        if not self.is_reporting:
            return
        row = node.start_point.row
        # The tree counts columns in bytes.
        before = self._lines[file][row].encode()[: node.start_point.column]
        column = len(before.decode("utf-8", "replace")) + 1
        shown = text_of(node).partition("\n")[0].rstrip("\r")
        self.findings.add(Finding(file, row + 1, column, column + max(1, len(shown)), rule, message))

    def cannot_know(self, file: str, node: Node, reason: str) -> None:
        """Reports what only running the scenario would tell."""
        if self.is_reporting:
            self.unknowns.add(Unknown(file, node.start_point.row + 1, reason))

    def count_use(self) -> None:
        """Counts one use of the API that is compared with its types."""
        if self.is_reporting:
            self.api_uses += 1


def own_function(file: str, node: Node) -> Named:
    """Returns the type of a function that the scenario defines at a node."""
    return Named("function", (Named(file), Named(str(node.start_byte))))


def own_table(file: str, node: Node) -> Named:
    """Returns the type of a table that the scenario makes at a node."""
    return Named("table", (Named(file), Named(str(node.start_byte))))


def identity(kind: Type | None) -> tuple[str, ...] | None:
    """Returns which of the scenario's own functions or tables a value is; None for anything else."""
    if not isinstance(kind, Named) or kind.name not in ("function", "table") or not kind.arguments:
        return None
    return tuple(argument.name for argument in kind.arguments if isinstance(argument, Named))
