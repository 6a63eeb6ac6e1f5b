"""Server events on their way out, and the plain JSON values they are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from voxruntime.emulator.brain.rejected import Code, Rejected

JsonObject: TypeAlias = dict[str, object]
"""A JSON object: None, bool, int, float, str, and lists and objects of these."""

NewId: TypeAlias = Callable[[str], str]
"""Returns a fresh id with a prefix: `new_id("item")` is `item_…`."""

FRAME_LIMIT_BYTES = 1024 * 1024
"""No event is longer: 1 MiB is what common WebSocket clients accept unless told otherwise."""

CLIENT_OBJECT_LIMIT_BYTES = 256 * 1024
"""A session or item that a client sends is no longer as JSON, so that no event that repeats it passes the limit."""


_DELTA_CHARS = 16


def in_deltas(text: str) -> list[str]:
    """Returns a text in the pieces in which the arguments of calls are streamed."""
    return [text[start : start + _DELTA_CHARS] for start in range(0, len(text), _DELTA_CHARS)]


_WORD = re.compile(r"\S+\s*")


def in_words(text: str) -> list[str]:
    """Returns a text in the pieces in which speech is streamed: its words, each with the space behind it."""
    return _WORD.findall(text.strip())


def encoded_length(value: object) -> int:
    """Returns the bytes of a value as JSON."""
    return len(msgspec.json.encode(value))


class Outbox:
    """Collects events as JSON texts, in the order in which they happened.

    Args:
        new_id: Makes the ids of events.
    """

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._texts: list[str] = []

    def emit(self, event_type: str, **fields: object) -> None:
        """Adds one event. Its text is made now: what changes later does not change it."""
        event: JsonObject = {"type": event_type, "event_id": self._new_id("event"), **fields}
        self._texts.append(msgspec.json.encode(event).decode())

    def emit_error(self, rejected: Rejected, client_event_id: str | None) -> None:
        """Adds the `error` event of a client event that was not accepted."""
        self.emit(
            "error",
            error={
                "type": "invalid_request_error",
                "code": rejected.code.value,
                "message": rejected.message,
                "param": rejected.param,
                "event_id": client_event_id,
            },
        )

    def emit_server_error(self, code: Code, message: str) -> None:
        """Adds the `error` event of something that is not the client's fault."""
        error = {
            "type": "server_error",
            "code": code.value,
            "message": message,
            "param": None,
            "event_id": None,
        }
        self.emit("error", error=error)

    def drain(self) -> list[str]:
        """Hands over the texts and forgets them."""
        texts, self._texts = self._texts, []
        return texts
