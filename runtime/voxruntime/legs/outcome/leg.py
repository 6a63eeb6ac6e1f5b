"""`busy`, `noanswer`, `reject:CODE`: called legs that never answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from voxruntime.audio.pcm import PCM16, RATES
from voxruntime.call.leg import CallParty, LegEvents
from voxruntime.call.state import Direction, reason_of
from voxruntime.clock import Clock, Timer
from voxruntime.errors import ConfigError
from voxruntime.legs.context import LegContext

BUSY = 486
REFUSE_AFTER_S = 0.1
"""Seconds until a refusal: a network's answer never comes from within the call to it."""

_REFUSAL = re.compile(r"[3-6][0-9]{2}")
"""SIP statuses that end a call before it began (RFC 3261 §7.2)."""


class RefusingLeg:
    """A called `call.leg.Leg` that refuses.

    Args:
        clock: Time until it does.
        status: SIP status, 300 to 699.
    """

    rate = RATES[0]

    def __init__(self, clock: Clock, status: int) -> None:
        self._clock = clock
        self._status = status
        self._events: LegEvents | None = None
        self._refusal: Timer | None = None

    def open(self, party: CallParty, events: LegEvents) -> None:  # noqa: ARG002
        """Begins the call: the refusal follows."""
        self._events = events
        self._refusal = self._clock.call_later(REFUSE_AFTER_S, self._refuse)

    def answer(self, headers: Mapping[str, str]) -> None:
        """Never asked of a called leg."""

    def reject(self, status: int) -> None:
        """Never asked of a called leg."""

    def hang_up(self, headers: Mapping[str, str]) -> None:  # noqa: ARG002
        """The scenario gave up first."""
        if self._refusal is not None:
            self._refusal.cancel()

    def pull(self) -> PCM16 | None:
        """Returns silence: it is never connected."""
        return None

    def push(self, frame: PCM16 | None) -> None:
        """Hears nothing: it is never connected."""

    def _refuse(self) -> None:
        if self._events is not None:
            self._events.on_failed(self._status, reason_of(self._status))


class UnansweredLeg:
    """A called `call.leg.Leg` that rings until the caller gives up."""

    rate = RATES[0]

    def open(self, party: CallParty, events: LegEvents) -> None:  # noqa: ARG002
        """Begins the call: it rings."""
        events.on_ringing({})

    def answer(self, headers: Mapping[str, str]) -> None:
        """Never asked of a called leg."""

    def reject(self, status: int) -> None:
        """Never asked of a called leg."""

    def hang_up(self, headers: Mapping[str, str]) -> None:
        """The ringing stops."""

    def pull(self) -> PCM16 | None:
        """Returns silence: it is never connected."""
        return None

    def push(self, frame: PCM16 | None) -> None:
        """Hears nothing: it is never connected."""


async def open_busy(argument: str, direction: Direction, context: LegContext) -> RefusingLeg:  # noqa: ARG001
    """Opens a leg that is busy."""
    return RefusingLeg(context.clock, BUSY)


async def open_noanswer(argument: str, direction: Direction, context: LegContext) -> UnansweredLeg:  # noqa: ARG001
    """Opens a leg that nobody answers."""
    return UnansweredLeg()


async def open_reject(argument: str, direction: Direction, context: LegContext) -> RefusingLeg:  # noqa: ARG001
    """Opens a leg that refuses with the SIP status given as its argument.

    Raises:
        ConfigError: The argument is no status of a refusal.
    """
    if not _REFUSAL.fullmatch(argument):
        raise ConfigError(
            "leg.status", f"reject:{argument}: expected a SIP status from 300 to 699, e.g. reject:603."
        )
    return RefusingLeg(context.clock, int(argument))
