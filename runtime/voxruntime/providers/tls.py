"""TLS over a TCP transport: `ssl`'s own object without I/O, and nothing that one record each way in 20 ms does not need.

asyncio's TLS takes twice as long for such a record, with an exception each to learn that no further one has come, and
keeps a buffer of 256 KB for every connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

_sealed = memoryview(bytearray(64 * 1024))
"""Where every connection's bytes arrive: what is in it is taken out before the loop goes on."""


class TlsStream(asyncio.Transport, asyncio.BufferedProtocol):
    """Transport of the protocol above it, protocol of the TCP transport below. Order: construct, await `handshake`.

    All that is written goes on to the transport below at once, whose buffer and limits are those of this one.

    Args:
        below: An open transport, whose protocol this becomes.
        above: Gets what the far end sends, once the handshake is done.
        context: Whom to trust. It is told that a far end cannot have the handshake repeated (RFC 9113 §9.2.1 forbids
            that too): then writing never waits for reading.
        server_hostname: Whose certificate the far end must have.
    """

    def __init__(
        self,
        below: asyncio.Transport,
        above: asyncio.BufferedProtocol,
        context: ssl.SSLContext,
        server_hostname: str,
    ) -> None:
        super().__init__()
        context.options |= ssl.OP_NO_RENEGOTIATION
        self._below = below
        self._above = above
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        # Called for every record; with a buffer it returns a size.
        self._read: Callable[[int, memoryview], int] = self._tls.read  # type: ignore[assignment]
        self._agreed = asyncio.get_running_loop().create_future()
        self._is_agreed = False
        self._broken: Exception | None = None
        below.set_protocol(self)

    async def handshake(self) -> None:
        """Returns when both sides have agreed; after any error the connection is gone.

        Raises:
            ssl.SSLError: The far end speaks no TLS, or its certificate is not trusted.
            EOFError: It closed.
            OSError: The connection broke.
        """
        try:
            self._shake_hands()
            await self._agreed
        except BaseException:
            self._below.abort()
            raise

    # What the protocol above calls

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends, unless the connection is closing."""
        if self._below.is_closing():
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self._break_off(error)
        else:
            self._below.write(self._outgoing.read())

    def close(self) -> None:
        """Closes once everything written has left; the far end's farewell is not waited for (RFC 8446 §6.1)."""
        if not self._below.is_closing():
            # It says that the far end has not answered yet.
            with suppress(ssl.SSLError):
                self._tls.unwrap()
            self._flush()
        self._below.close()

    def abort(self) -> None:
        """Closes at once."""
        self._below.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._below.is_closing()

    def get_write_buffer_size(self) -> int:
        """Returns how many bytes have not left, sealed."""
        return self._below.get_write_buffer_size()

    # What the transport below calls

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # all there is
        return _sealed

    def buffer_updated(self, nbytes: int) -> None:
        self._incoming.write(_sealed[:nbytes])
        if not self._is_agreed:
            self._shake_hands()
        elif self._broken is None:
            self._open_records()

    def eof_received(self) -> bool | None:
        if self._is_agreed:
            return self._above.eof_received()
        self._fail(EOFError())
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_agreed:
            # Each has the other; without this only the collector would free them.
            above, self._above = self._above, asyncio.BufferedProtocol()
            above.connection_lost(self._broken or exc)
        else:
            self._fail(exc or EOFError())

    def pause_writing(self) -> None:
        self._above.pause_writing()

    def resume_writing(self) -> None:
        self._above.resume_writing()

    # Records

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._flush()
            self._fail(error)
        else:
            self._flush()
            self._is_agreed = True
            self._agreed.set_result(None)
            if self._incoming.pending:
                self._open_records()

    def _fail(self, error: Exception) -> None:
        if not self._agreed.done():
            self._agreed.set_exception(error)

    def _open_records(self) -> None:
        """Hands on what the whole records hold that have come."""
        above, is_more = self._above, True
        try:
            while is_more:
                buffer = memoryview(above.get_buffer(-1))
                size = self._read(len(buffer), buffer)
                if not size:
                    # The far end's farewell.
                    if not above.eof_received():
                        self.close()
                    return
                above.buffer_updated(size)
                # Asking in vain would cost an exception.
                is_more = self._incoming.pending > 0 or size == len(buffer)
        except ssl.SSLWantReadError:
            # What came for TLS itself may want an answer.
            self._flush()
        except ssl.SSLError as error:
            self._break_off(error)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._below.write(self._outgoing.read())

    def _break_off(self, error: ssl.SSLError) -> None:
        self._broken = error
        self._flush()
        self._below.abort()
