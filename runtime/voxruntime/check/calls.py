"""Calls: how many arguments, of what, and what they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tree_sitter import Node

from voxruntime.check.arguments import check_table, is_table
from voxruntime.check.events import EventArguments
from voxruntime.check.findings import Rule
from voxruntime.check.knowledge import Knowledge
from voxruntime.check.model import ApiModel, Function
from voxruntime.check.syntax import named, string_value, text_of, unwrapped
from voxruntime.check.types import (
    CALLER_TEXT,
    RAISED,
    STRING,
    Callback,
    Field,
    Literal,
    Named,
    Type,
    Union,
    join,
    options_of,
    substitute,
)

CASES = {"lower", "upper"}
BYTES = {*CASES, "sub", "reverse"}
"""Functions of `string` that take letters of other alphabets apart, or leave them as they are."""

_BOOLEAN = Named("boolean")

Value = Type | Function | None


class _Values(Protocol):
    """What is used of `Expressions`."""

    def value(self, node: Node, expected: Type | None = None) -> Type | None: ...

    def find(self, node: Node, expected: Type | None = None) -> Value: ...

    def callee(self, node: Node) -> tuple[Value, Type | None]: ...

    def give(self, function: Type | None, kinds: Sequence[Type | None]) -> None: ...

    def result_of(self, function: Type | None) -> Type | None: ...


class Calls:
    """Checks the calls of one file."""

    def __init__(self, file: str, knowledge: Knowledge, model: ApiModel, values: _Values) -> None:
        self._file = file
        self._knowledge = knowledge
        self._model = model
        self._values = values
        self._events = EventArguments(file, knowledge, model)

    def results(self, node: Node, count: int) -> list[Type | None]:
        """Returns the types of the first results of a call."""
        node = unwrapped(node)
        callee = node.child_by_field_name("name")
        assert callee is not None
        callee = unwrapped(callee)
        listed = named(node.child_by_field_name("arguments"))
        found, owner = self._values.callee(callee)
        if isinstance(found, Function):
            results = self._call(callee, found, owner, listed)
        else:
            kinds = [self._values.value(argument) for argument in listed]
            is_method = callee.type == "method_index_expression"
            self._values.give(found, [owner, *kinds] if is_method else kinds)
            result = found.result if isinstance(found, Callback) else self._values.result_of(found)
            results = [self._model.expand(result)]
        return (results + [None] * count)[:count]

    def _call(
        self, callee: Node, function: Function, owner: Type | None, listed: list[Node]
    ) -> list[Type | None]:
        is_colon = callee.type == "method_index_expression"
        shift = 1 if is_colon and not function.is_method else 0
        if not self._has_right_mark(callee, function, listed, owner):
            for argument in listed:
                self._values.value(argument)
            return [None if function.generics else self._model.expand(function.result)]
        # `call.answer(call)` is right too.
        given = listed[1:] if function.is_method and not is_colon else listed
        self._check_count(callee, function, given, shift)
        parameters: Sequence[Field] = function.parameters[shift:]
        values: list[Value] = []
        for at, argument in enumerate(given):
            if at == 1:
                parameters = self._events.resolve(function, parameters, given[0], _type(values[0]))
            parameter = parameters[at] if at < len(parameters) else Field("")
            values.append(self._argument(function, parameter, argument))
        kinds = [_type(value) for value in values]
        self._check_letters(callee, function, owner if shift else kinds[0] if kinds else None)
        if function.is_deprecated:
            self._knowledge.find(Rule.DEPRECATED, self._file, callee, f"{function.name}: {function.meaning}")
        special = self._special(callee, function, given, values)
        return special or [self._model.expand(_result(function, parameters, kinds))]

    def _argument(self, function: Function, parameter: Field, argument: Node) -> Value:
        options = options_of(self._model.expand(parameter.type))
        callback = next((option for option in options if isinstance(option, Callback)), None)
        table = next((option for option in options if is_table(option, self._model)), None)
        value = self._values.find(argument, callback or table)
        argument = unwrapped(argument)
        if callback is not None and argument.type != "function_definition":
            self._values.give(_type(value), [field.type for field in callback.parameters])
        if table is not None and argument.type == "table_constructor":
            check_table(self._file, self._knowledge, self._model, function.name, argument, table)
        return value

    def _has_right_mark(
        self, callee: Node, function: Function, listed: list[Node], owner: Type | None
    ) -> bool:
        """Reports a dot where a colon must be, and a colon where a dot must be."""
        is_colon = callee.type == "method_index_expression"
        if is_colon == function.is_method or callee.type not in (
            "dot_index_expression",
            "method_index_expression",
        ):
            return True
        written = text_of(callee.child_by_field_name("table"))
        name = function.name.replace(":", ".").rpartition(".")[2]
        if function.is_method:
            if listed and text_of(listed[0]) == written:
                return True
            message = f"{written}.{name}(…) takes a colon: {written}:{name}(…)"
        elif any(option in (STRING, CALLER_TEXT) for option in options_of(owner)):
            return True
        else:
            message = f"{written}:{name}(…) takes a dot: {written}.{name}(…)"
        self._knowledge.find(Rule.COLON, self._file, callee, message)
        return False

    def _check_count(self, callee: Node, function: Function, given: list[Node], shift: int) -> None:
        is_open = bool(given) and given[-1].type in ("function_call", "vararg_expression")
        sure = len(given) - (1 if is_open else 0)
        most, least = len(function.parameters) - shift, function.required - shift
        if sure > most and not function.is_variadic:
            message = f"{_written(function, shift)} takes {_count(most)}, {len(given)} given"
            self._knowledge.find(Rule.REDUNDANT_PARAMETER, self._file, given[most], message)
        elif len(given) < least and not is_open:
            absent = function.parameters[len(given) + shift : function.required]
            names = " and ".join(field.name for field in absent if not field.is_optional)
            message = f"{_written(function, shift)} needs {names}"
            self._knowledge.find(Rule.MISSING_PARAMETER, self._file, callee, message)

    def _check_letters(self, callee: Node, function: Function, text: Type | None) -> None:
        library, _, name = function.name.rpartition(".")
        if library != "string" or name not in BYTES or CALLER_TEXT not in options_of(text):
            return
        by_characters = self._model.modules["text"].members
        remedy = f': write require("text").{name}(…)' if name in by_characters else ""
        effect = "leaves Cyrillic letters as they are" if name in CASES else "cuts Cyrillic letters apart"
        message = f"{name} works on bytes and {effect}{remedy}"
        self._knowledge.find(Rule.TEXT_BYTES, self._file, callee, message)

    def _special(
        self, callee: Node, function: Function, given: list[Node], values: list[Value]
    ) -> list[Type | None] | None:
        """Returns the results of the functions that types cannot say enough of."""
        if function.name == "load":
            self._knowledge.cannot_know(self._file, callee, "what text that is made at run time does")
        if not values:
            return None
        kinds = [_type(value) for value in values]
        if function.name == "require":
            return [self._required(callee, given[0], kinds[0])]
        if function.name == "setmetatable":
            return [kinds[0]]
        if function.name == "pcall":
            called = values[0]
            if isinstance(called, Function):
                result = self._model.expand(_result(called, called.parameters, kinds[1:]))
            else:
                self._values.give(called, kinds[1:])
                result = self._values.result_of(called)
            return [_BOOLEAN, None if result is None else join((result, RAISED))]
        return None

    def _required(self, node: Node, argument: Node, kind: Type | None) -> Type | None:
        name = string_value(argument)
        if isinstance(kind, Named) and kind.name == "Modules" and kind.arguments:
            (constant,) = kind.arguments
            assert isinstance(constant, Literal)
            name = self._model.enums["Modules"].constants[constant.value].value
        if name is None:
            self._knowledge.cannot_know(self._file, node, "which module is required")
            return None
        self._knowledge.required.add(name)
        if name in self._model.modules:
            return Named(self._model.modules[name].name)
        if any(constant.value == name for constant in self._model.enums["Modules"].constants.values()):
            return None
        return self._knowledge.module(name, self._file, argument)


def _unify(
    pattern: Type | None, actual: Type | None, generics: Sequence[str], bindings: dict[str, Type | None]
) -> None:
    """Finds what the type names of a generic function stand for."""
    if isinstance(pattern, Union):
        fitting = [
            option
            for option in pattern.options
            if isinstance(option, Named) and isinstance(actual, Named) and option.name == actual.name
        ]
        plain = [
            option for option in pattern.options if isinstance(option, Named) and option.name in generics
        ]
        for option in fitting or plain:
            _unify(option, actual, generics, bindings)
    elif isinstance(pattern, Named) and pattern.name in generics:
        bindings[pattern.name] = actual
    elif isinstance(pattern, Named) and isinstance(actual, Named) and pattern.name == actual.name:
        for inner, given in zip(pattern.arguments, actual.arguments, strict=False):
            _unify(inner, given, generics, bindings)


def _type(value: Value) -> Type | None:
    return None if isinstance(value, Function) else value


def _result(function: Function, parameters: Sequence[Field], kinds: Sequence[Type | None]) -> Type | None:
    """Returns what a function gives for arguments of these types."""
    bindings: dict[str, Type | None] = dict.fromkeys(function.generics)
    for parameter, kind in zip(parameters, kinds, strict=False):
        _unify(parameter.type, kind, function.generics, bindings)
    return substitute(function.result, bindings)


def _written(function: Function, shift: int) -> str:
    names = [f"{field.name}{'?' if field.is_optional else ''}" for field in function.parameters[shift:]]
    return f"{function.name}({', '.join([*names, *(['…'] if function.is_variadic else [])])})"


def _count(number: int) -> str:
    return "no argument" if number == 0 else "1 argument" if number == 1 else f"{number} arguments"
