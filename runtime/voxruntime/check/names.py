"""What names mean: locals, globals, and what follows a dot or colon."""

from __future__ import annotations

from collections.abc import Callable

from tree_sitter import Node

from voxruntime.check.findings import Rule
from voxruntime.check.knowledge import Knowledge, identity
from voxruntime.check.model import ApiModel, Function
from voxruntime.check.nearest import nearest
from voxruntime.check.scopes import Scopes
from voxruntime.check.syntax import string_value, text_of
from voxruntime.check.types import RAISED, Field, Named, Record, Type, join, options_of, substitute

REMOVED = {
    "io": "a scenario has no files",
    "package": "modules come by require",
    "dofile": "write require(name) for a file beside the scenario",
    "loadfile": "write require(name) for a file beside the scenario",
    "collectgarbage": "memory is collected by itself",
    "arg": "a scenario gets no arguments; VoxEngine.customData() is what it is started with",
    "unpack": "it is table.unpack in Lua 5.4",
    "loadstring": "it is load in Lua 5.4",
    "null": "write nil, or JSON.null in a message",
    "undefined": "write nil",
    "new": "Lua has no new: write Promise.new(…)",
    "try": "write local ok, err = pcall(function() … end)",
    "catch": "write local ok, err = pcall(function() … end)",
    "throw": "write error({ code = …, message = … })",
    "switch": "write if … elseif … end",
    "const": "write local name = value",
    "let": "write local name = value",
    "Net": "this version has no HTTP",
}
"""Names that people expect, and what to do without them."""

MEMBERS_REMOVED = {
    ("os", "execute"): "a scenario starts no programs",
    ("os", "getenv"): "write VoxEngine.getSecretValue(name)",
    ("os", "exit"): "write VoxEngine.terminate()",
    ("table", "getn"): "write #list",
}

SURE = 0.72
"""How alike a method of a value of unknown type must be to one of the API to be taken for it (0 to 1)."""

Value = Type | Function | None


