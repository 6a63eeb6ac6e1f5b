"""What a leg is: the far end of one call, seen from the engine.

A leg knows nothing of scenarios or sessions. It is told what the scenario did (`answer`, `reject`, `hang_up`) and
tells its `LegEvents` what the far end did. Audio moves in frames of 20 ms at the leg's own rate: the media graph
pulls one from the leg and pushes one to it at each tick, from the moment the call is connected until it ends.
All methods are called on the engine's loop and return at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import msgspec

from voxruntime.audio.pcm import PCM16


class CallParty(msgspec.Struct, frozen=True):
    """Who is at the far end, as `CallAlerting` and the call's getters show it.

    Attributes:
        kind: `pstn`, `sip` or `user`: what `call:clientType()` returns.
        callerid: Number or user name of the caller.
        number: Number or name that was dialled.
        display_name: The caller's display name.
        headers: `X-` and `User-to-User` headers.
        custom_data: Custom data that came with the call.
    """

    kind: str = "pstn"
    callerid: str = ""
    number: str = ""
    display_name: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    custom_data: str = ""


class LegEvents(Protocol):
    """What a leg tells the call that owns it. Any order is accepted; what comes too late is ignored."""

    def on_ringing(self, headers: Mapping[str, str]) -> None:
        """The far end of an outgoing call rings."""

    def on_answered(self, headers: Mapping[str, str]) -> None:
        """The far end of an outgoing call answered."""

    def on_failed(self, status: int, reason: str) -> None:
        """An outgoing call ended before it was answered: a SIP status (486 busy, 408 no answer, 603 declined)."""

    def on_hung_up(self, status: int, reason: str) -> None:
        """The far end hung up a connected call, or gave up an unanswered incoming one."""

    def on_digit(self, digit: str) -> None:
        """The far end pressed a key: `0`-`9`, `*` or `#`."""

    def on_broken(self, code: str, message: str) -> None:
        """The leg itself failed (device unplugged, script step timed out); the call ends and the run reports it."""


class Leg(Protocol):
    """The far end of one call. Order: `open`, then for an incoming call `answer` or `reject`, then `hang_up`."""

    rate: int
    """Hz of the frames in both directions; one of RATES; fixed before `open`."""

    def open(self, party: CallParty, events: LegEvents) -> None:
        """Begins the call: an incoming leg waits for `answer`, an outgoing one starts to ring.

        Events may come from within this call.
        """

    def answer(self, headers: Mapping[str, str]) -> None:
        """The scenario answered an incoming call: media flows from the next tick on."""

    def reject(self, status: int) -> None:
        """The scenario refused an incoming call; nothing more is asked of the leg."""

    def hang_up(self, headers: Mapping[str, str]) -> None:
        """The scenario, or the session's end, ended the call; nothing more is asked of the leg."""

    def pull(self) -> PCM16 | None:
        """Returns the next frame from the far end, as `media.ports.Source` says; None is 20 ms of silence."""

    def push(self, frame: PCM16 | None) -> None:
        """Takes the frame that the far end hears now; None is 20 ms of silence. The leg must not change it."""


@runtime_checkable
class Typable(Protocol):
    """A leg for which an operator can act at the keyboard, beside what its far end does by itself."""

    rate: int
    """Hz of what `play` takes."""

    def press(self, digits: str) -> None:
        """Presses `0`-`9`, `*` and `#`.

        Raises:
            ConfigError: Something that is not on a keypad.
        """

    def play(self, pcm: PCM16) -> None:
        """Says something, int16 of shape (samples,), after what was pressed or said this way before."""


@runtime_checkable
class Muting(Protocol):
    """A leg that does not listen to its far end while the agent is heard."""

    @property
    def is_muted(self) -> bool:
        """Whether the far end is not listened to just now."""


@runtime_checkable
class Buffering(Protocol):
    """A leg whose far end hears a frame some time after it was pushed."""

    def silence(self) -> float:
        """Turns what is not heard yet into silence; returns how many seconds of it there were, silence included."""
