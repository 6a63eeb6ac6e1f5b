"""Types as the annotations of `stdlib/_meta` write them (LuaCATS), and their parser.

None in place of a type means that nothing is known of a value, and that nothing may be said of it.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec


class Named(msgspec.Struct, frozen=True):
    """A class, an enum, or one of Lua's own types; `Promise<Call>` has arguments."""

    name: str
    arguments: tuple[Type, ...] = ()


class Literal(msgspec.Struct, frozen=True):
    """One text, `"CONNECTED"`."""

    value: str


class Field(msgspec.Struct, frozen=True):
    """A field of a class or table, or a parameter of a function; `remark` is what its annotation says of it."""

    name: str
    type: Type | None = None
    is_optional: bool = False
    remark: str = ""


class Record(msgspec.Struct, frozen=True):
    """A table with these fields, `{ tag?: string }`; `label` is how messages call it."""

    fields: tuple[Field, ...]
    label: str = ""


class Callback(msgspec.Struct, frozen=True):
    """A function, `fun(event: CallEvent): any`."""

    parameters: tuple[Field, ...]
    result: Type | None = None


class Union(msgspec.Struct, frozen=True):
    """One of several types."""

    options: tuple[Type, ...]


Type: TypeAlias = Named | Literal | Record | Callback | Union

ANY = Named("any")
STRING = Named("string")
NIL = Named("nil")

CALLER_TEXT = Named("text of a person")
"""A string in any language, as a transcript is."""

RAISED = Named("raised error")
"""Whatever `pcall` caught: an error of the API, or what the scenario raised itself."""

_TOKEN = re.compile(r'\s*(?:("[^"]*")|([A-Za-z_][\w.]*)|(\.\.\.)|([|?\[\](){}<>:,]))')


class TypeSyntaxError(Exception):
    """An annotation is not written in the part of LuaCATS that is understood here."""


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        return match[0].strip() if match else ""

    def take(self, expected: str = "") -> str:
        match = _TOKEN.match(self._text, self._at)
        token = match[0].strip() if match else ""
        if match is None or (expected and token != expected):
            raise TypeSyntaxError(f"{expected or 'a type'} expected at {self._text[self._at :]!r}")
        self._at = match.end()
        return token

    def skip(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self.take()
        return True

    def union(self) -> Type:
        options = [self.postfixed()]
        while self.skip("|"):
            options.append(self.postfixed())
        return options[0] if len(options) == 1 else Union(tuple(options))

    def postfixed(self) -> Type:
        found = self.primary()
        while True:
            if self.skip("["):
                self.take("]")
                found = Named("array", (found,))
            elif self.skip("?"):
                found = Union((found, NIL))
            else:
                return found

    def primary(self) -> Type:
        token = self.take()
        if token.startswith('"'):
            return Literal(token[1:-1])
        if token == "(":
            found = self.union()
            self.take(")")
            return found
        if token == "{":
            return Record(self.fields("}"))
        if token == "fun" and self.peek() == "(":
            self.take("(")
            parameters = self.fields(")")
            return Callback(parameters, self.union() if self.skip(":") else None)
        if not token[0].isalpha() and token[0] != "_":
            raise TypeSyntaxError(f"a type expected at {token!r}")
        arguments: list[Type] = []
        if self.skip("<"):
            arguments.append(self.union())
            while self.skip(","):
                arguments.append(self.union())
            self.take(">")
        return Named(token, tuple(arguments))

    def fields(self, end: str) -> tuple[Field, ...]:
        found: list[Field] = []
        while not self.skip(end):
            name = self.take()
            is_optional = self.skip("?")
            found.append(Field(name, self.union() if self.skip(":") else None, is_optional))
            self.skip(",")
        return tuple(found)

    def rest(self) -> str:
        return self._text[self._at :].strip()


def parse_type(text: str) -> tuple[Type, str]:
    """Returns the type that a text begins with, and the text after it.

    Raises:
        TypeSyntaxError: It begins with none.
    """
    parser = _Parser(text)
    found = parser.union()
    return found, parser.rest()


def options_of(kind: Type | None) -> tuple[Type, ...]:
    """Returns the types that a value may have, nil left out."""
    options = kind.options if isinstance(kind, Union) else () if kind is None else (kind,)
    return tuple(option for option in options if option != NIL)


def join(kinds: tuple[Type | None, ...]) -> Type | None:
    """Returns what is known of a value that is one of several; None as soon as one of them is unknown."""
    options: list[Type] = []
    for kind in kinds:
        if kind is None or kind == ANY:
            return None
        options += [option for option in options_of(kind) if option not in options]
    if STRING in options and CALLER_TEXT in options:
        options.remove(STRING)
    if not options:
        return NIL if kinds else None
    return options[0] if len(options) == 1 else Union(tuple(options))


def substitute(kind: Type | None, bindings: dict[str, Type | None]) -> Type | None:
    """Replaces the generic names in a type by what they stand for; unknown as soon as one of them is."""
    if kind is None:
        return None
    if isinstance(kind, Named):
        if kind.name in bindings:
            return bindings[kind.name]
        arguments = [substitute(argument, bindings) for argument in kind.arguments]
        known = tuple(argument for argument in arguments if argument is not None)
        return Named(kind.name, known if len(known) == len(arguments) else ())
    if isinstance(kind, Union):
        return join(tuple(substitute(option, bindings) for option in kind.options))
    if isinstance(kind, Callback):
        fields = tuple(
            Field(field.name, substitute(field.type, bindings), field.is_optional)
            for field in kind.parameters
        )
        return Callback(fields, substitute(kind.result, bindings))
    return kind
