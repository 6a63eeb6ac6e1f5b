"""One outgoing WebSocket: `websockets`' protocol layer (RFC 6455) between an asyncio transport and plain
texts.

No task runs once the connection is open: bytes come in as calls of the transport, texts go out as calls of
the owner, and three timers bound the opening, the silence and the closing.

Nearly all frames are whole texts. Those are read and written here, a third of the cost; every other frame, and all that
breaks a rule, goes through the protocol layer.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Protocol

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import WebSocketURI

from voxruntime.clock import Timer
from voxruntime.providers.interface import Blocked, ConnectFailure, HttpAnswer, Network, Obstacle
from voxruntime.providers.tcp import open_stream
from voxruntime.providers.text_frames import (
    MAX_MESSAGE_BYTES,
    MEDIUM_HEAD_BYTES,
    MEDIUM_TEXT,
    WHOLE_TEXT,
    payload_place,
    text_frame,
)

ABNORMAL = 1006
NORMAL = 1000

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

_HEADERS_END = b"\r\n\r\n"

_inbox = memoryview(bytearray(64 * 1024))
"""Where every link's bytes arrive: what is in it is taken out before the loop goes on."""

_medium_head = struct.Struct(">HH").unpack_from
"""Reads the head of a frame of 126 to 65,535 bytes: what kind it is, with MEDIUM_TEXT for a whole text, and its length."""


class LinkEvents(Protocol):
    """What a link tells its owner: `on_link_failed` alone, or open, texts, closed."""

    def on_link_open(self, status: int, headers: Mapping[str, str]) -> None: ...

    def on_link_failed(self, failure: ConnectFailure) -> None: ...

    def on_link_message(self, octets: bytes) -> None:
        """One whole message, text or binary; nobody has looked yet whether it is UTF-8."""

    def on_link_writable(self) -> None:
        """The connection takes texts again."""

    def on_link_closed(self, code: int, reason: str, was_clean: bool, error: str) -> None:
        """The open connection has ended; `error` says what broke it, empty when it was closed."""


class _Stage(Enum):
    CONNECTING = auto()
    OPEN = auto()
    CLOSING = auto()
    ENDED = auto()


# Read for every frame, where looking them up in their class would take longer than all the rest.
_CONNECTING, _OPEN, _ENDED = _Stage.CONNECTING, _Stage.OPEN, _Stage.ENDED


