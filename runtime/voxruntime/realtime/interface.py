"""What the engine asks of a realtime provider's client, and what the client tells it.

One client is one connection; it never reconnects (whether to try again is the scenario's decision). A
client calls its `ClientEvents` on the engine's loop, in this order:

1. either `on_refused`, once and last, or `on_open`, once;
2. after `on_open`: `on_message` and `on_audio` in the order of the wire;
3. perhaps `on_transport_error`, once;
4. `on_closed`, once and last, at the latest a few seconds after `close`.

No event comes from within the call that made the client. `on_wire` accompanies all of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Protocol

import msgspec

from voxruntime.audio.pcm import PCM16
from voxruntime.realtime.constants import Constant


class Handshake(msgspec.Struct, frozen=True):
    """The provider's answer that opened the WebSocket: the `HTTPResponse` and `ConnectorInformation` events.

    Attributes:
        status: HTTP status, 101.
        headers: Response headers; values of one name joined by `, `.
        url: Where the client connected; holds no credential.
    """

    status: int
    headers: Mapping[str, str]
    url: str


class Refused(msgspec.Struct, frozen=True):
    """Why there is no connection; the fields of the promise's rejection. No field ever holds the key.

    Attributes:
        code: `provider.auth`, `provider.rate_limited`, `provider.unavailable`, `provider.bad_request`,
            `provider.not_websocket`, `provider.unreachable`, `provider.tls`, `provider.timeout`,
            `provider.aborted`.
        status: HTTP status; 0 when no HTTP answer came.
        headers: Response headers; empty when no HTTP answer came.
        body: Response body, as text, cut after 16,384 characters.
        message: What happened and what to do, for whoever runs the scenario.
        retryable: Whether the same request may succeed later.
    """

    code: str
    message: str
    retryable: bool
    status: int = 0
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: str = ""


class Traffic(msgspec.Struct):
    """Messages of a client's socket, and their bytes without what frames and TLS add."""

    sent_messages: int = 0
    sent_bytes: int = 0
    received_messages: int = 0
    received_bytes: int = 0

    def count_sent(self, size: int) -> None:
        """Counts a message of `size` bytes that was sent."""
        self.sent_messages += 1
        self.sent_bytes += size

    def count_received(self, size: int) -> None:
        """Counts a message of `size` bytes that came."""
        self.received_messages += 1
        self.received_bytes += size


class ClientEvents(Protocol):
    """What a client tells its owner; the module's text gives the order."""

    @property
    def traffic(self) -> Traffic:
        """Where the client counts every message, seen by `on_wire` or not; the same object at all times."""

    @property
    def levels(self) -> deque[float]:
        """Where the client notes how loud each `send_audio` was, RMS amplitude in int16 units; the same object at all times.

        Before an `on_message` it has noted all that came before.
        """

    @property
    def sees_audio(self) -> bool:
        """Whether `on_wire` must see texts with audio too, which are nearly all. It never changes."""

    def on_open(self, handshake: Handshake) -> None:
        """The WebSocket is open; nothing the provider says precedes this."""

    def on_refused(self, refused: Refused) -> None:
        """There will be no connection: refused, failed, out of time, or given up by `close`."""

    def on_message(self, constant: Constant, wire_type: str, text: str) -> None:
        """The provider said something other than audio: one JSON object, as it came."""

    def on_audio(self, item_id: str, content_index: int, response_id: str, pcm: bytes) -> None:
        """Audio to play: int16 little-endian mono, whole samples, at the client's present `output_rate`.

        Audio of a response that was cancelled, or of an item that was truncated, never gets here.
        """

    def on_closed(self, code: int, reason: str, was_clean: bool) -> None:
        """The connection has ended, with a code of RFC 6455 §7.4; 1006: without a closing handshake."""

    def on_transport_error(self, message: str) -> None:
        """The open connection broke: dropped, silent for too long, or not a WebSocket any more."""

    def on_wire(self, direction: str, text: str) -> None:
        """Sees texts before any filter: `<` received, `>` sent; `!` why the last one was dropped.

        Appends and audio deltas may be left out unless `sees_audio`.
        """


class Nobody:
    """Owns a client that has told its last event: hears nothing.

    Args:
        traffic: That of the client.
    """

    sees_audio = False

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.levels: deque[float] = deque(maxlen=0)

    def on_open(self, handshake: Handshake) -> None: ...

    def on_refused(self, refused: Refused) -> None: ...

    def on_message(self, constant: Constant, wire_type: str, text: str) -> None: ...

    def on_audio(self, item_id: str, content_index: int, response_id: str, pcm: bytes) -> None: ...

    def on_closed(self, code: int, reason: str, was_clean: bool) -> None: ...

    def on_transport_error(self, message: str) -> None: ...

    def on_wire(self, direction: str, text: str) -> None: ...


class RealtimeClient(Protocol):
    """One connection to a realtime provider. All methods return at once; after the end they do nothing."""

    @property
    def input_rate(self) -> int:
        """Hz of the frames that `send_audio` takes. Changes in `set_rates`, and just before an `on_message`."""

    @property
    def output_rate(self) -> int:
        """Hz of the audio that `on_audio` brings. Changes in `set_rates`, and just before an `on_message`."""

    @property
    def active_response(self) -> str:
        """Id of the response that the provider works on and nobody has cancelled; empty when there is none."""

    @property
    def dropped_audio_ms(self) -> float:
        """Milliseconds of input dropped so far because the provider did not take it in time."""

    def send(self, event_type: str, body: str) -> None:
        """Sends one client message, in order; what is sent before `on_open` waits for it.

        Args:
            event_type: Wire type, e.g. `response.create`.
            body: JSON object without its `type`, e.g. `{}`; passed on as it is.

        Raises:
            ProtocolBreach: `body` is no JSON object.
        """

    def send_audio(self, frame: PCM16) -> None:
        """Sends the caller's audio.

        Args:
            frame: int16 array of shape (samples,) at `input_rate`, of any length; 20 ms as a rule.
        """

    def set_rates(self, input_rate: int, output_rate: int) -> None:
        """Tells the rates that the next `session.update` declares. Call it just before that `send`.

        Args:
            input_rate: Hz of the frames from now on; 0 leaves it as it is.
            output_rate: Hz of the provider's audio once it has confirmed; 0 leaves it as it is.
        """

    def close(self) -> None:
        """Ends the connection with code 1000, or gives up opening it. No message or audio follows."""
