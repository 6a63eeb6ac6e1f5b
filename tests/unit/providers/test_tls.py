"""TLS between a TCP transport and a protocol: the far end is `ssl`'s own server side, and nothing waits for a network."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from contextlib import suppress

import pytest
import trustme

from voxruntime.clock import Clock
from voxruntime.providers.tls import TlsStream

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
PIECES = [1, 7, 16 * 1024, 1 << 20]
LONG = bytes(range(256)) * 400


class Below(asyncio.Transport):
    """A TCP connection whose far end reads when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.protocol: asyncio.BufferedProtocol | None = None
        self.end = ""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.BufferedProtocol)
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.end, "written after the end"
        self.written += data

    def close(self) -> None:
        self.end = self.end or "closed"

    def abort(self) -> None:
        self.end = "aborted"

    def is_closing(self) -> bool:
        return bool(self.end)

    def deliver(self, octets: bytes, piece: int) -> None:
        """Hands on what came, in pieces."""
        assert self.protocol is not None
        for begin in range(0, len(octets), piece):
            part = octets[begin : begin + piece]
            while part:
                buffer = memoryview(self.protocol.get_buffer(-1))
                size = min(len(buffer), len(part))
                buffer[:size] = part[:size]
                self.protocol.buffer_updated(size)
                part = part[size:]


class Above(asyncio.BufferedProtocol):
    """Gathers what comes, in a buffer that a record does not fit into."""

    def __init__(self) -> None:
        self._buffer = bytearray(1000)
        self.came = b""
        self.notes: list[object] = []

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.came += self._buffer[:nbytes]

    def eof_received(self) -> None:
        self.notes.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.notes.append(exc)

    def pause_writing(self) -> None:
        self.notes.append("paused")

    def resume_writing(self) -> None:
        self.notes.append("resumed")


class Stand:
    """A stream and its far end.

    Args:
        authority: Whom both trust.
        piece: Bytes that come at a time.
        version: The newest that the far end speaks.
    """

    def __init__(
        self, authority: trustme.CA, piece: int = 1 << 20, version: ssl.TLSVersion = VERSIONS[-1]
    ) -> None:
        context, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("realtime.example").configure_cert(context)
        authority.configure_trust(trust)
        context.maximum_version = version
        self._piece = piece
        self._to_far, self._to_near = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.far = context.wrap_bio(self._to_far, self._to_near, server_side=True)
        self.below, self.above = Below(), Above()
        self.stream = TlsStream(self.below, self.above, trust, "realtime.example")

    def exchange(self) -> None:
        """Lets everything arrive that was written on either side."""
        octets, self.below.written = self.below.written, b""
        self._to_far.write(octets)
        with suppress(ssl.SSLWantReadError):
            self.far.do_handshake()
        self.below.deliver(self._to_near.read(), self._piece)

    async def connect(self) -> None:
        shaking = asyncio.ensure_future(self.stream.handshake())
        while not shaking.done():
            await give_way()
            self.exchange()
        await shaking
        self.exchange()

    def heard_far(self, size: int) -> bytes:
        self.exchange()
        heard = b""
        while len(heard) < size:
            heard += self.far.read(size)
        return heard


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def give_way() -> None:
    await Clock(asyncio.get_running_loop()).give_way()


def run(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece", PIECES)
def test_what_is_sent_arrives_however_it_is_cut(
    authority: trustme.CA, piece: int, version: ssl.TLSVersion
) -> None:
    async def main() -> None:
        stand = Stand(authority, piece, version)
        await stand.connect()
        assert stand.far.version() == version.name.replace("_", ".")
        stand.stream.write(b"short")
        stand.stream.write(LONG)
        assert stand.heard_far(len(LONG) + 5) == b"short" + LONG
        for octets in (b"answer", b"more", LONG):
            stand.far.write(octets)
        stand.exchange()
        assert stand.above.came == b"answermore" + LONG
        assert stand.above.notes == []

    run(main())


def test_closing_tells_the_far_end_and_writes_nothing_more(authority: trustme.CA) -> None:
    async def main() -> None:
        stand = Stand(authority)
        await stand.connect()
        stand.stream.write(b"last words")
        stand.stream.close()
        stand.stream.close()
        stand.stream.write(b"too late")
        assert stand.below.end == "closed"
        assert stand.stream.is_closing()
        assert stand.heard_far(10) == b"last words"
        # An end of file that was announced.
        assert stand.far.read(10) == b""

    run(main())


def test_a_far_end_that_takes_its_leave_ends_the_connection(authority: trustme.CA) -> None:
    async def main() -> None:
        stand = Stand(authority)
        await stand.connect()
        stand.far.write(b"last words")
        with suppress(ssl.SSLWantReadError):
            stand.far.unwrap()
        stand.exchange()
        assert stand.above.came == b"last words"
        assert stand.above.notes == ["eof"]
        assert stand.below.end == "closed"

    run(main())


def test_a_record_changed_on_the_way_breaks_the_connection(authority: trustme.CA) -> None:
    async def main() -> None:
        stand = Stand(authority)
        await stand.connect()
        stand.below.deliver(b"\x17\x03\x03\x00\x20" + bytes(32), 1 << 20)
        assert stand.below.end == "aborted"
        stand.stream.write(b"too late")
        stand.stream.connection_lost(None)
        assert [type(note) for note in stand.above.notes] == [ssl.SSLError]
        assert stand.above.came == b""

    run(main())


def test_a_connection_that_ends_before_it_is_agreed_says_so(authority: trustme.CA) -> None:
    async def main() -> None:
        for end, expected in ((None, EOFError), (ConnectionResetError(), ConnectionResetError)):
            stand = Stand(authority)
            shaking = asyncio.ensure_future(stand.stream.handshake())
            await give_way()
            stand.stream.connection_lost(end)
            with pytest.raises(expected):
                await shaking
            assert stand.above.notes == []

    run(main())


def test_a_handshake_given_up_leaves_no_connection(authority: trustme.CA) -> None:
    async def main() -> None:
        stand = Stand(authority)
        shaking = asyncio.ensure_future(stand.stream.handshake())
        await give_way()
        shaking.cancel()
        await asyncio.wait([shaking])
        assert stand.below.end == "aborted"
        stand.stream.connection_lost(None)
        assert stand.above.notes == []

    run(main())


def test_a_far_end_that_reads_slowly_shows_at_once(authority: trustme.CA) -> None:
    async def main() -> None:
        stand = Stand(authority)
        await stand.connect()
        assert stand.below.protocol is not None
        stand.below.protocol.pause_writing()
        stand.below.protocol.resume_writing()
        assert stand.above.notes == ["paused", "resumed"]

    run(main())
