"""A session seen from its parts: a hub that keeps what is posted, legs and providers that do what a test says."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping

import numpy as np

from voxruntime.audio.levels import rms
from voxruntime.call.leg import PCM16, CallParty, LegEvents
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.realtime.client_session import ClientSession
from voxruntime.realtime.events import Audio, Message
from voxruntime.realtime.interface import ClientEvents, Handshake
from voxruntime.session.queue import Event


class RecordingHub:
    """Implements `session.hub.Hub`; keeps events and remarks."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.clock = Clock(asyncio.get_running_loop())
        self.started_at = 0.0
        self.limits = limits or Limits()
        self.events: list[Event] = []
        self.notes: list[tuple[str, str]] = []
        self.listening: set[tuple[int, str]] = set()

    def now(self) -> float:
        return self.clock.now()

    def post(self, event: Event) -> None:
        self.events.append(event)

    def note(self, level: str, text: str) -> None:
        self.notes.append((level, text))

    def is_listening(self, target: int, event: str) -> bool:
        return (target, event) in self.listening

    @property
    def names(self) -> list[str]:
        """Names of the events posted so far."""
        return [event.name for event in self.events]


class ToldLeg:
    """Implements `call.leg.Leg`; keeps what it is told, sends a constant and hears frames."""

    def __init__(self, rate: int = 8000, level: int = 100) -> None:
        self.rate = rate
        self.told: list[str] = []
        self.heard: list[PCM16 | None] = []
        self.events: LegEvents | None = None
        self._frame = np.full(rate // 50, level, dtype=np.int16)

    def open(self, party: CallParty, events: LegEvents) -> None:
        self.told.append(f"open {party.number}")
        self.events = events

    def answer(self, headers: Mapping[str, str]) -> None:
        self.told.append("answer")

    def reject(self, status: int) -> None:
        self.told.append(f"reject {status}")

    def hang_up(self, headers: Mapping[str, str]) -> None:
        self.told.append("hang up")

    def pull(self) -> PCM16 | None:
        return self._frame

    def push(self, frame: PCM16 | None) -> None:
        self.heard.append(frame)


class ToldProvider:
    """Implements `realtime.interface.RealtimeClient` with the real protocol, and a provider that says what a test tells it.

    Args:
        clock: Time of the session.
        rate: Hz of the audio in both directions.
    """

    def __init__(self, clock: Clock, rate: int) -> None:
        self.sent: list[dict[str, object]] = []
        """The client's messages, in order, without the caller's audio."""
        self.is_closed = False
        self._clock = clock
        self._session = ClientSession(rate=rate)
        self._events: ClientEvents | None = None

    def connect(self, _command: object, events: ClientEvents) -> ToldProvider:
        """Accepts the connection, a moment later."""
        self._events = events
        self._clock.call_later(0, lambda: events.on_open(Handshake(101, {}, "told:")))
        return self

    def say(self, wire_type: str, **fields: object) -> None:
        """The provider sends a message."""
        assert self._events is not None
        text = json.dumps({"type": wire_type, "event_id": "e", **fields})
        match self._session.receive(text.encode()):
            case Audio(item_id, content_index, response_id, pcm):
                self._events.on_audio(item_id, content_index, response_id, pcm)
            case Message(constant, _, text):
                self._events.on_message(constant, wire_type, text)

    def say_audio(self, item_id: str, pcm: PCM16, response_id: str = "resp", content_index: int = 0) -> None:
        """The provider sends audio."""
        ids = {"item_id": item_id, "response_id": response_id, "content_index": content_index}
        self.say("response.output_audio.delta", delta=base64.b64encode(pcm.tobytes()).decode(), **ids)

    def begin(self, response_id: str = "resp") -> None:
        """The provider begins a response."""
        self.say("response.created", response={"id": response_id, "status": "in_progress"})

    def finish(self, response_id: str = "resp", status: str = "completed") -> None:
        """The provider ends a response."""
        self.say("response.done", response={"id": response_id, "status": status})

    @property
    def input_rate(self) -> int:
        return self._session.input_rate

    @property
    def output_rate(self) -> int:
        return self._session.output_rate

    @property
    def active_response(self) -> str:
        return self._session.active_response

    @property
    def dropped_audio_ms(self) -> float:
        return 0.0

    def send(self, event_type: str, body: str) -> None:
        self._session.send(event_type, body)
        self.sent += [json.loads(text) for text in self._session.outgoing()]

    def send_audio(self, frame: PCM16) -> None:
        """The caller's audio reaches the provider, which keeps none of it."""
        assert self._events is not None
        self._events.levels.append(rms(frame))

    def set_rates(self, input_rate: int, output_rate: int) -> None:
        self._session.set_rates(input_rate, output_rate)

    def close(self) -> None:
        assert self._events is not None
        if not self.is_closed:
            self.is_closed = True
            events = self._events
            self._clock.call_later(0, lambda: events.on_closed(1000, "", was_clean=True))
