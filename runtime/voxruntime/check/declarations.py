"""Reads `stdlib/_meta/*.lua` and the modules of stdlib into an `ApiModel`.

Understood is the part of the Lua language server's annotations that they use: `@class`, `@field`, `@alias`, `@enum`,
`@param`, `@return`, `@generic`, `@type`, `@deprecated`. Two habits of their texts count too: a constant's
"Payload: `Class`." names what its listeners get, and "Fields: `a`, `b`." the fields of the provider's message.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tree_sitter import Node

from voxruntime.check.model import ApiModel, Class, Constant, Enum, Function, enum_table, with_article
from voxruntime.check.syntax import named, parse, string_value, text_of
from voxruntime.check.types import Field, Named, Type, TypeSyntaxError, Union, parse_type
from voxruntime.config import shipped
from voxruntime.errors import InternalError

_PAYLOAD = re.compile(r"Payload: `([\w.]+)`")
_FIELDS = re.compile(r"Fields: (.+)\.")
_CLASS = re.compile(r"([\w.]+)(?:<([\w, ]+)>)?(?:\s*:\s*(.+))?")


class _Notes:
    """The comment lines above one statement."""

    def __init__(self, lines: list[str]) -> None:
        self._tags: list[tuple[str, str]] = []
        text: list[str] = []
        for line in lines:
            if match := re.match(r"---@(\w+)\s*(.*)", line):
                self._tags.append((match[1], match[2]))
            elif line.startswith("---|"):
                tag, before = self._tags.pop()
                self._tags.append((tag, f"{before} {line[3:]}"))
            elif line.startswith("---"):
                text.append(line[3:].strip())
        self.text = " ".join(text)

    def of(self, tag: str) -> list[str]:
        return [value for name, value in self._tags if name == tag]

    def first(self, tag: str) -> str | None:
        return next(iter(self.of(tag)), None)

    def blocks(self) -> list[tuple[str, str]]:
        return self._tags


class _Reader:
    """Reads one file into a model.

    Args:
        module: The module that the file is, or whose types it declares; empty for globals.
    """

    def __init__(self, model: ApiModel, file: Path, module: str = "") -> None:
        self._model = model
        self._file = file
        self._module = module
        self._variables: dict[str, str] = {}
        """Names of classes by the variables that stand for them in this file."""

    def read(self) -> None:
        root = parse(self._file.read_text(encoding="utf-8"))
        pending: list[str] = []
        below = -1
        for node in root.children:
            if node.type == "comment":
                if below >= 0 and node.start_point.row > below + 1:
                    self._classes(_Notes(pending))
                    pending = []
                pending.append(text_of(node))
                below = node.start_point.row
                continue
            notes = _Notes(pending)
            self._classes(notes)
            self._statement(node, notes)
            pending, below = [], -1
        self._classes(_Notes(pending))

    def _classes(self, notes: _Notes) -> None:
        current: Class | None = None
        for tag, value in notes.blocks():
            if tag == "class" and (match := _CLASS.match(value)):
                generics = tuple(name.strip() for name in (match[2] or "").split(",") if name.strip())
                bases = tuple(name.strip() for name in (match[3] or "").split(",") if name.strip())
                current = Class(match[1], _label(match[1]), generics, bases, {})
                self._model.classes[current.name] = current
            elif tag == "field" and current is not None:
                if value.startswith("["):
                    current.is_open = True
                    continue
                name, _, rest = value.partition(" ")
                kind, remark = self._type(rest)
                current.members[name.rstrip("?")] = Field(name.rstrip("?"), kind, name.endswith("?"), remark)
            elif tag == "alias":
                name, _, rest = value.partition(" ")
                self._model.aliases[name] = self._alternatives(rest)

    def _alternatives(self, text: str) -> Type:
        """Returns the type of an alias, whose alternatives may stand on lines of their own with remarks."""
        if not text.lstrip().startswith("|"):
            return self._type(text)[0]
        return Union(tuple(self._type(part)[0] for part in re.split(r"(?:^|\s)\|\s", text) if part.strip()))

    def _type(self, text: str) -> tuple[Type, str]:
        try:
            return parse_type(text)
        except TypeSyntaxError as error:
            raise InternalError("internal.types", f"{self._file.name}: {text!r}: {error}.") from error

    def _statement(self, node: Node, notes: _Notes) -> None:
        if node.type == "function_declaration":
            self._function(node, notes)
            return
        if node.type == "return_statement" and text_of(named(named(node)[0])[0]) in self._variables:
            returned = self._variables[text_of(named(named(node)[0])[0])]
            self._model.modules[self._module] = self._model.classes[returned]
            self._model.classes[returned].label = self._module if returned.startswith("module ") else returned
            return
        is_local = node.type == "variable_declaration"
        assignment = named(node)[0] if is_local else node
        if assignment.type != "assignment_statement":
            return
        targets, values = named(assignment)
        target, value = named(targets)[0], named(values)[0]
        name = text_of(target)
        if (declared := notes.first("class")) and (match := _CLASS.match(declared)):
            self._variables[name] = match[1]
            self._constructor(self._model.classes[match[1]], value)
            kind: Type = Named(match[1])
            if is_local:
                self._model.classes[match[1]].label = with_article(match[1].rpartition(".")[2])
                return
        elif enum := notes.first("enum"):
            self._enum(enum, notes, value)
            kind = enum_table(enum)
        elif self._module and is_local and name == "M":
            # A module without types of its own.
            self._variables["M"] = f"module {self._module}"
            self._model.classes[self._variables["M"]] = Class(self._variables["M"], self._module)
            return
        elif not is_local:
            kind = self._type(notes.first("type") or "any")[0]
        else:
            return
        self._declare(name, kind)

    def _declare(self, name: str, kind: Type) -> None:
        owner, _, last = name.rpartition(".")
        if not owner:
            self._model.globals[name] = kind
        elif owner in self._variables:
            self._model.classes[self._variables[owner]].members[last] = Field(last, kind)

    def _constructor(self, owner: Class, table: Node) -> None:
        """Adds the fields that a class's table is made with."""
        pending: list[str] = []
        for child in table.named_children:
            if child.type == "comment":
                pending.append(text_of(child))
                continue
            name = text_of(child.child_by_field_name("name"))
            owner.members[name] = Field(name, self._type(_Notes(pending).first("type") or "any")[0])
            pending = []

    def _enum(self, name: str, notes: _Notes, table: Node) -> None:
        general = _PAYLOAD.search(notes.text)
        enum = Enum(name, general[1] if general else "", {})
        pending: list[str] = []
        for child in table.named_children:
            if child.type == "comment":
                pending.append(text_of(child))
                continue
            text = _Notes(pending).text
            payload, fields = _PAYLOAD.search(text), _FIELDS.search(text)
            constant = text_of(child.child_by_field_name("name"))
            enum.constants[constant] = Constant(
                constant,
                string_value(child.child_by_field_name("value")) or "",
                payload[1] if payload else enum.payload,
                tuple(re.findall(r"`(\w+)`", fields[1])) if fields else None,
            )
            pending = []
        self._model.enums[name] = enum

    def _function(self, node: Node, notes: _Notes) -> None:
        name_node = node.child_by_field_name("name")
        written = text_of(name_node)
        owner, separator, last = re.fullmatch(r"(?:(.*)([.:]))?(\w+)", written).groups()  # type: ignore[union-attr]
        if (owner and owner not in self._variables) or (not owner and self._module):
            return
        parameters, is_variadic = self._parameters(node, notes)
        result = notes.first("return")
        is_method = separator == ":"
        shown = f"{owner.lower()}:{last}" if is_method else written
        if owner == "M":
            shown = f"{self._module}.{last}"
        function = Function(
            shown,
            parameters,
            is_variadic,
            is_method,
            self._type(result)[0] if result else None,
            bool(notes.of("deprecated")),
            tuple(notes.of("generic")),
            notes.text,
        )
        if owner:
            self._model.classes[self._variables[owner]].members[last] = function
        else:
            self._model.globals[last] = function

    def _parameters(self, node: Node, notes: _Notes) -> tuple[tuple[Field, ...], bool]:
        noted: dict[str, Field] = {}
        for line in notes.of("param"):
            name, _, rest = line.partition(" ")
            noted[name.rstrip("?")] = Field(name.rstrip("?"), self._type(rest)[0], name.endswith("?"))
        children = named(node.child_by_field_name("parameters"))
        names = [text_of(child) for child in children if child.type == "identifier"]
        unknown = [noted.get(name, Field(name, None, is_optional=True)) for name in names]
        return tuple(unknown), any(child.type == "vararg_expression" for child in children)


def _label(name: str) -> str:
    """Returns how messages call a class that is not the type of a global."""
    if name.endswith("Event"):
        return f"this event ({name})"
    return name.removesuffix("lib") if name.endswith("lib") else name


def read_api(folder: Path) -> ApiModel:
    """Returns the API that the types in `folder/_meta` declare, and the modules in `folder` that have none there."""
    model = ApiModel()
    for path in sorted((folder / "_meta").glob("*.lua")):
        _Reader(model, path, _module_of(path)).read()
    for path in sorted(folder.glob("*.lua")):
        if path.name != "sandbox.lua" and path.stem not in model.modules:
            _Reader(model, path, path.stem).read()
    return model


def _module_of(path: Path) -> str:
    """Returns the module that a file declares the types of (`---@meta name`); empty for globals."""
    with path.open(encoding="utf-8") as file:
        return file.readline().removeprefix("---@meta").strip()


@cache
def api() -> ApiModel:
    """Returns the API that voxrt ships."""
    return read_api(shipped("stdlib"))
