"""Providers for tests: real sockets on loopback, well behaved or not, and an owner that takes notes."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType

import trustme
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri
from websockets.utils import accept_key

from voxruntime.clock import Clock
from voxruntime.providers.interface import (
    Blocked,
    ConnectFailure,
    HttpAnswer,
    Network,
    RealtimeRequest,
    Resolve,
    Timing,
)
from voxruntime.providers.websocket import WebSocketLink
from voxruntime.realtime.constants import Constant
from voxruntime.realtime.interface import Handshake, Refused, Traffic

KEY = "AQVN-very-secret-key-0123456789"
AUTHORIZATION = f"Api-Key {KEY}"
FOLDER = "b1gfolder"
PATIENCE_S = 10.0
"""Real seconds after which a test that waits for an event has failed."""

QUICK = Timing(connect_s=0.3, close_s=0.3, ping_interval_s=0)
"""Times of tests that wait for their end."""

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def request_to(url: str, *, api_key: str = KEY) -> RealtimeRequest:
    return RealtimeRequest(api_key=api_key, folder_id=FOLDER, url=url)


class Notebook:
    """Notes what happens, in order, and wakes whoever waits for it."""

    def __init__(self) -> None:
        self.notes: list[tuple[object, ...]] = []
        self.on_note: Callable[[tuple[object, ...]], None] | None = None
        """Called with each note; does what an owner might do in the middle of an event."""
        self._changed = asyncio.Event()

    def note(self, *note: object) -> None:
        self.notes.append(note)
        self._changed.set()
        if self.on_note is not None:
            self.on_note(note)

    def kinds(self) -> list[object]:
        return [note[0] for note in self.notes]

    def last(self, kind: str) -> tuple[object, ...]:
        """The newest note of a kind, without the kind."""
        return next(note[1:] for note in reversed(self.notes) if note[0] == kind)

    async def heard(self, kind: str, count: int = 1) -> tuple[object, ...]:
        """Waits until there are `count` notes of a kind; returns the newest."""
        await self.until(lambda: self.kinds().count(kind) >= count)
        return self.last(kind)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Owner(Notebook):
    """Implements `ClientEvents`.

    Args:
        sees_audio: Whether it looks at texts with audio too.
    """

    def __init__(self, *, sees_audio: bool = True) -> None:
        super().__init__()
        self.traffic = Traffic()
        self.levels: deque[float] = deque()
        self.sees_audio = sees_audio
        self.wire: list[tuple[str, str]] = []

    def on_open(self, handshake: Handshake) -> None:
        self.note("open", handshake)

    def on_refused(self, refused: Refused) -> None:
        self.note("refused", refused)

    def on_message(self, constant: Constant, wire_type: str, text: str) -> None:
        self.note("message", constant, wire_type, text)

    def on_audio(self, item_id: str, content_index: int, response_id: str, pcm: bytes) -> None:
        self.note("audio", item_id, content_index, response_id, pcm)

    def on_closed(self, code: int, reason: str, was_clean: bool) -> None:
        self.note("closed", code, reason, was_clean)

    def on_transport_error(self, message: str) -> None:
        self.note("error", message)

    def on_wire(self, direction: str, text: str) -> None:
        self.wire.append((direction, text))


class LinkOwner(Notebook):
    """Implements `LinkEvents`."""

    def on_link_open(self, status: int, headers: Mapping[str, str]) -> None:
        self.note("open", status, headers)

    def on_link_failed(self, failure: ConnectFailure) -> None:
        self.note("failed", failure)

    def on_link_message(self, octets: bytes) -> None:
        self.note("text", octets.decode(errors="backslashreplace"))

    def on_link_writable(self) -> None:
        self.note("writable")

    def on_link_closed(self, code: int, reason: str, was_clean: bool, error: str) -> None:
        self.note("closed", code, reason, was_clean, error)


class Net:
    """A network whose tasks end with the `async with` block."""

    def __init__(
        self,
        *,
        timing: Timing | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._timing, self._tls = timing or Timing(), tls
        self._resolve = resolve or resolve_nothing
        self._tasks = asyncio.TaskGroup()
        self.spawned: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Network:
        await self._tasks.__aenter__()
        clock = Clock(asyncio.get_running_loop())

        def spawn(coroutine: Coroutine[object, object, None]) -> asyncio.Task[None]:
            task = self._tasks.create_task(coroutine)
            self.spawned.append(task)
            return task

        return Network(clock=clock, resolve=self._resolve, spawn=spawn, tls=self._tls, timing=self._timing)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)


async def resolve_nothing(host: str, port: int) -> Sequence[tuple[int, str]]:
    raise AssertionError(f"{host}:{port} was looked up")


@asynccontextmanager
async def tcp_server(converse: Conversation, **options: object) -> AsyncIterator[str]:
    """A TCP server on loopback whose connections run `converse` and are then dropped. Yields its address."""
    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections[task] = writer
        # asyncio's server reports a cancelled connection as a fault of the program.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await converse(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    scheme = "wss" if "ssl" in options else "ws"
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"{scheme}://127.0.0.1:{port}/v1/realtime"
    finally:
        server.close()
        for task, writer in connections.items():
            writer.transport.abort()
            task.cancel()
        if connections:
            await asyncio.wait(connections)


def server_tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def client_tls(authority: trustme.CA | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority is not None:
        authority.configure_trust(context)
    return context


async def read_request(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Does the server's part of the WebSocket handshake by hand, so that what follows can break any rule."""
    request = await read_request(reader)
    lines = [line.partition(b": ") for line in request.split(b"\r\n")]
    key = next(value for name, _, value in lines if name.lower() == b"sec-websocket-key").decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"X-Request-Id: req-1\r\nSec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
    )


def frame(opcode: Opcode, octets: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, octets, fin).serialize(mask=False)


def text_frame(text: str) -> bytes:
    return frame(Opcode.TEXT, text.encode())


def answer(status: str, body: bytes, *headers: str) -> Conversation:
    """A server that answers the upgrade with plain HTTP."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await reader.read()

    return converse


async def close_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await reader.read()


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def upgraded_then(*octets: bytes, then_wait: bool = True) -> Conversation:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        for chunk in octets:
            writer.write(chunk)
            await writer.drain()
        if then_wait:
            await reader.read()

    return converse


@dataclass
class Linked:
    """A link to a server of the test, and what it reported."""

    link: WebSocketLink
    owner: LinkOwner
    net: Net


class Link:
    """`async with Link(converse) as linked`: a server that does `converse`, and a link that connects to it."""

    def __init__(self, converse: Conversation | str, *, timing: Timing = QUICK, **network: object) -> None:
        self._converse = converse
        self._net = Net(timing=timing, **network)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Linked:
        url = self._converse
        if not isinstance(url, str):
            url = await self._stack.enter_async_context(tcp_server(url))
        network = await self._stack.enter_async_context(self._net)
        owner = LinkOwner()
        link = WebSocketLink(parse_uri(url), {"Authorization": AUTHORIZATION}, network, owner)
        link.open()
        assert owner.notes == []
        self._stack.callback(link.close)
        return Linked(link, owner, self._net)

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()


async def failure_of(converse: Conversation | str, **network: object) -> Blocked | HttpAnswer:
    async with Link(converse, **network) as linked:
        (failure,) = await linked.owner.heard("failed")
    assert linked.owner.kinds() == ["failed"]
    return failure
