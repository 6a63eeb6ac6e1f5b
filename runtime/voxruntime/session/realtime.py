"""The realtime clients of one session: commands to the provider, its messages and audio to the scenario and the caller."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from voxruntime.audio.pcm import PCM16, silent_frame
from voxruntime.errors import ProtocolBreach, ProviderError
from voxruntime.media.playout import Playout, PlayoutStarted
from voxruntime.media.ports import Sink, Source, Stage
from voxruntime.realtime.constants import Constant
from voxruntime.realtime.interface import Handshake, RealtimeClient, Refused
from voxruntime.session.diagnosis import TICKS_PER_LINE, Diagnosis
from voxruntime.session.hub import Hub
from voxruntime.session.interruption import interrupt, truncate
from voxruntime.session.latency import ResponseTimes
from voxruntime.session.media import Media
from voxruntime.session.observer import SessionObserver
from voxruntime.session.queue import Event, Rank
from voxruntime.session.quiet import QuietWatch
from voxruntime.session.records import RealtimeRecord
from voxruntime.session.usage import read_response
from voxruntime.turn.messages import (
    ConnectRealtime,
    InterruptRealtime,
    Plain,
    SendRealtime,
    TruncateRealtime,
    WatchQuiet,
)

RESPONSE_AGAIN = (
    "responseCreate was sent again after the reload. If it is a greeting, say it once: "
    "if not event.reloaded then client:responseCreate(...) end"
)

RESPONSE_DUE_S = 10.0
"""Seconds for which a response that was asked for may still begin."""

DEFAULT_RATE = 24_000
"""Hz of a client's audio until it is open."""

_ON_THE_WIRE = np.dtype("<i2")

_RATE_TELLING = frozenset({Constant.SESSION_CREATED, Constant.SESSION_UPDATED})
_RESPONSE_ANSWERS = frozenset({Constant.RESPONSE_CREATED, Constant.ERROR})


