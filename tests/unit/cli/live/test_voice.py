from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import numpy as np
import pytest

from session_doubles import RecordingHub, ToldLeg
from voxruntime.audio.pcm import PCM16
from voxruntime.call.leg import CallParty, Leg
from voxruntime.call.state import Direction
from voxruntime.cli.live.voice import MAX_LINES, CallerVoice
from voxruntime.errors import MediaError
from voxruntime.legs.audio_leg import AudioLeg, Manner, Over, Said
from voxruntime.legs.keypad import Keypad
from voxruntime.media.graph import Graph
from voxruntime.session.call_unit import CallWatcher
from voxruntime.session.calls import Calls
from voxruntime.speech.interface import CALLER_SPEED, SpeechUnavailable, caller_voice
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import AnswerCall, StartCall

PARTY = CallParty("pstn", "7916", "7495")


class Silent:
    def pull(self, keypad: Keypad) -> Said:
        return Over()

    def push(self, frame: PCM16 | None) -> None:
        pass


class Voice:
    """Says each character as a frame of its code at 24 kHz; `failure` comes in place of the next line."""

    rate = 24000

    def __init__(self) -> None:
        self.languages: list[str] = []
        self.voices: set[tuple[str, float]] = set()
        self.failure: Exception | None = None

    async def synthesize(
        self, text: str, *, language: str, voice: str, speed: float = 1.0
    ) -> AsyncIterator[PCM16]:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        self.languages.append(language)
        self.voices.add((voice, speed))
        for character in text:
            yield np.full(480, ord(character), dtype=np.int16)


class Thinner:
    """Converts by leaving samples out."""

    async def convert(self, pcm: PCM16, in_rate: int, out_rate: int) -> PCM16:
        return pcm[:: in_rate // out_rate]


class Stand:
    """A voice in a session with calls."""

    def __init__(self) -> None:
        self.hub = RecordingHub()
        self.calls = Calls(
            self.hub, Graph(), self._dial, lambda: f"id-{len(self.legs)}", self._spawn, CallWatcher()
        )
        self.legs: list[Leg] = []
        self.synthesizer = Voice()
        self.voice = CallerVoice(self.calls, self.hub.note, self.synthesizer, Thinner(), "ru-RU")
        self._dialling: list[Awaitable[None]] = []

    def _spawn(self, work: Awaitable[None]) -> None:
        self._dialling.append(work)

    async def _dial(self, _command: StartCall) -> Leg | None:
        return self.legs[-1]

    def leg(self, direction: Direction = Direction.INCOMING) -> AudioLeg:
        leg = AudioLeg(self.hub.clock, 8000, Silent(), Manner(direction, 0.5, 60.0))
        self.legs.append(leg)
        return leg

    def answered_call(self) -> AudioLeg:
        leg = self.leg()
        self.calls.alert(leg, PARTY)
        self.calls.answer(AnswerCall(-len(self.legs), {}))
        return leg

    async def outgoing_call(self) -> AudioLeg:
        leg = self.leg(Direction.OUTGOING)
        self.calls.start(StartCall(1, "out", "pstn", "7499", "7495", 60.0))
        for work in self._dialling:
            await work
        await self.hub.clock.sleep(1.0)
        return leg

    async def speak(self, *lines: str) -> None:
        """Says lines and waits until they are on their way."""
        running = asyncio.create_task(self.voice.run())
        for line in lines:
            self.voice.say(line)
        await self.hub.clock.sleep(1.0)
        running.cancel()


def heard(leg: AudioLeg, frames: int) -> list[int | None]:
    """Returns what the leg says: the first sample of each frame."""
    return [None if frame is None else int(frame[0]) for frame in (leg.pull() for _ in range(frames))]


def run(test: Callable[[Stand], Awaitable[None]]) -> None:
    async def main() -> None:
        await test(Stand())

    virtual_loop.run(main())


def test_lines_are_said_one_after_the_other_at_the_rate_of_the_leg() -> None:
    async def test(stand: Stand) -> None:
        leg = stand.answered_call()
        await stand.speak("ab", "c")
        assert heard(leg, 4) == [ord("a"), ord("b"), ord("c"), None]
        assert stand.synthesizer.languages == ["ru-RU", "ru-RU"]
        assert stand.synthesizer.voices == {(caller_voice("ru-RU"), CALLER_SPEED)}
        assert stand.hub.notes == [
            ("info", "typed into the call: “ab”"),
            ("info", "typed into the call: “c”"),
        ]

    run(test)


def test_digits_are_pressed_in_the_call() -> None:
    async def test(stand: Stand) -> None:
        leg = stand.answered_call()
        stand.voice.press("1")
        frames = heard(leg, 9)
        assert None not in frames[:8]
        assert frames[8] is None

    run(test)


def test_without_a_connected_call_the_log_says_so() -> None:
    async def test(stand: Stand) -> None:
        stand.calls.alert(stand.leg(), PARTY)
        stand.voice.press("12")
        await stand.speak("hello")
        assert stand.hub.notes == [
            ("warning", "There is no call to press 12 in."),
            ("warning", "There is no call to say “hello” in."),
        ]

    run(test)


def test_a_leg_that_nobody_can_type_into_is_left_alone() -> None:
    async def test(stand: Stand) -> None:
        stand.calls.alert(ToldLeg(), PARTY)
        stand.calls.answer(AnswerCall(-1, {}))
        stand.voice.press("1")
        assert stand.hub.notes == [("warning", "There is no call to press 1 in.")]

    run(test)


def test_the_incoming_call_goes_before_an_older_outgoing_one() -> None:
    async def test(stand: Stand) -> None:
        outgoing = await stand.outgoing_call()
        await stand.speak("a")
        assert heard(outgoing, 2) == [ord("a"), None]
        stand.legs.clear()
        incoming = stand.answered_call()
        await stand.speak("b")
        assert heard(outgoing, 1) == [None]
        assert heard(incoming, 2) == [ord("b"), None]

    run(test)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (SpeechUnavailable("the speech process ended"), "the speech process ended"),
        (MediaError("file.process_ended", "The io process ended."), "The io process ended."),
    ],
)
def test_a_line_that_cannot_be_said_is_explained_and_the_next_one_said(
    failure: Exception, reason: str
) -> None:
    async def test(stand: Stand) -> None:
        leg = stand.answered_call()
        stand.synthesizer.failure = failure
        await stand.speak("a", "b")
        assert stand.hub.notes[0] == ("warning", f"“a” cannot be said: {reason}")
        assert heard(leg, 2) == [ord("b"), None]

    run(test)


def test_more_lines_than_can_wait_are_refused() -> None:
    async def test(stand: Stand) -> None:
        lines: Sequence[str] = [f"line {number}" for number in range(MAX_LINES + 1)]
        for line in lines:
            stand.voice.say(line)
        assert stand.hub.notes == [
            ("warning", f"{MAX_LINES} lines wait to be said: “{lines[-1]}” is left out.")
        ]

    run(test)
