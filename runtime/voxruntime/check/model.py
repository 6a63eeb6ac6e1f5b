"""The API as `stdlib/_meta` declares it, in a form that can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from voxruntime.check.types import CALLER_TEXT, STRING, Field, Literal, Named, Record, Type, Union


class Function(msgspec.Struct, frozen=True):
    """A function of the API.

    Attributes:
        name: As scenarios write it: `VoxEngine.terminate`, `call:answer`.
        is_method: Whether it takes a colon.
        generics: Names that stand for types in this function.
    """

    name: str
    parameters: tuple[Field, ...] = ()
    is_variadic: bool = False
    is_method: bool = False
    result: Type | None = None
    is_deprecated: bool = False
    generics: tuple[str, ...] = ()
    meaning: str = ""

    @property
    def required(self) -> int:
        """How many arguments it needs at least."""
        wanted = [at for at, field in enumerate(self.parameters, 1) if not _may_be_absent(field)]
        return max(wanted, default=0)


class Class(msgspec.Struct):
    """A class, or the table of one name (`VoxEngine`).

    Attributes:
        name: Of the type.
        label: How messages call it: `VoxEngine`, `a Call`.
        generics: Its own type names, `T` of `Promise<T>`.
        bases: Classes whose fields it has too.
        members: Fields and functions by name.
        is_open: Whether it may have other fields too.
    """

    name: str
    label: str
    generics: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    members: dict[str, Field | Function] = {}
    is_open: bool = False


class Constant(msgspec.Struct, frozen=True):
    """One constant of an enum.

    Attributes:
        payload: The class of what listeners get; empty where that is said nowhere.
        fields: Fields of the provider's message; None where they are not known.
    """

    name: str
    value: str
    payload: str = ""
    fields: tuple[str, ...] | None = None


class Enum(msgspec.Struct):
    """A table of constants."""

    name: str
    payload: str = ""
    constants: dict[str, Constant] = {}


class ApiModel(msgspec.Struct):
    """Everything that is declared.

    Attributes:
        globals: Functions, and types of tables, by name.
        modules: What `require` gives for the modules of stdlib, by name.
    """

    classes: dict[str, Class] = {}
    enums: dict[str, Enum] = {}
    aliases: dict[str, Type] = {}
    globals: dict[str, Type | Function] = {}
    modules: dict[str, Class] = {}

    def expand(self, kind: Type | None) -> Type | None:
        """Returns what an alias stands for; any other type as it is."""
        if isinstance(kind, Named) and kind.name in self.aliases:
            return self.expand(self.aliases[kind.name])
        if isinstance(kind, Union):
            options: list[Type] = []
            for option in kind.options:
                expanded = self.expand(option)
                options += expanded.options if isinstance(expanded, Union) else [expanded] if expanded else []
            return Union(tuple(options))
        return kind

    def members(self, kind: Type) -> Mapping[str, Field | Function | Type] | None:
        """Returns what may follow a dot or colon after a value of this type; None when anything may."""
        if isinstance(kind, Record):
            return {field.name: field for field in kind.fields}
        if not isinstance(kind, Named):
            return None
        if kind.name == "enum":
            enum = self.enums[_name_of(kind)]
            return {name: constant_type(enum.name, name) for name in enum.constants}
        name = "stringlib" if kind in (STRING, CALLER_TEXT) else kind.name
        found = self.classes.get(name)
        return None if found is None or found.is_open else dict(self._inherited(name))

    def _inherited(self, name: str) -> Iterator[tuple[str, Field | Function]]:
        found = self.classes.get(name)
        if found is not None:
            for base in found.bases:
                yield from self._inherited(base)
            yield from found.members.items()

    def label(self, kind: Type) -> str:
        """Returns how a message calls a value of this type."""
        if isinstance(kind, Record):
            return kind.label or "this table"
        if not isinstance(kind, Named):
            return "this value"
        if kind.name == "enum":
            return _name_of(kind)
        found = self.classes.get(kind.name)
        if found is None or (kind.arguments and found.generics):
            return with_article(kind.name)
        return found.label

    def bindings(self, kind: Type) -> dict[str, Type | None]:
        """Returns what the type names of a generic class stand for in `kind`."""
        found = self.classes.get(kind.name) if isinstance(kind, Named) else None
        if found is None or not isinstance(kind, Named):
            return {}
        given = [*kind.arguments, *[None] * len(found.generics)]
        return dict(zip(found.generics, given, strict=False))

    def events_of(self, kind: Type | None) -> list[Enum]:
        """Returns the enums that a parameter accepts constants of."""
        kind = self.expand(kind)
        options = kind.options if isinstance(kind, Union) else (kind,)
        return [
            self.enums[option.name]
            for option in options
            if isinstance(option, Named) and option.name in self.enums
        ]


def with_article(name: str) -> str:
    """Returns a name with "a" or "an"."""
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _name_of(kind: Named) -> str:
    (of,) = kind.arguments
    assert isinstance(of, Named)
    return of.name


def enum_table(name: str) -> Named:
    """Returns the type of the table that holds an enum's constants."""
    return Named("enum", (Named(name),))


def constant_type(enum: str, name: str) -> Named:
    """Returns the type of one constant of an enum."""
    return Named(enum, (Literal(name),))


def _may_be_absent(field: Field) -> bool:
    if field.is_optional:
        return True
    options = field.type.options if isinstance(field.type, Union) else (field.type,)
    return any(option in (Named("any"), Named("nil")) or option is None for option in options)
