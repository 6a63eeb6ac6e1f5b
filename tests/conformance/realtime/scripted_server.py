"""A realtime server that does what a test wrote down, and keeps and judges what it is told.

It shares nothing with voxrt or its embedded server: sequences are data, rules are those of the reference of the
Realtime API ("clientEvents", aistudio.yandex.ru). A script is a sequence of steps:

- a mapping is sent as JSON, a `str` as the text of a message, `bytes` as a binary message;
- `Hear(type)` waits for messages of the client; `Close`, `Cut` and `Freeze` end the conversation in their ways;
- `Refuse`, as the only step, answers the upgrade without opening a WebSocket.

After its last step a script listens until the client leaves.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

JsonObject: TypeAlias = dict[str, object]

APPEND = "input_audio_buffer.append"


@dataclass(frozen=True)
class Hear:
    """Waits until the client has said this `times` more."""

    wire_type: str
    times: int = 1


@dataclass(frozen=True)
class Close:
    """Closes with a closing handshake."""

    code: int = 1000
    reason: str = ""


@dataclass(frozen=True)
class Cut:
    """Cuts the connection without a word."""


@dataclass(frozen=True)
class Freeze:
    """Reads and sends nothing any more, and lets the connection stand."""


@dataclass(frozen=True)
class Refuse:
    """Answers the upgrade with plain HTTP."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


Step: TypeAlias = Mapping[str, object] | str | bytes | Hear | Close | Cut | Freeze | Refuse
Script: TypeAlias = Sequence[Step]


@dataclass
class Visit:
    """One connection.

    Attributes:
        path: Path and query of the upgrade.
        headers: Its headers, by lower-case name.
        messages: What the client said, parsed, in order.
        complaints: What breaks the reference's rules.
        code: With what the client closed; None while it is there.
    """

    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    messages: list[JsonObject] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    code: int | None = None

    def types(self, *, without_audio: bool = True) -> list[object]:
        """Returns the types of the client's messages, in order."""
        types = [message.get("type") for message in self.messages]
        return [wire_type for wire_type in types if wire_type != APPEND or not without_audio]

    def of_type(self, wire_type: str) -> list[JsonObject]:
        """Returns the client's messages of one type."""
        return [message for message in self.messages if message.get("type") == wire_type]

    @property
    def audio(self) -> bytes:
        """The caller's audio, as it came."""
        return b"".join(base64.b64decode(str(message["audio"])) for message in self.of_type(APPEND))


class ScriptedServer:
    """`async with ScriptedServer(script, …) as server`: the nth visit plays the nth script, later ones the last.

    Args:
        scripts: At least one.
    """

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts
        self.visits: list[Visit] = []
        self.url = ""

    @property
    def visit(self) -> Visit:
        """The only connection there was."""
        (visit,) = self.visits
        return visit

    @property
    def complaints(self) -> list[str]:
        """What broke the rules, over all connections."""
        return [complaint for visit in self.visits for complaint in visit.complaints]

    async def __aenter__(self) -> ScriptedServer:
        self._server = await serve(
            self._converse,
            "127.0.0.1",
            0,
            process_request=self._admit,
            compression=None,
            max_queue=None,
            max_size=None,
            open_timeout=None,
            ping_interval=None,
            close_timeout=1,
        )
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1/realtime"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        for connection in self._server.connections:
            connection.transport.abort()
        await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        visit = Visit(request.path, {name.lower(): value for name, value in request.headers.raw_items()})
        script = self._scripts[min(len(self.visits), len(self._scripts) - 1)]
        self.visits.append(visit)
        if script and isinstance(script[0], Refuse):
            refuse = script[0]
            body = refuse.body.encode()
            headers = Headers({**refuse.headers, "Content-Length": str(len(body)), "Connection": "close"})
            return Response(refuse.status, "Refused", headers, body)
        connection.part = (script, visit)  # type: ignore[attr-defined]  # handed from here to `_converse`
        return None

    async def _converse(self, connection: ServerConnection) -> None:
        script, visit = connection.part  # type: ignore[attr-defined]
        try:
            for step in script:
                await _take(step, connection, visit)
            while True:
                _keep(await connection.recv(), visit)
        except ConnectionClosed:
            visit.code = connection.close_code


