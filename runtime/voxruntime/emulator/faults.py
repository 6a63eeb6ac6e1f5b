"""Faults on demand: what a realtime service may do to its clients, repeatable, so that clients can be tested.

A fault is written `KIND:NUMBER`: `refuse:429`, `drop:20`. Several may hold at once and act in the order given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import msgspec

from voxruntime.errors import ConfigError
from voxruntime.typed_toml import nearest

HUGE_EVENT_CHARS = 2 * 1024 * 1024
"""Length of the event that `huge` adds: more than the 1 MiB that WebSocket clients take unless told otherwise."""


class FaultKind(StrEnum):
    """What goes wrong; `FAULTS` says what the number of each means."""

    REFUSE = "refuse"
    CLOSE = "close"
    DROP = "drop"
    STALL = "stall"
    HALF_OPEN = "half_open"
    LATE = "late"
    SLOW = "slow"
    GARBAGE = "garbage"
    BINARY = "binary"
    HUGE = "huge"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    DEAF = "deaf"


FAULTS: Mapping[FaultKind, str] = MappingProxyType(
    {
        FaultKind.REFUSE: "upgrades are refused with this HTTP status, 400 to 599",
        FaultKind.CLOSE: "after this many events the server closes with 1011",
        FaultKind.DROP: "after this many events the connection is cut without a closing handshake",
        FaultKind.STALL: "after this many events nothing is sent or read, but pings are answered",
        FaultKind.HALF_OPEN: "after this many events the server is as if unplugged: not even pings are answered",
        FaultKind.LATE: "every event comes this many milliseconds late",
        FaultKind.SLOW: "at least this many milliseconds lie between two events",
        FaultKind.GARBAGE: "whenever this many events were sent, a frame follows that is no JSON",
        FaultKind.BINARY: "whenever this many events were sent, a binary frame follows",
        FaultKind.HUGE: "whenever this many events were sent, one of 2 MiB follows",
        FaultKind.DUPLICATE: "every event of this number is sent twice: 3 means the third, the sixth and so on",
        FaultKind.REORDER: "every event of this number changes places with the one after it",
        FaultKind.DEAF: "every utterance of this number is not transcribed: the recogniser fails",
    }
)


class Fault(msgspec.Struct, frozen=True):
    """One fault and its number."""

    kind: FaultKind
    number: int


class Send(msgspec.Struct, frozen=True):
    """Send this as a frame; text, unless it is bytes."""

    frame: str | bytes


class Cut(msgspec.Struct, frozen=True):
    """Cut the connection."""


class CloseProperly(msgspec.Struct, frozen=True):
    """Close with INTERNAL_ERROR_CLOSE."""


class Freeze(msgspec.Struct, frozen=True):
    """Neither send nor read any more."""


class Unplug(msgspec.Struct, frozen=True):
    """Be as a peer whose cable was pulled."""


Step = Send | Cut | CloseProperly | Freeze | Unplug

INTERNAL_ERROR_CLOSE = 1011


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
        self._utterances = 0
        self._held: str | None = None

    @property
    def delay(self) -> float:
        """Seconds by which every event is late."""
        return self._milliseconds(FaultKind.LATE) / 1000

    @property
    def spacing(self) -> float:
        """Seconds between two events."""
        return self._milliseconds(FaultKind.SLOW) / 1000

    def deafens(self) -> bool:
        """Returns whether the next utterance cannot be recognised."""
        self._utterances += 1
        numbers = [fault.number for fault in self._faults if fault.kind is FaultKind.DEAF]
        return any(self._utterances % number == 0 for number in numbers)

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
            case FaultKind.HALF_OPEN if self._sent == fault.number:
                return [*steps, Unplug()]
            case FaultKind.CLOSE if self._sent == fault.number:
                return [*steps, CloseProperly()]
            case FaultKind.BINARY if is_nth:
                return [*steps, Send(b"\x00\xff" * 80)]
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

    def _milliseconds(self, kind: FaultKind) -> int:
        return sum(fault.number for fault in self._faults if fault.kind is kind)


def refusal(faults: Sequence[Fault]) -> int | None:
    """Returns the HTTP status with which upgrades are refused; None when they are not."""
    return next((fault.number for fault in faults if fault.kind is FaultKind.REFUSE), None)