class Names:
    """Resolves the names of one file."""

    def __init__(self, file: str, knowledge: Knowledge, model: ApiModel, scopes: Scopes) -> None:
        self._file = file
        self._knowledge = knowledge
        self._model = model
        self._scopes = scopes
        self._methods = {
            name
            for found in model.classes.values()
            for name, member in found.members.items()
            if isinstance(member, Function) and member.is_method
        }

    def read(self, node: Node) -> Value:
        """Returns what an identifier stands for."""
        name = text_of(node)
        local = self._scopes.find(name)
        if local is not None:
            return self._knowledge.known(local)
        self._knowledge.read_globals.add(name)
        if name in self._knowledge.set_globals:
            return self._knowledge.known(("global", name))
        if name == "_G":
            self._knowledge.is_environment_dynamic = True
            return None
        module = self._module_behind(name)
        if module and module not in self._knowledge.required:
            where = "write require(Modules." + name + ") first"
            self._find(Rule.NOT_REQUIRED, node, f"{name} is not loaded: {where}")
        if name in self._model.globals:
            self._knowledge.count_use()
            return self._model.globals[name]
        self._undefined(name, node)
        return None

    def _module_behind(self, name: str) -> str | None:
        """Returns the module that defines a global, `yandex` for `Yandex`; None for one that is always there."""
        modules = self._model.enums.get("Modules")
        constant = modules.constants.get(name) if modules else None
        return constant.value if constant else None

    def _undefined(self, name: str, node: Node) -> None:
        if name in REMOVED:
            message = f"there is no global {name}: {REMOVED[name]}"
        elif name in self._model.modules:
            message = f'{name} is a module: write local {name} = require("{name}") first'
            self._find(Rule.NOT_REQUIRED, node, message)
            return
        else:
            known = {*self._model.globals, *self._knowledge.set_globals, *self._scopes.names}
            message = f"nothing defines {name}{_hint(nearest(name, known))}"
        self._find(Rule.UNDEFINED_GLOBAL, node, message)

    def member(self, node: Node, owner: Type | None) -> Value:
        """Returns what stands behind the dot or colon of `node`, whose owner is of this type."""
        key = node.child_by_field_name("field") or node.child_by_field_name("method")
        assert key is not None
        return self.member_named(key, owner, text_of(key), is_method=node.type == "method_index_expression")

    def member_named(self, key: Node, owner: Type | None, name: str, *, is_method: bool = False) -> Value:
        """Returns what a value of a type has under a name; reports a name that it does not have."""
        own = identity(owner)
        if own is not None:
            return self._knowledge.known(("field", *own, name))
        options = options_of(self._model.expand(owner))
        if not options:
            if is_method:
                self._method_of_unknown(key, name)
            return None
        found = [self._member_of(option, name, is_method=is_method) for option in options]
        known = [value for value in found if not isinstance(value, _Absent)]
        if not known:
            self._absent(key, options[0], name)
            return None
        self._knowledge.count_use()
        if all(value == known[0] for value in known):
            return known[0]
        return join(tuple(None if isinstance(value, Function) else value for value in known))

    def _member_of(self, kind: Type, name: str, *, is_method: bool) -> Value | _Absent:
        """Returns what one type has under a name."""
        if kind == RAISED:
            return _Absent() if is_method else None
        members = self._model.members(kind)
        if members is None or identity(kind) is not None:
            return None
        if name in members:
            member = members[name]
            bindings = self._model.bindings(kind)
            if isinstance(member, Field):
                return substitute(self._model.expand(member.type), bindings)
            if isinstance(member, Function) and bindings:
                return _bound(member, bindings)
            return member
        if self._is_plain_table(kind) and name in self._knowledge.own_names:
            # Events are tables: what a scenario keeps in them is its own.
            return None
        return _Absent()

    def _is_plain_table(self, kind: Type) -> bool:
        members = self._model.members(kind) or {}
        return isinstance(kind, Record) or all(isinstance(member, Field) for member in members.values())

    def _absent(self, key: Node, kind: Type, name: str) -> None:
        label = self._model.label(kind)
        members = self._model.members(kind) or {}
        root = label.removeprefix("a ")
        if (root, name) in MEMBERS_REMOVED:
            self._find(Rule.UNDEFINED_FIELD, key, f"{label} has no {name}: {MEMBERS_REMOVED[root, name]}")
            return
        hint = _hint(nearest(name, members))
        if isinstance(kind, Named) and kind.name == "Promise" and kind.arguments:
            inner = self._model.members(kind.arguments[0]) or {}
            if name in inner:
                hint = "; it comes later: write await(…) around what makes it"
        self._find(Rule.UNDEFINED_FIELD, key, f"{label} has no {name}{hint}")

    def _method_of_unknown(self, key: Node, name: str) -> None:
        """A method of a value of which nothing is known: only a slip of the fingers is certain."""
        if name in self._methods or name in self._knowledge.own_names:
            if name not in self._knowledge.own_names:
                owner = text_of(key.parent.child_by_field_name("table")) if key.parent else ""
                self._knowledge.cannot_know(
                    self._file, key, f"{owner}:{name}(…), as it cannot be told what {owner} is"
                )
            return
        library = self._model.classes.get("stringlib")
        if library is not None and name in library.members:
            return
        hint = nearest(name, self._methods, cutoff=SURE)
        if hint is not None:
            self._find(Rule.UNDEFINED_FIELD, key, f"nothing has a method {name}{_hint(hint)}")

    def computed(self, node: Node, owner: Type | None) -> None:
        """A field whose name is computed."""
        for option in options_of(owner):
            if isinstance(option, Named) and option.name in self._model.classes:
                label = self._model.label(option)
                self._knowledge.cannot_know(self._file, node, f"which name of {label} is meant")

    def assign(self, target: Node, kind: Type | None, value: Callable[[Node], Type | None]) -> Type | None:
        """Gives a value to a name or field; returns what the field's owner is."""
        if target.type == "identifier":
            name = text_of(target)
            local = self._scopes.find(name)
            if local is None:
                self._knowledge.set_globals.setdefault(name, (self._file, target))
                self._knowledge.note(("global", name), kind)
            else:
                self._knowledge.note(local, kind)
            return None
        owner_node = target.child_by_field_name("table")
        assert owner_node is not None
        owner = value(owner_node)
        key = target.child_by_field_name("field") or target.child_by_field_name("method")
        is_plain = target.type != "bracket_index_expression"
        if key is not None and not is_plain:
            value(key)
        name_of_field = text_of(key) if is_plain else string_value(key)
        if name_of_field is not None:
            self.set_field(owner, name_of_field, kind)
        return owner

    def set_field(self, owner: Type | None, name: str, kind: Type | None) -> None:
        """Notes that a field of a table gets a value."""
        self._knowledge.own_names.add(name)
        own = identity(owner)
        if own is not None:
            self._knowledge.note(("field", *own, name), kind)

    def _find(self, rule: Rule, node: Node, message: str) -> None:
        self._knowledge.find(rule, self._file, node, message)


class _Absent:
    """Nothing has the name."""


def _bound(function: Function, bindings: dict[str, Type | None]) -> Function:
    """Returns a method of a generic class for one of its types."""
    parameters = tuple(
        Field(field.name, substitute(field.type, bindings), field.is_optional, field.remark)
        for field in function.parameters
    )
    return Function(
        function.name,
        parameters,
        function.is_variadic,
        function.is_method,
        substitute(function.result, bindings),
        function.is_deprecated,
        function.generics,
        function.meaning,
    )


def _hint(name: str | None) -> str:
    return f"; the nearest name is {name}" if name else ""
