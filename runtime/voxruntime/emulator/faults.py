"""Faults on demand: what a realtime service may do to its clients, repeatable, so that clients can be tested.

A fault is written `KIND:NUMBER`: `refuse:429`, `drop:20`. Several may hold at once and act in the order given.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from voxruntime.errors import ConfigError
from voxruntime.typed_toml import nearest

HUGE_EVENT_CHARS = 2 * 1024 * 1024
"""Length of the event that `huge` adds: more than the 1 MiB that WebSocket clients take unless told otherwise."""


class FaultKind(StrEnum):
    """What goes wrong; the number of a fault is explained with each."""

    REFUSE = "refuse"
    """The upgrade is refused with this HTTP status, 400 to 599."""
    DROP = "drop"
    """The connection is cut, without a closing handshake, after this many events."""
    STALL = "stall"
    """After this many events nothing is sent or read any more, and the connection stays open."""
    GARBAGE = "garbage"
    """Every time this many events were sent, a frame follows that is no event."""
    LATE = "late"
    """Every event comes this many milliseconds late."""
    DUPLICATE = "duplicate"
    """Every event of this number is sent twice: 3 means the third, the sixth and so on."""
    REORDER = "reorder"
    """Every event of this number changes places with the one after it."""
    HUGE = "huge"
    """Every time this many events were sent, an event of HUGE_EVENT_CHARS follows."""


class Fault(msgspec.Struct, frozen=True):
    """One fault and its number."""

    kind: FaultKind
    number: int


class Send(msgspec.Struct, frozen=True):
    """Send this text as a frame."""

    text: str


class Cut(msgspec.Struct, frozen=True):
    """Cut the connection."""


class Freeze(msgspec.Struct, frozen=True):
    """Neither send nor read any more."""


Step = Send | Cut | Freeze


def parse_fault(spec: str) -> Fault:
    """Returns the fault that `KIND:NUMBER` names.

    Raises:
        ConfigError: The kind is unknown or the number makes no sense for it.
    """
    name, _, number_text = spec.partition(":")
    if name not in set(FaultKind):
        kinds = ", ".join(FaultKind)
        message = f"There is no fault '{name}'.{nearest(name, FaultKind)} Known faults: {kinds}."
        raise ConfigError("config.fault", message)
    kind = FaultKind(name)
    lowest, highest = (400, 599) if kind is FaultKind.REFUSE else (1, 1_000_000)
    number = int(number_text) if number_text.isdecimal() else 0
    if not lowest <= number <= highest:
        message = f"The fault '{name}' needs a number from {lowest} to {highest}: {name}:{lowest}."
        raise ConfigError("config.fault", message)
    return Fault(kind, number)


class FaultyStream:
    """Does the faults to the events of one connection.

    Args:
        faults: What goes wrong.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self._sent = 0
        self._held: str | None = None

    @property
    def delay(self) -> float:
        """Seconds by which every event is late."""
        return sum(fault.number for fault in self._faults if fault.kind is FaultKind.LATE) / 1000

    def process(self, text: str) -> list[Step]:
        """Returns what becomes of the next event."""
        self._sent += 1
        steps: list[Step] = [Send(text)]
        if self._held is not None:
            steps.append(Send(self._held))
            self._held = None
        for fault in self._faults:
            steps = self._apply(fault, text, steps)
        return steps

    def _apply(self, fault: Fault, text: str, steps: list[Step]) -> list[Step]:
        is_nth = self._sent % fault.number == 0
        match fault.kind:
            case FaultKind.DROP if self._sent == fault.number:
                return [*steps, Cut()]
            case FaultKind.STALL if self._sent == fault.number:
                return [*steps, Freeze()]
            case FaultKind.GARBAGE if is_nth:
                return [*steps, Send('{"type": "response.output_audio.del')]
            case FaultKind.DUPLICATE if is_nth:
                return [*steps, *steps]
            case FaultKind.HUGE if is_nth:
                return [*steps, Send(f'{{"type": "huge", "padding": "{"x" * HUGE_EVENT_CHARS}"}}')]
            case FaultKind.REORDER if is_nth:
                self._held = text
                return steps[1:]
        return steps


def refusal(faults: Sequence[Fault]) -> int | None:
    """Returns the HTTP status with which upgrades are refused; None when they are not."""
    return next((fault.number for fault in faults if fault.kind is FaultKind.REFUSE), None)
