"""Listens between a client and a realtime server: relays every byte as it is and keeps the texts of both directions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from conformance.emulator.invariants import Frame
from voxruntime.clock import real_now

_HEAD_END = b"\r\n\r\n"


@dataclass
class Conversation:
    """What passed over one connection.

    Attributes:
        traffic: Text frames of both sides, in the order in which they passed.
        request: HTTP head of the client, as text.
        close_code: Of the server's closing handshake; None when there was none.
    """

    traffic: list[Frame] = field(default_factory=list)
    request: str = ""
    close_code: int | None = None

    def texts(self, sender: Literal["client", "server"]) -> list[str]:
        """Returns what one side sent."""
        return [frame.text for frame in self.traffic if frame.sender == sender]


@dataclass
class Tap:
    """A listener in front of a server: `url` is what a client connects to."""

    url: str
    conversations: list[Conversation] = field(default_factory=list)

    @property
    def only(self) -> Conversation:
        """The one connection there was."""
        (conversation,) = self.conversations
        return conversation


class _Reader:
    """Reads the frames out of one direction of a connection."""

    def __init__(self, sender: Literal["client", "server"], conversation: Conversation) -> None:
        self._sender = sender
        self._conversation = conversation
        # Who receives from the client is a server.
        self._protocol = Protocol(Side.SERVER if sender == "client" else Side.CLIENT, max_size=None)
        self._head: bytes | None = b""
        self._fragments: list[bytes] = []

    def feed(self, octets: bytes) -> None:
        """Takes the next bytes."""
        if self._head is not None:
            self._head += octets
            head, end, octets = self._head.partition(_HEAD_END)
            if not end:
                return
            self._head = None
            if self._sender == "client":
                self._conversation.request = head.decode("latin-1")
        self._protocol.receive_data(octets)
        for frame in self._protocol.events_received():
            if frame.opcode is Opcode.CLOSE and self._sender == "server":
                self._conversation.close_code = int.from_bytes(frame.data[:2], "big")
            if frame.opcode not in (Opcode.TEXT, Opcode.CONT):
                continue
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                text = b"".join(self._fragments).decode()
                self._fragments.clear()
                self._conversation.traffic.append(Frame(self._sender, text, real_now()))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, reader: _Reader) -> None:
    try:
        while octets := await source.read(1 << 16):
            # Kept before it is passed on: no answer can come first.
            reader.feed(octets)
            sink.write(octets)
            await sink.drain()
    except ConnectionError:
        pass  # the other side is told by the end of this one
    finally:
        sink.close()


@contextmanager
def tapped(server_url: str) -> Iterator[Tap]:
    """Relays connections to the server at `server_url` until left; a connection that is open then is cut."""
    target = urlsplit(server_url)
    ready = threading.Event()
    tap = Tap("")
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation()
        tap.conversations.append(conversation)
        to_server, from_writer = await asyncio.open_connection(target.hostname, target.port)
        # Cut at the end: the callback with which asyncio watches this task cannot take a cancelled one.
        with suppress(asyncio.CancelledError):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(reader, from_writer, _Reader("client", conversation)))
                tasks.create_task(_pump(to_server, writer, _Reader("server", conversation)))

    async def listen() -> None:
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        tap.url = target._replace(netloc=f"127.0.0.1:{port}").geturl()
        ended = asyncio.Event()
        stop.append((asyncio.get_running_loop(), ended))
        ready.set()
        async with server:
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(listen()), name="tap")
    thread.start()
    assert ready.wait(20)
    try:
        yield tap
    finally:
        ((loop, ended),) = stop
        loop.call_soon_threadsafe(ended.set)
        thread.join()
