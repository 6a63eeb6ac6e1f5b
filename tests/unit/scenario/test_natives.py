"""Natives: bytes and plain values in, plain values out, errors as codes."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.scenario import natives

Answer = list[object]


def ask(name: str, *arguments: object) -> Answer:
    return msgspec.msgpack.decode(
        natives.answer(msgspec.msgpack.encode([name.encode(), *arguments])), type=list[object]
    )


@given(st.binary())
def test_base64_round_trip(data: bytes) -> None:
    ok, text = ask("base64.encode", data)
    assert ok
    assert text == base64.b64encode(data)
    assert ask("base64.decode", text) == [True, data]


@pytest.mark.parametrize("text", [b"a", b"ab$=", b"\xff\xff\xff\xff"])
def test_base64_decode_refuses_other_text(text: bytes) -> None:
    ok, code, message = ask("base64.decode", text)
    assert not ok
    assert str(code).startswith("argument.")
    assert "base64_decode" in str(message)


@pytest.mark.parametrize(
    ("text", "value"),
    [("null", None), ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}), ('"ж"', "ж")],
)
def test_json_decode(text: str, value: object) -> None:
    assert ask("json.decode", text.encode()) == [True, value]


@pytest.mark.parametrize("text", [b"", b"{", b"[1,]", b"nul", b"\xff", b'{"a":1}x', b"[" * 100_000])
def test_json_decode_refuses_other_text(text: bytes) -> None:
    ok, code, message = ask("json.decode", text)
    assert ok is False
    assert code in {"json.syntax", "argument.utf8", "argument.value"}
    assert message


@pytest.mark.parametrize("name", ["base64.encode", "base64.decode", "json.decode"])
@pytest.mark.parametrize("argument", [None, 5, [1], {"a": 1}])
def test_wrong_types_are_refused(name: str, argument: object) -> None:
    ok, code, message = ask(name, argument)
    assert (ok, code) == (False, "argument.type")
    assert "string" in str(message)


@pytest.mark.parametrize("request_", [["nothing", b"x"], [5], [b"json.decode"], [b"json.decode", b"1", b"2"]])
def test_unknown_native_is_our_fault(request_: list[object]) -> None:
    ok, code, _ = msgspec.msgpack.decode(natives.answer(msgspec.msgpack.encode(request_)), type=list[object])
    assert (ok, code) == (False, "internal.native")
