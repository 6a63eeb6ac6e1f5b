"""Pure functions that the driver computes for the scenario: bytes and plain values in, plain values out.

Each name is what `host.native(name, ...)` calls. Strings cross as bytes, both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
import pybase64

Value: TypeAlias = object


class NativeError(Exception):
    """The arguments cannot be computed with; it becomes an error object in Lua.

    Attributes:
        code: Its code.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _text(value: Value, name: str) -> str:
    if not isinstance(value, bytes):
        raise NativeError("argument.type", f"{name}: a string was expected, got {type(value).__name__}.")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise NativeError("argument.utf8", f"{name}: byte {error.start + 1} is not valid UTF-8.") from None


def _base64_encode(value: Value) -> Value:
    if not isinstance(value, bytes):
        raise NativeError("argument.type", "base64_encode: a string was expected.")
    return pybase64.b64encode(value)


def _base64_decode(value: Value) -> Value:
    text = _text(value, "base64_decode")
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        raise NativeError("argument.base64", "base64_decode: this is not base64.") from None


def _json_decode(value: Value) -> Value:
    try:
        return msgspec.json.decode(_text(value, "JSON.decode"))
    except msgspec.DecodeError as error:
        raise NativeError("json.syntax", f"JSON.decode: {error}.") from None


NATIVES: Mapping[str, Callable[[Value], Value]] = {
    "base64.encode": _base64_encode,
    "base64.decode": _base64_decode,
    "json.decode": _json_decode,
}

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(list[object]).decode


def answer(request: bytes) -> bytes:
    """Computes one request of `host.native` and encodes its answer: `[true, value]` or `[false, code, message]`."""
    name, *arguments = _decode(request)
    native = NATIVES.get(name.decode()) if isinstance(name, bytes) else None
    if native is None or len(arguments) != 1:
        return _encode(
            [False, "internal.native", f"There is no native {name!r} of {len(arguments)} arguments."]
        )
    try:
        return _encode([True, native(arguments[0])])
    except NativeError as error:
        return _encode([False, error.code, str(error)])
    except (ValueError, OverflowError, RecursionError) as error:
        return _encode([False, "argument.value", str(error)])