class RealtimeUnit:
    """One client: its connection and playout, and what the scenario hears of both.

    It is a media unit and its own source and sink: the graph pulls the provider's audio from it and pushes to it what the
    provider hears. Its audio waits while nobody hears it, so no word is lost before the units are bridged.
    """

    # What every frame touches lies side by side.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_clock",
        "_playout",
        "_start",
        "_ticks",
        "_times",
        "client",
        "rate",
    )
    is_always_on, speaks, hears = False, Stage.OUT, Stage.IN

    def __init__(
        self,
        hub: Hub,
        command: ConnectRealtime,
        record: RealtimeRecord,
        media: Media,
        observer: SessionObserver,
        diagnosis: Diagnosis,
        on_end: Callable[[int], None],
    ) -> None:
        self._hub = hub
        self._clock, self._start = hub.clock, hub.started_at
        self._diagnosis = diagnosis
        self._on_end = on_end
        self.asked = command
        self._handle = command.client
        self._promise = command.promise
        self._handshake: Handshake | None = None
        self._created: tuple[str, str] | None = None
        self._media = media
        self._observer = observer
        self._playout = Playout(DEFAULT_RATE)
        self.rate = DEFAULT_RATE
        """Hz of the frames that `push` takes."""
        self._cancel_id = ""
        self._ticks = 0
        self._quiet = QuietWatch()
        self._response_due_until = 0.0
        self.is_closing = False
        self._times = ResponseTimes(record.id, record.responses)
        self.record = record
        self.traffic, self.levels = record.traffic, self._times.levels
        self.sees_audio = diagnosis.sees_wire or observer.sees_audio
        self.client: RealtimeClient | None = None
        self.declared = {"input": False, "output": False}
        """Whether the scenario, or the host for it, has declared an audio format."""
        self.is_handed_over = False
        """Whether code that took it over still settles in."""

    @property
    def label(self) -> str:
        return f"{self.record.provider} client {self.record.id}"

    @property
    def source(self) -> Source | None:
        return self._playout if self.record.is_open else None

    @property
    def sink(self) -> Sink | None:
        return self if self.record.is_open else None

    def push(self, frame: PCM16 | None) -> None:
        """Sends 20 ms to the provider."""
        assert self.client is not None
        # Each tick begins with a look at the clock.
        self._times.on_input(self._clock.latest - self._start)
        self.client.send_audio(silent_frame(self.rate) if frame is None else frame)

    def clear(self) -> None:
        self._playout.clear(self._media.silence(self._handle))

    def silence(self) -> float:
        """Drops nothing: what the provider was sent, it has heard."""
        return 0.0

    def after_tick(self) -> None:
        """Tells the scenario when the provider's audio began to play, has been silent for a second, or is over."""
        playout = self._playout
        self._ticks += 1
        if self._ticks % TICKS_PER_LINE == 0:
            assert self.client is not None
            self._diagnosis.after_second(playout.queued_s, self.client.dropped_audio_ms)
            self.record.count_playout(playout.counters(), playout.queued_s)
        if playout.goes_on:
            playout.goes_on = False
            return
        sounding = playout.drain_sounding()
        is_told = sounding is not None or self._times.sounding is not None
        if is_told and (begun := self._times.on_playout(self._hub.now(), sounding)) is not None:
            self._observer.on_answer(self._hub.now(), self.record, begun)
        self._settle_quiet(is_quiet=sounding is None and not playout.queued_s and not self._is_responding)
        for event in playout.drain_events():
            if isinstance(event, PlayoutStarted):
                self._post("Events.WebSocketMediaStarted", {"encoding": "PCM16"})
            else:
                self._post("Events.WebSocketMediaEnded", {"mediaInfo": {"duration": event.duration_s}})

    def truncate(self, command: TruncateRealtime) -> None:
        """Truncates an item at what has been played to the caller, to the sample."""
        assert self.client is not None
        heard_ms = self._playout.heard_ms(command.item_id, command.content_index)
        if not heard_ms:
            self._hub.note(
                "info",
                f"conversationItemTruncate: nothing of item {command.item_id} was heard, nothing sent.",
            )
            return
        truncate(self.client, command.item_id, command.content_index, heard_ms, command.event_id)

    @property
    def _is_responding(self) -> bool:
        is_due = self._response_due_until > 0 and self._hub.now() < self._response_due_until
        return is_due or (self.client is not None and bool(self.client.active_response))

    def watch_quiet(self, command: WatchQuiet) -> None:
        """Settles the command's promise when the agent is quiet.

        Raises:
            ProtocolBreach: More promises wait than the limit, which Lua enforces.
        """
        if self._quiet.waiting >= self._hub.limits.timers:
            raise ProtocolBreach(
                "protocol.quiet", f"{self._quiet.waiting} promises wait for {self.label} to be quiet."
            )
        self._quiet.watch(command.promise, command.quiet_ms)

    def send(self, command: SendRealtime) -> None:
        """Sends one client message."""
        assert self.client is not None
        if command.input_rate or command.output_rate:
            self.client.set_rates(command.input_rate, command.output_rate)
            self._take_rates(self.client)
            self.declared["input"] |= command.input_rate > 0
            self.declared["output"] |= command.output_rate > 0
        if self.is_handed_over and command.event_type == "response.create":
            self.is_handed_over = False
            self._hub.note("warning", RESPONSE_AGAIN)
        self.client.send(command.event_type, command.body)
        if command.event_type == "response.create":
            self._response_due_until = self._hub.now() + RESPONSE_DUE_S

    def close(self) -> None:
        """Closes the connection, or gives up opening it."""
        self.is_closing = True
        self._times.heard_until(self._hub.now())
        if self.client is not None:
            self.client.close()

    def interrupt(self, command: InterruptRealtime) -> None:
        """Silences the client between two ticks, tells the provider, and settles the command's promise."""
        assert self.client is not None
        self._cancel_id = f"interrupt-{self.record.id}-{command.promise}"
        unheard_s = self._media.silence(self._handle)
        result = interrupt(self._playout, self.client, command, unheard_s, self._cancel_id)
        self._hub.post(Event(Rank.SETTLEMENT, command.promise, "promise.resolve", result))

    # What the connection reports (`realtime.interface.ClientEvents`).

    def on_open(self, handshake: Handshake) -> None:
        assert self.client is not None
        self._handshake = handshake
        self._take_rates(self.client)
        self._diagnosis.on_state(f"open: HTTP {handshake.status} from {handshake.url}")
        self.record.is_open = True
        self.record.connected_ms = round(self._hub.now() * 1000, 1)
        self._observer.on_realtime(self._hub.now(), self.record)
        self._media.begin(self._handle)
        self._tell_open(handshake)

    def _tell_open(self, handshake: Handshake) -> None:
        self._hub.post(Event(Rank.SETTLEMENT, self._promise, "promise.resolve", {}))
        reply: dict[str, Plain] = {"status": handshake.status, "headers": dict(handshake.headers)}
        self._connector_event(Constant.HTTP_RESPONSE, reply)
        assert self.client is not None
        rates: dict[str, Plain] = {"inputRate": self.client.input_rate, "outputRate": self.client.output_rate}
        about: dict[str, Plain] = {"connector": "voxrt", "url": handshake.url, **rates}
        self._connector_event(Constant.CONNECTOR_INFORMATION, about)

    def adopt(self, promise: int, waiting: list[Event]) -> list[Event]:
        """New code has the client, and hears again how it was opened; returns what else waits for it."""
        self._promise = promise
        self._quiet = QuietWatch()
        self.is_handed_over = True
        if self._handshake is not None:
            self._tell_open(self._handshake)
        names = {event.name for event in waiting}
        opening = [self._full_name(each) for each in (Constant.HTTP_RESPONSE, Constant.CONNECTOR_INFORMATION)]
        if self._created is not None and self._full_name(Constant.SESSION_CREATED) not in names:
            wire_type, text = self._created
            payload: dict[str, Plain] = {"data": {"customEvent": wire_type}, "reloaded": True}
            self._post(f"RealtimeAPI.{Constant.SESSION_CREATED}", payload, text)
        return [event for event in waiting if event.name not in opening]

    def _full_name(self, constant: Constant) -> str:
        return f"{self.record.provider}.RealtimeAPI.{constant}"

    def on_refused(self, refused: Refused) -> None:
        self.record.refusal = ProviderError(refused.code, refused.message, retryable=refused.retryable)
        self._observer.on_realtime(self._hub.now(), self.record)
        error: dict[str, Plain] = {
            "code": refused.code,
            "status": refused.status,
            "headers": dict(refused.headers),
            "body": refused.body,
            "message": refused.message,
            "retryable": refused.retryable,
        }
        self._hub.post(Event(Rank.SETTLEMENT, self._promise, "promise.reject", {"error": error}))
        self._diagnosis.on_state(f"refused: {refused.message} [{refused.code}]")
        self._end()

    def on_message(self, constant: Constant, wire_type: str, text: str) -> None:
        self.record.events[str(constant)] += 1
        self._times.on_message(self._hub.now(), constant, text)
        if constant in _RATE_TELLING:
            assert self.client is not None
            self._take_rates(self.client)
        if constant is Constant.SESSION_CREATED:
            self._created = (wire_type, text)
        if constant is Constant.RESPONSE_DONE:
            self._count_response(text)
        if constant in _RESPONSE_ANSWERS:
            self._response_due_until = 0.0
        if constant is Constant.ERROR and self._cancel_id and self._cancel_id in text:
            # The response ended while the cancel was on its way: nobody's mistake, so no Error for the scenario.
            self._hub.note("info", f"{self.label}: the response had ended before it was interrupted.")
            return
        self._post(f"RealtimeAPI.{constant}", {"data": {"customEvent": wire_type}}, text)

    def on_audio(self, item_id: str, content_index: int, response_id: str, pcm: bytes) -> None:
        if response_id != self._times.speaking:
            self._times.on_audio(self._hub.now(), response_id)
        self._playout.feed(item_id, content_index, response_id, np.frombuffer(pcm, _ON_THE_WIRE))

    def on_closed(self, code: int, reason: str, was_clean: bool) -> None:
        self._media.end(self._handle)
        self.record.is_open = False
        self._observer.on_realtime(self._hub.now(), self.record)
        payload: dict[str, Plain] = {"code": code, "reason": reason, "wasClean": was_clean}
        self._hub.post(Event(Rank.PROVIDER, self._handle, "WebSocket.Close", payload))
        self._diagnosis.on_state(f"closed: {code} {reason}".rstrip())
        self._end()

    def on_transport_error(self, message: str) -> None:
        self._hub.note("warning", f"{self.label}: {message}")
        self._diagnosis.on_state(f"broken: {message}")
        self._connector_event(Constant.WEBSOCKET_ERROR, {"message": message})

    def on_wire(self, direction: str, text: str) -> None:
        self._diagnosis.on_wire(direction, text)
        if self._observer.sees_wire:
            self._observer.on_wire(self._hub.now(), self.record, direction, text)

    def _connector_event(self, constant: Constant, payload: dict[str, Plain]) -> None:
        self.record.events[str(constant)] += 1
        self._post(f"RealtimeAPI.{constant}", {"data": {"payload": payload}})

    def _post(self, name: str, payload: dict[str, Plain], text: str | None = None) -> None:
        full_name = f"{self.record.provider}.{name}"
        self._hub.post(Event(Rank.PROVIDER, self._handle, full_name, payload, text, needs_listener=True))

    def _count_response(self, text: str) -> None:
        if (spent := read_response(text)) is None:
            self._hub.note(
                "info", f"{self.label}: the usage of a response cannot be read and is not counted."
            )
            return
        self.record.turns += spent.is_completed
        self.record.usage.update(spent.tokens)

    def _take_rates(self, client: RealtimeClient) -> None:
        """The client's rates may be others from now on."""
        self.rate = client.input_rate
        self._playout.set_rate(client.output_rate)

    def _settle_quiet(self, *, is_quiet: bool) -> None:
        for promise, is_over in self._quiet.tick(is_quiet=is_quiet):
            self._hub.post(Event(Rank.SETTLEMENT, promise, "promise.resolve", {"quiet": is_over}))

    def _end(self) -> None:
        """The connection is over, or never came to be."""
        assert self.client is not None
        self._times.heard_until(self._hub.now())
        self._quiet.end()
        self._settle_quiet(is_quiet=False)
        self._diagnosis.close(self.client.dropped_audio_ms)
        self.record.count_playout(self._playout.counters(), self._playout.queued_s)
        self._playout.clear()
        self._on_end(self._handle)
