"""The states of one call, what moves it, and the codes it ends with.

A call is ALERTING (incoming, nobody answered yet) or PROGRESSING (outgoing, dialled) until it is CONNECTED, and ends
TERMINATED from wherever it was. Each end has a SIP status (RFC 3261 §21) as its code: VoxEngine reports it in
`Call.Failed` for an outgoing call that never connected, and in `Call.Disconnected` for every other call.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum

import msgspec


class CallState(StrEnum):
    """What `call:state()` returns and `Call.StateChanged` carries."""

    ALERTING = "ALERTING"
    PROGRESSING = "PROGRESSING"
    CONNECTED = "CONNECTED"
    TERMINATED = "TERMINATED"


class Direction(StrEnum):
    """Who started the call."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class CallInput(Enum):
    """What may happen to a call, named after the side that does it."""

    SCENARIO_ANSWERS = "the scenario answers"
    SCENARIO_REJECTS = "the scenario rejects"
    SCENARIO_HANGS_UP = "the scenario hangs up"
    FAR_END_RINGS = "the far end rings"
    FAR_END_ANSWERS = "the far end answers"
    FAR_END_REFUSES = "the far end refuses"
    FAR_END_HANGS_UP = "the far end hangs up"
    NOBODY_ANSWERS = "nobody answers in time"
    LEG_BREAKS = "the leg breaks"


class CallNews(Enum):
    """What the scenario is told of a step; its value is the event's public string."""

    RINGING = "Call.Ringing"
    CONNECTED = "Call.Connected"
    DISCONNECTED = "Call.Disconnected"
    FAILED = "Call.Failed"


class Transition(msgspec.Struct, frozen=True):
    """One line of the table.

    Attributes:
        state: Where the call is afterwards.
        news: What the scenario is told.
        status: SIP status of an end for which the far side gave none; 0 where nothing ends.
    """

    state: CallState
    news: CallNews
    status: int = 0


_ALERTING, _PROGRESSING, _CONNECTED = CallState.ALERTING, CallState.PROGRESSING, CallState.CONNECTED


def _failed(status: int) -> Transition:
    return Transition(CallState.TERMINATED, CallNews.FAILED, status)


def _disconnected(status: int) -> Transition:
    return Transition(CallState.TERMINATED, CallNews.DISCONNECTED, status)


TRANSITIONS: Mapping[tuple[CallState, CallInput], Transition] = {
    (_ALERTING, CallInput.SCENARIO_ANSWERS): Transition(_CONNECTED, CallNews.CONNECTED),
    (_ALERTING, CallInput.SCENARIO_REJECTS): _disconnected(603),
    (_ALERTING, CallInput.SCENARIO_HANGS_UP): _disconnected(603),
    (_ALERTING, CallInput.FAR_END_HANGS_UP): _disconnected(487),
    (_ALERTING, CallInput.NOBODY_ANSWERS): _disconnected(408),
    (_ALERTING, CallInput.LEG_BREAKS): _disconnected(500),
    (_PROGRESSING, CallInput.FAR_END_RINGS): Transition(_PROGRESSING, CallNews.RINGING),
    (_PROGRESSING, CallInput.FAR_END_ANSWERS): Transition(_CONNECTED, CallNews.CONNECTED),
    (_PROGRESSING, CallInput.FAR_END_REFUSES): _failed(603),
    (_PROGRESSING, CallInput.FAR_END_HANGS_UP): _failed(480),
    (_PROGRESSING, CallInput.SCENARIO_HANGS_UP): _failed(487),
    (_PROGRESSING, CallInput.NOBODY_ANSWERS): _failed(408),
    (_PROGRESSING, CallInput.LEG_BREAKS): _failed(500),
    (_CONNECTED, CallInput.SCENARIO_HANGS_UP): _disconnected(200),
    (_CONNECTED, CallInput.FAR_END_HANGS_UP): _disconnected(200),
    (_CONNECTED, CallInput.LEG_BREAKS): _disconnected(500),
}

REASONS: Mapping[int, str] = {
    200: "Normal call clearing",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
"""Reason phrases of RFC 3261 §21; 200 is how a call ends that was answered and hung up."""

_CLASSES: Mapping[int, str] = {
    3: "Redirected",
    4: "Request Failure",
    5: "Server Failure",
    6: "Global Failure",
}


def reason_of(status: int) -> str:
    """Returns the reason phrase of a SIP status; that of its class where it has none of its own."""
    return REASONS.get(status) or _CLASSES.get(status // 100, "Unknown")


class Moved(msgspec.Struct, frozen=True):
    """The call moved, or stayed with news to tell.

    Attributes:
        old: The state before.
        new: The state after; equal to `old` when the far end only rings.
        news: What the scenario is told.
        status: SIP status of an end, else 0.
        reason: Its reason phrase, else empty.
    """

    old: CallState
    new: CallState
    news: CallNews
    status: int = 0
    reason: str = ""


class OutOfDate(msgspec.Struct, frozen=True):
    """The input finds the call in a state where it means nothing: it crossed with what the other side did."""

    state: CallState
    cause: CallInput

    def __str__(self) -> str:
        return f"{self.cause.value}, but the call is {self.state.value}: nothing to do"


class CallMachine:
    """State of one call, without I/O. `step` is the only thing that moves it; report what it returns."""

    def __init__(self, direction: Direction) -> None:
        self._direction = direction
        self._state = _ALERTING if direction is Direction.INCOMING else _PROGRESSING

    @property
    def direction(self) -> Direction:
        """Who started the call."""
        return self._direction

    @property
    def state(self) -> CallState:
        """Where the call is now."""
        return self._state

    def step(self, cause: CallInput, *, status: int = 0, reason: str = "") -> Moved | OutOfDate:
        """Applies one input.

        Args:
            cause: What happened.
            status: SIP status that the acting side gave for an end; 0 for the table's own.
            reason: Reason phrase that came with it; empty for that of the status.

        Returns:
            What to tell the scenario, or that the input comes too late (or too early) to matter.
        """
        transition = TRANSITIONS.get((self._state, cause))
        if transition is None:
            return OutOfDate(self._state, cause)
        old, self._state = self._state, transition.state
        if transition.state is not CallState.TERMINATED:
            return Moved(old, transition.state, transition.news)
        ended_with = status or transition.status
        return Moved(old, transition.state, transition.news, ended_with, reason or reason_of(ended_with))
