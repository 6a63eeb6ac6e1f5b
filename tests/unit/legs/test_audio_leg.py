"""A leg around any program: ringing, answering, the silence before it hangs up, and every end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from leg_driver import PARTY, Reports, joined, loud, tick, ticks
from voxruntime.audio.pcm import PCM16
from voxruntime.call.leg import CallParty, Typable
from voxruntime.call.state import Direction
from voxruntime.clock import Clock
from voxruntime.legs.audio_leg import AudioLeg, Breaks, HangsUp, Manner, Over, Playback, Said
from voxruntime.legs.keypad import Keypad
from voxruntime.testing.virtual_loop import run


class Acts:
    """A program that does what a list says, then is over; keeps what it hears."""

    def __init__(self, *said: Said) -> None:
        self._said = list(said)
        self.heard: list[PCM16 | None] = []

    def pull(self, keypad: Keypad) -> Said:
        return self._said.pop(0) if self._said else Over()

    def push(self, frame: PCM16 | None) -> None:
        self.heard.append(frame)


def leg_of(program: Acts, direction: Direction = Direction.INCOMING, hangup_after_s: float = 0.1) -> AudioLeg:
    manner = Manner(direction, answer_after_s=2.0, hangup_after_s=hangup_after_s)
    return AudioLeg(Clock(asyncio.get_running_loop()), 8000, program, manner)


def with_caller(
    program: Acts, act: Callable[[AudioLeg, Reports], None], *, hangup_after_s: float = 0.1
) -> Reports:
    """Runs `act` with a calling leg that has been answered."""

    async def main() -> Reports:
        reports = Reports()
        leg = leg_of(program, hangup_after_s=hangup_after_s)
        leg.open(PARTY, reports)
        leg.answer({})
        act(leg, reports)
        return reports

    return run(main())


def test_a_calling_leg_waits_in_silence_for_the_answer() -> None:
    async def main() -> None:
        program = Acts(loud(8000))
        leg, reports = leg_of(program), Reports()
        leg.open(PARTY, reports)
        assert ticks(leg, 3, loud(8000)) == [None] * 3
        assert program.heard == []

        leg.answer({})

        assert tick(leg) is not None
        assert reports.lines == []

    run(main())


def test_a_called_leg_rings_then_answers() -> None:
    async def main() -> None:
        clock = Clock(asyncio.get_running_loop())
        manner = Manner(Direction.OUTGOING, answer_after_s=2.0, hangup_after_s=1.0)
        leg, reports = AudioLeg(clock, 8000, Acts(loud(8000)), manner), Reports()
        leg.open(PARTY, reports)
        assert reports.lines == ["ringing"]
        assert tick(leg) is None

        assert await reports.next() == "answered"

        assert clock.now() == 2.0
        assert tick(leg) is not None

    run(main())


def test_a_called_leg_that_was_given_up_does_not_answer() -> None:
    async def main() -> None:
        clock = Clock(asyncio.get_running_loop())
        leg, reports = leg_of(Acts(), Direction.OUTGOING), Reports()
        leg.open(PARTY, reports)

        leg.hang_up({})
        await clock.sleep(10)

        assert reports.lines == ["ringing"]

    run(main())


def test_hanging_up_before_the_call_began_is_harmless() -> None:
    async def main() -> None:
        leg = leg_of(Acts(loud(8000)))
        leg.hang_up({})
        leg.answer({})
        assert tick(leg) is None

    run(main())


def test_the_program_hears_every_frame_and_the_agent_hears_the_program() -> None:
    program = Acts(loud(8000), None, loud(8000))
    heard: list[PCM16 | None] = []

    def act(leg: AudioLeg, _reports: Reports) -> None:
        heard.extend([tick(leg), tick(leg, loud(8000)), tick(leg)])

    with_caller(program, act)

    assert [frame is None for frame in heard] == [False, True, False]
    assert [frame is None for frame in program.heard] == [True, False, True]


def test_a_leg_whose_program_is_over_hangs_up_after_its_silence() -> None:
    def act(leg: AudioLeg, reports: Reports) -> None:
        ticks(leg, 1 + 5)
        assert reports.lines == []
        tick(leg)
        assert reports.lines == ["hung up 200"]
        assert ticks(leg, 5) == [None] * 5
        assert reports.lines == ["hung up 200"]

    with_caller(Acts(loud(8000)), act, hangup_after_s=0.1)


def test_a_program_may_hang_up_at_once() -> None:
    reports = with_caller(Acts(HangsUp()), lambda leg, _reports: ticks(leg, 3) and None)

    assert reports.lines == ["hung up 200"]


def test_a_program_that_cannot_go_on_breaks_the_leg() -> None:
    reports = with_caller(
        Acts(Breaks("script.timeout", "s.toml:3: …")), lambda leg, _reports: ticks(leg, 3) and None
    )

    assert reports.lines == ["broken script.timeout s.toml:3: …"]


def test_nothing_is_said_or_told_after_the_scenario_ended_the_call() -> None:
    for end in (lambda leg: leg.hang_up({}), lambda leg: leg.reject(603)):
        program = Acts(loud(8000), HangsUp())

        def act(leg: AudioLeg, _reports: Reports, end: Callable[[AudioLeg], None] = end) -> None:
            end(leg)
            assert ticks(leg, 3, loud(8000)) == [None] * 3
            leg.press("1")
            assert tick(leg) is None

        assert with_caller(program, act).lines == []
        assert program.heard == []


def test_digits_pressed_from_outside_take_the_place_of_the_program() -> None:
    def act(leg: AudioLeg, reports: Reports) -> None:
        leg.press("7")
        frames = ticks(leg, 10)
        assert reports.lines == ["digit 7"]
        assert [frame is not None and not np.array_equal(frame, loud(8000)) for frame in frames[:8]] == [
            True
        ] * 8
        assert [frame is not None and np.array_equal(frame, loud(8000)) for frame in frames[8:]] == [True] * 2

    with_caller(Acts(*[loud(8000)] * 10), act)


def test_a_leg_does_not_hang_up_while_digits_are_played() -> None:
    def act(leg: AudioLeg, reports: Reports) -> None:
        leg.press("12")
        ticks(leg, 16)
        assert reports.lines == ["digit 1", "digit 2"]
        ticks(leg, 6)
        assert reports.lines[-1] == "hung up 200"

    with_caller(Acts(), act, hangup_after_s=0.1)


def test_sound_played_from_outside_takes_the_place_of_the_program_then_the_program_goes_on() -> None:
    program = Acts(*[loud(8000)] * 10)

    def act(leg: AudioLeg, _reports: Reports) -> None:
        first, second = (np.full(samples, level, dtype=np.int16) for samples, level in ((320, 7), (80, 9)))
        leg.play(first)
        leg.play(second)
        leg.play(np.zeros(0, dtype=np.int16))
        frames = ticks(leg, 4)
        heard = [None if frame is None else frame[[0, -1]].tolist() for frame in frames]
        assert heard[:3] == [[7, 7], [7, 7], [9, 0]]
        assert frames[3] is not None
        assert np.array_equal(frames[3], loud(8000))

    with_caller(program, act)


def test_what_is_pressed_is_heard_before_what_is_played() -> None:
    def act(leg: AudioLeg, _reports: Reports) -> None:
        leg.play(np.full(160, 7, dtype=np.int16))
        leg.press("1")
        frames = ticks(leg, 10)
        heard = [
            frame is not None and np.array_equal(frame, np.full(160, 7, dtype=np.int16)) for frame in frames
        ]
        assert heard == [False] * 8 + [True, False]

    with_caller(Acts(), act, hangup_after_s=1.0)


def test_the_silence_before_hanging_up_begins_anew_after_sound_from_outside() -> None:
    def act(leg: AudioLeg, reports: Reports) -> None:
        ticks(leg, 4)
        leg.play(np.full(320, 7, dtype=np.int16))
        ticks(leg, 2 + 5)
        assert reports.lines == []
        tick(leg)
        assert reports.lines == ["hung up 200"]

    with_caller(Acts(), act, hangup_after_s=0.1)


def test_an_operator_can_type_into_the_leg() -> None:
    async def main() -> None:
        assert isinstance(leg_of(Acts()), Typable)

    run(main())


def test_a_leg_says_who_it_is_if_it_knows() -> None:
    async def main() -> None:
        clock = Clock(asyncio.get_running_loop())
        party = CallParty(callerid="alice")
        manner = Manner(Direction.INCOMING, 0.0, 0.0)
        assert AudioLeg(clock, 8000, Acts(), manner, party).party == party
        assert leg_of(Acts()).party is None

    run(main())


def test_playback_fills_the_last_frame_up_with_silence() -> None:
    sound = np.arange(1, 401, dtype=np.int16)
    playback = Playback(sound, 8000)

    frames = [playback.next_frame() for _ in range(4)]

    assert frames[3] is None
    assert np.array_equal(joined(frames[:3], 8000), np.concatenate([sound, np.zeros(80, dtype=np.int16)]))


def test_playback_of_whole_frames_adds_none() -> None:
    playback = Playback(np.ones(320, dtype=np.int16), 8000)

    assert [playback.next_frame() is None for _ in range(3)] == [False, False, True]


def test_playback_of_no_sound_is_over_at_once() -> None:
    assert Playback(np.zeros(0, dtype=np.int16), 8000).next_frame() is None
