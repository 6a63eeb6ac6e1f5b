"""A leg that exists only here: it rings, answers, plays what its program says, and hangs up."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Protocol, TypeAlias

import msgspec
import numpy as np

from voxruntime.audio.pcm import FRAME_S, PCM16, frame_samples
from voxruntime.call.leg import CallParty, LegEvents
from voxruntime.call.state import Direction
from voxruntime.clock import Clock, Timer
from voxruntime.legs.keypad import Keypad

NORMAL_END = 200
"""SIP status of a call that was answered and ended as calls do."""


class Over(msgspec.Struct, frozen=True):
    """A program has nothing more to say; the leg stays silent for a while, then hangs up."""


class HangsUp(msgspec.Struct, frozen=True):
    """A program hangs up now."""


class Breaks(msgspec.Struct, frozen=True):
    """A program cannot go on: the call did not go as it expects.

    Attributes:
        code: Dotted error code.
        message: What was expected where, and what happened.
    """

    code: str
    message: str


Said: TypeAlias = PCM16 | Over | HangsUp | Breaks | None
"""What a program does in one frame: sound, silence (None), or an end."""


class Program(Protocol):
    """What the far end of a connected call does, frame by frame; pure."""

    def pull(self, keypad: Keypad) -> Said:
        """Returns what the far end does in the next 20 ms; digits it presses go to the keypad."""

    def push(self, frame: PCM16 | None) -> None:
        """Takes what the far end hears in these 20 ms."""


class Playback:
    """Cuts sound into frames, the last one filled up with silence.

    Args:
        pcm: int16 of shape (samples,).
        rate: Hz.
    """

    def __init__(self, pcm: PCM16, rate: int) -> None:
        self._pcm = pcm
        self._samples = frame_samples(rate)
        self._position = 0

    def next_frame(self) -> PCM16 | None:
        """Returns the next frame; None at the end of the sound."""
        frame = self._pcm[self._position : self._position + self._samples]
        self._position += len(frame)
        if len(frame) in {0, self._samples}:
            return frame if len(frame) else None
        return np.pad(frame, (0, self._samples - len(frame)))


class Manner(msgspec.Struct, frozen=True):
    """How a leg behaves around its program.

    Attributes:
        direction: Whether it calls or is called.
        answer_after_s: Seconds it rings when it is called.
        hangup_after_s: Seconds of silence between the end of its program and hanging up.
    """

    direction: Direction
    answer_after_s: float
    hangup_after_s: float


class AudioLeg:
    """A `call.leg.Leg` without a device or a network behind it.

    Once connected it has no timers: everything is counted in frames, so it does exactly the same in virtual time.
    Its events come from within `pull`.

    Args:
        clock: Time before the answer.
        rate: Hz of its frames.
        program: What it does once connected.
        manner: How it behaves around that.
        party: Who it says it is; None to leave it to the operator.
    """

    def __init__(
        self, clock: Clock, rate: int, program: Program, manner: Manner, party: CallParty | None = None
    ) -> None:
        self.rate = rate
        self.party = party
        self._clock = clock
        self._program = program
        self._manner = manner
        self._keypad = Keypad(rate, self._pressed)
        self._spoken: deque[Playback] = deque()
        self._events: LegEvents | None = None
        self._answering: Timer | None = None
        self._is_connected = False
        self._frames_left = self._patience_frames

    @property
    def _patience_frames(self) -> int:
        return round(self._manner.hangup_after_s / FRAME_S)

    def open(self, party: CallParty, events: LegEvents) -> None:  # noqa: ARG002  # any number reaches it
        """Begins the call: a called leg rings, then answers."""
        self._events = events
        if self._manner.direction is Direction.OUTGOING:
            events.on_ringing({})
            self._answering = self._clock.call_later(self._manner.answer_after_s, self._pick_up)

    def answer(self, headers: Mapping[str, str]) -> None:  # noqa: ARG002
        """The scenario answered: the program begins with the next frame."""
        self._is_connected = self._events is not None

    def reject(self, status: int) -> None:  # noqa: ARG002
        """The scenario refused the call."""
        self._end()

    def hang_up(self, headers: Mapping[str, str]) -> None:  # noqa: ARG002
        """The scenario ended the call, at whatever point."""
        self._end()

    def pull(self) -> PCM16 | None:
        """Returns the next frame of the program, or of what is pressed or said from outside."""
        if not self._is_connected:
            return None
        said = self._program.pull(self._keypad)
        outside = self._keypad.pull()
        if outside is None:
            outside = self._next_spoken()
        match said:
            case Over():
                said = None
                self._stay_silent(is_heard=outside is not None)
            case HangsUp():
                said = None
                self._hang_up()
            case Breaks(code, message):
                said = None
                self._end_with_fault(code, message)
        return said if outside is None else outside

    def push(self, frame: PCM16 | None) -> None:
        """Lets the program hear."""
        if self._is_connected:
            self._program.push(frame)

    def press(self, digits: str) -> None:
        """Presses digits from outside; their tones take the place of what the program says meanwhile.

        Raises:
            ConfigError: Something that is not on a keypad.
        """
        self._keypad.press(digits)

    def play(self, pcm: PCM16) -> None:
        """Says something from outside; it takes the place of what the program says meanwhile.

        Args:
            pcm: int16 of shape (samples,) at the leg's rate.
        """
        self._spoken.append(Playback(pcm, self.rate))

    def _next_spoken(self) -> PCM16 | None:
        while self._spoken:
            frame = self._spoken[0].next_frame()
            if frame is not None:
                return frame
            self._spoken.popleft()
        return None

    def _pick_up(self) -> None:
        self._is_connected = True
        if self._events is not None:
            self._events.on_answered({})

    def _pressed(self, digit: str) -> None:
        if self._events is not None:
            self._events.on_digit(digit)

    def _stay_silent(self, *, is_heard: bool) -> None:
        if is_heard:
            self._frames_left = self._patience_frames
            return
        if self._frames_left == 0:
            self._hang_up()
        self._frames_left -= 1

    def _hang_up(self) -> None:
        events = self._end()
        if events is not None:
            events.on_hung_up(NORMAL_END, "")

    def _end_with_fault(self, code: str, message: str) -> None:
        events = self._end()
        if events is not None:
            events.on_broken(code, message)

    def _end(self) -> LegEvents | None:
        """Goes silent for ever; returns whom to tell, if anybody."""
        events, self._events = self._events, None
        self._is_connected = False
        if self._answering is not None:
            self._answering.cancel()
        return events
