"""What the values of expressions are, as far as they can be known; what is wrong in them is reported on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tree_sitter import Node

from voxruntime.check.arguments import fields_of
from voxruntime.check.calls import Calls
from voxruntime.check.knowledge import Knowledge, identity, own_function, own_table
from voxruntime.check.model import ApiModel, Function
from voxruntime.check.names import Names
from voxruntime.check.scopes import Scopes
from voxruntime.check.syntax import (
    key_of_field,
    named,
    operands,
    operator_of,
    string_value,
    unwrapped,
)
from voxruntime.check.types import (
    CALLER_TEXT,
    NIL,
    STRING,
    Callback,
    Field,
    Named,
    Type,
    join,
    options_of,
)

MAX_DEPTH = 120
"""Expressions and functions within each other that are followed; people write a dozen at most."""

_NUMBER, _BOOLEAN = Named("number"), Named("boolean")
_CONSTANT_TYPES = {"number": _NUMBER, "string": STRING, "true": _BOOLEAN, "false": _BOOLEAN, "nil": NIL}
_COMPARISONS = {"==", "~=", "<", ">", "<=", ">="}

Value = Type | Function | None
"""What an expression is: of a type, a function of the API, or unknown."""


class WalkFunction(Protocol):
    """Walks the body of a function."""

    def __call__(self, node: Node, parameters: Sequence[Field]) -> None: ...


class Expressions:
    """Evaluates the expressions of one file."""

    def __init__(
        self, file: str, knowledge: Knowledge, model: ApiModel, scopes: Scopes, walk_function: WalkFunction
    ) -> None:
        self._file = file
        self._knowledge = knowledge
        self._model = model
        self._scopes = scopes
        self._walk_function = walk_function
        self._names = Names(file, knowledge, model, scopes)
        self._calls = Calls(file, knowledge, model, self)
        self._depth = 0

    def values(self, nodes: Sequence[Node], count: int) -> list[Type | None]:
        """Returns the types that `count` names get from a list of expressions; None for each that is unknown."""
        found: list[Type | None] = []
        for at, node in enumerate(nodes):
            if at == len(nodes) - 1 and count > len(nodes) and unwrapped(node).type == "function_call":
                found += self._calls.results(node, count - at)
            else:
                found.append(self.value(node))
        is_open = bool(nodes) and unwrapped(nodes[-1]).type in ("function_call", "vararg_expression")
        rest: Type | None = None if is_open else NIL
        return (found + [rest] * count)[:count]

    def value(self, node: Node, expected: Type | None = None) -> Type | None:
        """Returns the type of an expression.

        Args:
            expected: What the place wants; a function literal gets its parameters from it.
        """
        found = self.find(node, expected)
        return None if isinstance(found, Function) else found

    def find(self, node: Node, expected: Type | None = None) -> Value:
        """Returns what an expression is, functions of the API too."""
        if self._depth >= MAX_DEPTH:
            self._knowledge.cannot_know(self._file, node, "it is nested too deeply to be followed")
            return None
        self._depth += 1
        try:
            return self._find(unwrapped(node), expected)
        finally:
            self._depth -= 1

    def _find(self, node: Node, expected: Type | None) -> Value:
        if node.type in _CONSTANT_TYPES:
            return _CONSTANT_TYPES[node.type]
        if node.type == "identifier":
            return self._names.read(node)
        if node.type in ("dot_index_expression", "method_index_expression"):
            return self.callee(node)[0]
        if node.type == "bracket_index_expression":
            return self._index(node)
        if node.type == "function_call":
            return self._calls.results(node, 1)[0]
        if node.type == "function_definition":
            return self._function(node, expected)
        if node.type == "table_constructor":
            return self._table(node, expected)
        if node.type == "binary_expression":
            return self._binary(node)
        if node.type == "unary_expression":
            operand = node.child_by_field_name("operand")
            kind = None if operand is None else self.value(operand)
            return _BOOLEAN if operator_of(node) == "not" else _NUMBER if kind is not None else None
        return None

    def callee(self, node: Node) -> tuple[Value, Type | None]:
        """Returns what is called, and the type of what stands before its dot or colon."""
        if node.type not in ("dot_index_expression", "method_index_expression"):
            return self.find(node), None
        owner = node.child_by_field_name("table")
        assert owner is not None
        kind = self.value(owner)
        return self._names.member(node, kind), kind

    def parameters_of(self, function: Type | None) -> list[Field]:
        """Returns what is known of the parameters of one of the scenario's own functions."""
        own = identity(function)
        if own is None:
            return []
        keys = [("parameter", *own, str(at)) for at in range(_MOST_PARAMETERS)]
        return [Field("", self._knowledge.known(key)) for key in keys]

    def give(self, function: Type | None, kinds: Sequence[Type | None]) -> None:
        """Notes what one of the scenario's own functions is called with."""
        own = identity(function)
        if own is not None:
            for at in range(_MOST_PARAMETERS):
                kind = kinds[at] if at < len(kinds) else NIL
                self._knowledge.note(("parameter", *own, str(at)), kind)

    def result_of(self, function: Type | None) -> Type | None:
        """Returns what one of the scenario's own functions returns first, as far as is known."""
        own = identity(function)
        return None if own is None else self._knowledge.known(("result", *own, ""))

    def assign(self, target: Node, kind: Type | None) -> Type | None:
        """Gives a value to a name or field; returns what the field's owner is."""
        return self._names.assign(target, kind, self.value)

    def _index(self, node: Node) -> Type | None:
        owner, key = node.child_by_field_name("table"), node.child_by_field_name("field")
        assert owner is not None
        assert key is not None
        kind = self.value(owner)
        self.value(key)
        name = string_value(key)
        if name is not None:
            found = self._names.member_named(key, kind, name)
            return None if isinstance(found, Function) else found
        self._names.computed(node, kind)
        return None

    def _function(self, node: Node, expected: Type | None) -> Type:
        own = own_function(self._file, node)
        if isinstance(expected, Callback):
            self.give(own, [field.type for field in expected.parameters])
        self._walk_function(node, self.parameters_of(own))
        return own

    def _table(self, node: Node, expected: Type | None) -> Type:
        own = own_table(self._file, node)
        wanted = fields_of(expected, self._model)
        for field in named(node):
            name, value = field.child_by_field_name("name"), field.child_by_field_name("value")
            key = key_of_field(field)
            if name is not None and key is None:
                self.value(name)
            inner = wanted[key].type if key in wanted else None
            kind = None if value is None else self.value(value, self._callback(inner))
            if key is not None:
                self._names.set_field(own, key, kind)
        return own

    def _callback(self, kind: Type | None) -> Type | None:
        options = options_of(self._model.expand(kind))
        return next((option for option in options if isinstance(option, Callback)), None)

    def _binary(self, node: Node) -> Type | None:
        operator = operator_of(node)
        kinds = [self.value(operand) for operand in operands(node)]
        if operator == "or":
            return join(tuple(kinds))
        if operator == "and":
            return kinds[-1]
        if operator in _COMPARISONS:
            return _BOOLEAN
        if operator == "..":
            return CALLER_TEXT if CALLER_TEXT in kinds else STRING
        return _NUMBER if all(kind == _NUMBER for kind in kinds) else None


_MOST_PARAMETERS = 12
"""Parameters of the scenario's own functions that are followed."""
