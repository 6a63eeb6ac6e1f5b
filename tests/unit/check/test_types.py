from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.check.types import (
    ANY,
    CALLER_TEXT,
    NIL,
    STRING,
    Callback,
    Field,
    Literal,
    Named,
    Record,
    Type,
    TypeSyntaxError,
    Union,
    join,
    options_of,
    parse_type,
    substitute,
)

CALL = Named("Call")


@pytest.mark.parametrize(
    ("text", "kind", "rest"),
    [
        ("string The name.", STRING, "The name."),
        ("Yandex.RealtimeAPIClient", Named("Yandex.RealtimeAPIClient"), ""),
        ("string? (default: 1)", Union((STRING, NIL)), "(default: 1)"),
        ('"A" | "B"', Union((Literal("A"), Literal("B"))), ""),
        ("any[]", Named("array", (ANY,)), ""),
        ("table<string, integer> x", Named("table", (STRING, Named("integer"))), "x"),
        ("Promise<T>|T", Union((Named("Promise", (Named("T"),)), Named("T"))), ""),
        (
            "{ tag?: string, n: integer }",
            Record((Field("tag", STRING, is_optional=True), Field("n", Named("integer")))),
            "",
        ),
        (
            "fun(a: Call, ...: any): string What",
            Callback((Field("a", CALL), Field("...", ANY)), STRING),
            "What",
        ),
        ("fun() Nothing.", Callback(()), "Nothing."),
        ("(string)", STRING, ""),
    ],
)
def test_types_are_read_as_editors_read_them(text: str, kind: Type, rest: str) -> None:
    assert parse_type(text) == (kind, rest)


@pytest.mark.parametrize("text", ["", "(default: 1)", "{ a", "fun(", "Promise<", "string |", "?"])
def test_what_is_no_type_is_said(text: str) -> None:
    with pytest.raises(TypeSyntaxError, match="expected at"):
        parse_type(text)


@given(st.text(alphabet='ab.{}[]()<>|?:,"', max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(TypeSyntaxError):
        parse_type(text)


@pytest.mark.parametrize(
    ("kinds", "joined"),
    [
        ((), None),
        ((CALL, CALL), CALL),
        ((NIL, CALL), CALL),
        ((NIL, NIL), NIL),
        ((CALL, None), None),
        ((CALL, ANY), None),
        ((CALL, STRING), Union((CALL, STRING))),
        ((CALLER_TEXT, STRING), CALLER_TEXT),
        ((Union((CALL, NIL)), STRING), Union((CALL, STRING))),
    ],
)
def test_a_value_of_several_types_is_known_only_if_all_are(
    kinds: tuple[Type | None, ...], joined: Type | None
) -> None:
    assert join(kinds) == joined


def test_nil_is_no_option_of_what_a_value_may_be() -> None:
    assert options_of(Union((CALL, NIL))) == (CALL,)
    assert options_of(None) == ()


@pytest.mark.parametrize(
    ("text", "substituted"),
    [
        ("T", CALL),
        ("Promise<T>", Named("Promise", (CALL,))),
        ("T|string", Union((CALL, STRING))),
        ("fun(value: T): T", Callback((Field("value", CALL),), CALL)),
        ("{ a: T }", Record((Field("a", Named("T")),))),
        ("string", STRING),
    ],
)
def test_names_of_generic_types_are_replaced(text: str, substituted: Type) -> None:
    assert substitute(parse_type(text)[0], {"T": CALL}) == substituted


def test_a_generic_type_of_something_unknown_is_unknown_inside() -> None:
    assert substitute(parse_type("Promise<T>")[0], {"T": None}) == Named("Promise")
    assert substitute(parse_type("T|string")[0], {"T": None}) is None
    assert substitute(None, {"T": CALL}) is None