async def _take(step: Step, connection: ServerConnection, visit: Visit) -> None:
    match step:
        case str() | bytes():
            await connection.send(step)
        case Hear():
            wanted = len(visit.of_type(step.wire_type)) + step.times
            while len(visit.of_type(step.wire_type)) < wanted:
                _keep(await connection.recv(), visit)
        case Close():
            await connection.close(step.code, step.reason)
        case Cut():
            connection.transport.abort()
        case Freeze():
            connection.transport.pause_reading()
            await connection.wait_closed()
        case Mapping():
            await connection.send(json.dumps(step, ensure_ascii=False))


def _keep(message: str | bytes, visit: Visit) -> None:
    if isinstance(message, bytes):
        visit.complaints.append("a binary frame")
        return
    try:
        parsed = json.loads(message)
    except ValueError:
        visit.complaints.append(f"not JSON: {message[:80]}")
        return
    if not isinstance(parsed, dict):
        visit.complaints.append(f"no object: {message[:80]}")
        return
    visit.messages.append(parsed)
    visit.complaints += [f"{parsed.get('type')}: {problem}" for problem in problems_of(parsed)]


# The rules of client messages


def _text(value: object) -> bool:
    return isinstance(value, str)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _samples(value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    try:
        return len(base64.b64decode(value, validate=True)) % 2 == 0
    except binascii.Error:
        return False


_FIELDS: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "session.update": {"session": _object},
    APPEND: {"audio": _samples},
    "input_audio_buffer.commit": {},
    "conversation.item.create": {"item": _object},
    "conversation.item.retrieve": {"item_id": _text},
    "conversation.item.truncate": {"item_id": _text, "content_index": _whole, "audio_end_ms": _whole},
    "conversation.item.delete": {"item_id": _text},
    "response.create": {},
    "response.cancel": {},
}
"""What the provider takes, and the fields that it requires. Two types of the protocol it does not support are missing."""

_OPTIONAL: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "conversation.item.create": {"previous_item_id": lambda value: value is None or _text(value)},
    "response.create": {"response": _object},
    "response.cancel": {"response_id": _text},
}

_ITEMS: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "message": {"role": _text, "content": lambda value: isinstance(value, list)},
    "function_call": {"name": _text, "arguments": _text},
    "function_call_output": {"call_id": _text, "output": _text},
    "mcp_approval_response": {"approval_request_id": _text, "approve": lambda value: isinstance(value, bool)},
}


def problems_of(message: JsonObject) -> Iterator[str]:
    """Yields what breaks the reference's rules in a message of a client."""
    wire_type = message.get("type")
    if not isinstance(wire_type, str) or wire_type not in _FIELDS:
        yield "is no type that a client may send"
        return
    required, optional = _FIELDS[wire_type], _OPTIONAL.get(wire_type, {})
    yield from _problems(message, required)
    yield from _problems(message, {name: rule for name, rule in optional.items() if name in message})
    for name in message.keys() - {"type", "event_id"} - required.keys() - optional.keys():
        yield f"has the unknown field {name}"
    event_id = message.get("event_id", "")
    if not isinstance(event_id, str) or len(event_id) > 512:
        yield "event_id is no text of at most 512 characters"
    session, item = message.get("session"), message.get("item")
    if isinstance(session, dict):
        yield from _session_problems(session)
    if isinstance(item, dict):
        yield from _problems(item, _ITEMS.get(str(item.get("type")), {"type": lambda _value: False}))


def _problems(owner: Mapping[str, object], rules: Mapping[str, Callable[[object], bool]]) -> Iterator[str]:
    for name, is_right in rules.items():
        if name not in owner:
            yield f"lacks {name}"
        elif not is_right(owner[name]):
            yield f"{name} is {str(owner[name])[:60]!r}"


def _session_problems(session: Mapping[str, object]) -> Iterator[str]:
    if session.get("type") != "realtime":
        yield "session.type is not realtime"
    for name in ("turn_detection", "voice", "input_audio_transcription"):
        if name in session:
            yield f"session.{name} stands where it stood before May 2026"


@contextmanager
def serving(*scripts: Script) -> Iterator[ScriptedServer]:
    """Runs a server in a thread of its own, for tests that wait for a command."""
    server = ScriptedServer(*scripts)
    is_up = threading.Event()
    parts: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        end = asyncio.Event()
        async with server:
            parts.append((asyncio.get_running_loop(), end))
            is_up.set()
            await end.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    is_up.wait()
    try:
        yield server
    finally:
        loop, end = parts[0]
        loop.call_soon_threadsafe(end.set)
        thread.join()
