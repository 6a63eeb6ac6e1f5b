"""A session seen from its parts: a hub that keeps what is posted, and legs that do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np

from voxruntime.call.leg import PCM16, CallParty, LegEvents
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.session.queue import Event


class RecordingHub:
    """Implements `session.hub.Hub`; keeps events and remarks."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.clock = Clock(asyncio.get_running_loop())
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
