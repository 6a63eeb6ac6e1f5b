"""One connection to Yandex's Realtime API: the session's texts on one side, a WebSocket on the other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from voxruntime.audio.levels import rms
from voxruntime.audio.pcm import PCM16
from voxruntime.clock import Timer
from voxruntime.errors import InternalError
from voxruntime.providers.interface import ConnectFailure, Network, RealtimeRequest
from voxruntime.providers.websocket import WebSocketLink
from voxruntime.providers.yandex import dialect
from voxruntime.realtime.client_session import ClientSession
from voxruntime.realtime.events import Audio, Message, ProtocolFailed
from voxruntime.realtime.interface import ClientEvents, Handshake, Nobody, RealtimeClient, Refused

MAX_WAITING_CHARS = 4 * 1024 * 1024
"""Messages that may wait for a provider that reads nothing; past it the connection is given up."""


def connect(request: RealtimeRequest, network: Network, events: ClientEvents) -> RealtimeClient:
    """Starts a connection; see `realtime.interface` for what follows.

    Raises:
        InternalError: The address is `wss://` and the network has no TLS context.
    """
    client = YandexClient(request, network, events)
    client.open()
    return client


class YandexClient:
    """Implements `RealtimeClient`; see there."""

    # What every frame touches lies side by side.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_append_samples",
        "_events",
        "_is_over",
        "_levels",
        "_link",
        "_sees_audio",
        "_session",
        "_traffic",
        "_uplink",
    )

    def __init__(self, request: RealtimeRequest, network: Network, events: ClientEvents) -> None:
        self._request = request
        self._network = network
        self._events = events
        self._traffic = events.traffic
        self._levels = events.levels
        self._sees_audio = events.sees_audio
        self._session = ClientSession(
            rate=dialect.CAPABILITIES.default_rate, append_ms=network.timing.append_ms
        )
        self._link: WebSocketLink | None = None
        self._target: dialect.Target | None = None
        self._batch_timer: Timer | None = None
        self._is_over = False
        self._uplink = network.uplink
        self._append_samples: int | None = None
        """Length of the audio that goes by the uplink now: what makes an append as it is, unless somebody sees its text."""
        self._find_way()

    @property
    def input_rate(self) -> int:
        return self._session.input_rate

    @property
    def output_rate(self) -> int:
        return self._session.output_rate

    @property
    def active_response(self) -> str:
        return "" if self._is_over else self._session.active_response

    @property
    def dropped_audio_ms(self) -> float:
        return self._session.dropped_audio_ms

    def open(self) -> None:
        """Starts to connect; called once, before anything else."""
        target = dialect.target_of(self._request)
        if isinstance(target, Refused):
            refused = target
            self._network.clock.call_later(0, lambda: self._refuse(refused))
            return
        if target.uri.secure and self._network.tls is None:
            raise InternalError("internal.tls", f"No TLS context was made for {target.url}.")
        self._target = target
        self._link = WebSocketLink(target.uri, target.headers, self._network, self)
        self._link.open()

    def send(self, event_type: str, body: str) -> None:
        self._uplink.settle(self)
        if not self._is_over:
            self._session.send(event_type, body)
            self._pump()

    def send_audio(self, frame: PCM16) -> None:
        if len(frame) == self._append_samples:
            self._uplink.put(self, frame)
        else:
            self._uplink.settle(self)
            self._levels.append(rms(frame))
            self._send_in_line(frame)

    def set_rates(self, input_rate: int, output_rate: int) -> None:
        if not self._is_over:
            self._session.set_rates(input_rate, output_rate)
            self._pump()

    def close(self) -> None:
        self._uplink.settle(self)
        self._finish()
        if self._link is not None:
            self._link.close()

    # What the uplink calls

    def send_framed(self, octets: bytes, size: int, frame: PCM16, level: float) -> None:
        self._levels.append(level)
        # While the link can send, nothing waits in line.
        link = self._link
        if link is not None and (write := link.write) is not None:
            write(octets)
            self._traffic.count_sent(size)
        else:
            self._send_in_line(frame)

    # What the link calls

    def on_link_open(self, status: int, headers: Mapping[str, str]) -> None:
        assert self._target is not None
        shown = dialect.masked_headers(headers, dialect.mask_of(self._request))
        self._events.on_open(Handshake(status, shown, self._target.url))
        self._pump()

    def on_link_failed(self, failure: ConnectFailure) -> None:
        assert self._target is not None
        self._refuse(dialect.refused(failure, self._target, self._request))

    def on_link_message(self, octets: bytes) -> None:
        self._traffic.count_received(len(octets))
        if self._is_over:
            self._show(octets)
            return
        event = self._session.receive(octets)
        if not isinstance(event, Audio):
            self._on_event(event, octets)
            return
        if self._sees_audio:
            self._show(octets)
        self._events.on_audio(event.item_id, event.content_index, event.response_id, event.pcm)

    def _on_event(self, event: Message | ProtocolFailed | None, octets: bytes) -> None:
        """Tells of a message that is no audio to play."""
        match event:
            case Message():
                # Its owner may ask how loud it was until now.
                self._uplink.settle(self)
                self._events.on_wire("<", event.text)
                self._find_way()
                self._events.on_message(event.constant, event.wire_type, event.text)
            case ProtocolFailed():
                self._show(octets)
                self._events.on_wire("!", event.reason)
            case None:
                # Audio that comes too late.
                if self._sees_audio:
                    self._show(octets)

    def _show(self, octets: bytes) -> None:
        """Shows a message that came to whoever looks, if it is a text."""
        with suppress(UnicodeDecodeError):
            self._events.on_wire("<", octets.decode())

    def on_link_writable(self) -> None:
        self._pump()

    def on_link_closed(self, code: int, reason: str, was_clean: bool, error: str) -> None:
        self._finish()
        self._link = None
        if error:
            self._events.on_transport_error(f"The realtime connection broke: {error}.")
        self._let_go().on_closed(code, reason, was_clean)

    def _send_in_line(self, frame: PCM16) -> None:
        """Sends audio behind everything else that waits, joined to whole appends."""
        if self._is_over:
            return
        self._session.send_audio(frame, now=self._network.clock.now())
        self._pump()
        if self._session.next_deadline() is not None:
            self._arm_batch_timer()

    def _refuse(self, refused: Refused) -> None:
        self._finish()
        self._link = None
        self._let_go().on_refused(refused)

    def _find_way(self) -> None:
        """Takes note of what the session is at: its rates may have changed, or audio may have begun or ended to wait."""
        self._append_samples = None if self._sees_audio else self._session.append_samples

    def _pump(self) -> None:
        """Sends what waits, as far as the connection takes it."""
        self._find_way()
        link = self._link
        if link is None or not link.can_send():
            if self._session.waiting_chars > MAX_WAITING_CHARS:
                self._network.clock.call_later(0, self._give_up)
            return
        for text in self._session.outgoing():
            self._events.on_wire(">", text)
            octets = text.encode()
            self._traffic.count_sent(len(octets))
            if not link.send(octets):
                return

    def _give_up(self) -> None:
        if self._link is not None:
            self._link.break_off(
                f"the provider reads nothing, and {MAX_WAITING_CHARS} characters wait for it"
            )

    def _arm_batch_timer(self) -> None:
        deadline = self._session.next_deadline()
        if deadline is not None and self._batch_timer is None:
            self._batch_timer = self._network.clock.call_at(deadline, self._end_batch)

    def _end_batch(self) -> None:
        self._batch_timer = None
        self._session.tick(now=self._network.clock.now())
        self._pump()
        self._arm_batch_timer()

    def _let_go(self) -> ClientEvents:
        """Returns the owner for the last event: it has this client, and only the collector would free the two."""
        events, self._events = self._events, Nobody(self._traffic)
        return events

    def _finish(self) -> None:
        self._is_over = True
        if self._batch_timer is not None:
            self._batch_timer.cancel()