class WebSocketLink(asyncio.BufferedProtocol):
    """See the module's text. Call `open` once; `send` only while `can_send`.

    Args:
        uri: Where to connect.
        headers: Request headers beside those of the WebSocket handshake.
        network: Clock, names, tasks, TLS and times.
        events: The owner. Nothing is called from within `open`.
    """

    def __init__(
        self, uri: WebSocketURI, headers: Mapping[str, str], network: Network, events: LinkEvents
    ) -> None:
        self._uri = uri
        self._headers = headers
        self._network = network
        self._events = events
        self._stage = _Stage.CONNECTING
        self._lost: Exception | None = None
        self._is_at_end = False
        self._frames = ClientProtocol(uri, max_size=MAX_MESSAGE_BYTES)
        self._frames.debug = False  # its wire lines would show the key
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        self._parts: list[bytes] = []
        self._cut = bytearray()
        self._wanted_bytes = 0
        self._is_congested = False
        self._was_silent = False
        self._silent_pings = 0
        self.write: Callable[[bytes], None] | None = None
        """Sends a whole frame made elsewhere; None while nothing can leave at once."""

    def can_send(self) -> bool:
        """Whether a text sent now leaves at once."""
        return self.write is not None

    def open(self) -> None:
        """Starts to connect."""
        self._arm(self._network.timing.connect_s, self._give_up)
        self._opening = self._network.spawn(self._open())

    def send(self, text: bytes) -> bool:
        """Sends one text message, in UTF-8; returns whether the next one may follow at once."""
        assert self._transport is not None
        self._transport.write(text_frame(text))
        return not self._is_congested

    def close(self) -> None:
        """Closes with code 1000, or gives up connecting; does nothing the second time."""
        if self._stage is _Stage.CONNECTING:
            self._fail(Blocked(Obstacle.ABORTED))
        elif self._stage is _Stage.OPEN:
            self._stage = _Stage.CLOSING
            self._open_or_shut()
            if self._frames.state is State.OPEN:
                self._frames.send_close(NORMAL)
                self._flush()
            self._arm(self._network.timing.close_s, self._give_up_closing)

    def break_off(self, error: str) -> None:
        """Ends an open connection without ceremony."""
        if self._stage is _Stage.OPEN:
            self._end(ABNORMAL, "", was_clean=False, error=error)

    # Opening

    async def _open(self) -> None:
        try:
            tls = self._network.tls if self._uri.secure else None
            outcome = await open_stream(self._uri.host, self._uri.port, self, self._network, tls=tls)
        except asyncio.CancelledError:
            self._opening = None
            self._release()
            raise
        self._opening = None
        if isinstance(outcome, Blocked):
            self._fail(outcome)
            return
        self._transport = outcome
        request = self._frames.connect()
        request.headers.update(self._headers)
        self._frames.send_request(request)
        self._flush()

    def _give_up(self) -> None:
        self._fail(Blocked(Obstacle.TIMEOUT, f"after {self._network.timing.connect_s:g} s"))

    def _fail(self, failure: ConnectFailure) -> None:
        if self._stage is _Stage.CONNECTING:
            self._release()
            self._events.on_link_failed(failure)

    def _answer(self, response: Response) -> None:
        headers = _joined(response)
        if self._frames.handshake_exc is None:
            self._stage = _Stage.OPEN
            self._open_or_shut()
            self._disarm()
            if self._network.timing.ping_interval_s:
                self._arm(self._network.timing.ping_interval_s, self._ping)
            self._events.on_link_open(response.status_code, headers)
        elif response.status_code == 101:
            self._fail(Blocked(Obstacle.NOT_WEBSOCKET, str(self._frames.handshake_exc)))
        else:
            body = bytes(response.body).decode(errors="replace")
            self._fail(HttpAnswer(response.status_code, headers, body))

    def _fail_handshake(self) -> None:
        """Ends an attempt whose answer was no HTTP, or cut off."""
        if self._frames.handshake_exc is not None:
            self._fail(Blocked(Obstacle.CLOSED if self._is_at_end else Obstacle.NOT_WEBSOCKET))

    # What the transport calls

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # all there is
        return _inbox

    def buffer_updated(self, nbytes: int) -> None:
        if self._stage is _ENDED:
            return
        self._was_silent = False
        if self._stage is _CONNECTING:
            self._receive_answer(bytes(_inbox[:nbytes]))
        elif not self._cut:
            kind, length = _medium_head(_inbox)
            if kind == MEDIUM_TEXT and length == nbytes - MEDIUM_HEAD_BYTES and not self._parts:
                # Nearly always: one whole text.
                self._events.on_link_message(_inbox[MEDIUM_HEAD_BYTES:nbytes].tobytes())
            else:
                self._receive_frames(bytes(_inbox[:nbytes]))
        else:
            self._cut += _inbox[:nbytes]
            if len(self._cut) >= self._wanted_bytes:
                octets, self._cut = bytes(self._cut), bytearray()
                self._receive_frames(octets)

    def eof_received(self) -> None:
        if self._stage is not _Stage.ENDED:
            self._is_at_end = True
            if self._stage is not _Stage.CONNECTING:
                self._frames.receive_data(bytes(self._cut))
            self._frames.receive_eof()
            self._process()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc
        self.eof_received()

    def pause_writing(self) -> None:
        self._is_congested = True
        self._open_or_shut()

    def resume_writing(self) -> None:
        self._is_congested = False
        self._open_or_shut()
        if self._stage is _Stage.OPEN:
            self._events.on_link_writable()

    # Frames

    def _receive_answer(self, octets: bytes) -> None:
        """Takes the HTTP answer, and the frames that may follow it at once."""
        known = bytes(self._cut)
        found = (known + octets).find(_HEADERS_END)
        split = len(octets) if found < 0 else found + len(_HEADERS_END) - len(known)
        # An end of the headers may be cut as well.
        self._cut = bytearray((known + octets)[1 - len(_HEADERS_END) :] if found < 0 else b"")
        self._frames.receive_data(octets[:split])
        self._process()
        if self._stage is not _Stage.CONNECTING:
            self._cut.clear()
            self._receive_frames(octets[split:])
        elif split < len(octets):
            self._receive_answer(octets[split:])

    def _receive_frames(self, octets: bytes) -> None:
        """Takes the whole frames that `octets` begins with, and keeps the rest until more has come."""
        begin, size = 0, len(octets)
        while begin < size and self._stage is not _ENDED:
            start, length = payload_place(octets, begin)
            end = start + length
            if (
                octets[begin] == WHOLE_TEXT
                and length <= MAX_MESSAGE_BYTES
                and not self._parts
                and end <= size
            ):
                self._events.on_link_message(octets[start:end])
            elif end <= size or length > MAX_MESSAGE_BYTES:
                self._frames.receive_data(octets[begin:end])
                self._process()
            else:
                self._cut, self._wanted_bytes = bytearray(octets[begin:]), end - begin
                return
            begin = end

    def _open_or_shut(self) -> None:
        """Opens the way out, or shuts it; called whenever one of its conditions may have changed."""
        transport = self._transport
        # The layer below may have read a closing frame behind the text that is being dispatched.
        is_clear = self._stage is _OPEN and not self._is_congested and self._frames.state is State.OPEN
        self.write = transport.write if is_clear and transport is not None else None

    def _process(self) -> None:
        self._open_or_shut()
        for event in self._frames.events_received():
            if isinstance(event, Response):
                self._answer(event)
            elif isinstance(event, Frame) and event.opcode in _DATA:
                self._collect(event)
            if self._stage is _Stage.ENDED:
                return
        if self._stage is _Stage.CONNECTING:
            self._fail_handshake()
            return
        self._flush()
        if self._frames.parser_exc is not None:
            self._end_broken(self._frames.parser_exc)
        elif (close := self._frames.close_rcvd) is not None:
            self._end(int(close.code), close.reason, was_clean=True, error="")

    def _collect(self, frame: Frame) -> None:
        message = frame.data
        if self._parts or not frame.fin:
            self._parts.append(bytes(frame.data))
            if not frame.fin:
                return
            message = b"".join(self._parts)
            self._parts = []
        self._events.on_link_message(bytes(message))

    def _flush(self) -> None:
        for octets in self._frames.data_to_send():
            # An empty item asks to half-close; closing the transport follows anyway.
            if octets and self._transport is not None:
                self._transport.write(octets)

    # Silence, and the end

    def _ping(self) -> None:
        timing = self._network.timing
        self._silent_pings = self._silent_pings + 1 if self._was_silent else 0
        if self._silent_pings >= timing.silent_pings:
            silent_s = self._silent_pings * timing.ping_interval_s
            self._end(ABNORMAL, "", was_clean=False, error=f"the provider was silent for {silent_s:g} s")
            return
        self._was_silent = True
        self._frames.send_ping(b"")
        self._flush()
        self._arm(timing.ping_interval_s, self._ping)

    def _give_up_closing(self) -> None:
        self._end(ABNORMAL, "", was_clean=False, error="")

    def _end_broken(self, error: Exception) -> None:
        sent = self._frames.close_sent
        if isinstance(error, EOFError) or sent is None or self._stage is _Stage.CLOSING:
            reason = f" ({self._lost})" if self._lost else ""
            self._end(ABNORMAL, "", was_clean=False, error=f"the connection was dropped{reason}")
        else:
            self._end(
                int(sent.code), sent.reason, was_clean=False, error=f"not a WebSocket any more: {error}"
            )

    def _end(self, code: int, reason: str, *, was_clean: bool, error: str) -> None:
        wanted = self._stage is _Stage.CLOSING
        self._release(graceful=was_clean or self._frames.close_sent is not None)
        self._events.on_link_closed(code, reason, was_clean, "" if wanted else error)

    def _arm(self, delay: float, callback: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self._network.clock.call_later(delay, callback)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _release(self, *, graceful: bool = False) -> None:
        """Lets go of everything: no call comes after this."""
        self._stage = _Stage.ENDED
        self._open_or_shut()
        self._disarm()
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._transport is None:
            return
        # With bytes still unsent, close() would wait for a far end that may never take them.
        if graceful and not self._transport.get_write_buffer_size():
            self._transport.close()
        else:
            self._transport.abort()


def _joined(response: Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.raw_items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
