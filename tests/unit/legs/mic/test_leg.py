from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from leg_driver import PARTY, Reports, leg_context, loud, tick
from portaudio_double import FakePortAudio, FakeStream
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.skew import DELAY_SAMPLES
from voxruntime.audio.tones import sine
from voxruntime.call.state import Direction
from voxruntime.errors import ConfigError
from voxruntime.legs.context import MicOptions
from voxruntime.legs.mic import leg as mic_leg
from voxruntime.legs.mic.leg import MicLeg
from voxruntime.legs.registry import open_leg
from voxruntime.testing import virtual_loop

SPOKEN = sine(700.0, 0.02, 48000, level_dbfs=-20.0)
SILENCE = np.zeros(960, dtype=np.int16)
OPEN_AFTER_FRAMES = 17
"""250 ms and the 80 ms of the devices, in frames, rounded up."""


class Desk:
    """An open microphone leg, its devices, what it reports and what it remarks."""

    def __init__(self, leg: MicLeg, portaudio: FakePortAudio, notes: list[str]) -> None:
        self.leg = leg
        self.reports = Reports()
        self.notes = notes
        self.microphone: FakeStream
        self.loudspeaker: FakeStream
        self.microphone, self.loudspeaker = portaudio.opened

    def answer(self) -> None:
        self.leg.open(PARTY, self.reports)
        self.leg.answer({})

    def move(self, agent: PCM16 | None = None, spoken: PCM16 = SPOKEN) -> tuple[PCM16 | None, PCM16]:
        """20 ms of the devices and the graph; returns what the graph gets and what is played."""
        self.microphone.move(spoken)
        said = tick(self.leg, agent)
        return said, self.loudspeaker.move()


def at_desk(
    portaudio: FakePortAudio,
    act: Callable[[Desk], Awaitable[None]],
    *,
    mic: MicOptions | None = None,
    direction: Direction = Direction.INCOMING,
) -> None:
    async def main() -> None:
        notes: list[str] = []
        async with leg_context(Path(), on_note=notes.append) as context:
            leg = await open_leg("mic", direction, replace(context, mic=mic or MicOptions()))
            assert isinstance(leg, MicLeg)
            await act(Desk(leg, portaudio, notes))

    asyncio.run(main())


def test_sound_goes_both_ways_once_answered_and_nothing_said_before_it(portaudio: FakePortAudio) -> None:
    async def act(desk: Desk) -> None:
        assert desk.leg.rate == 48000
        desk.leg.open(PARTY, desk.reports)
        secret = sine(300.0, 0.02, 48000)
        for _ in range(20):
            assert desk.move(spoken=secret)[0] is None
        desk.leg.answer({})
        said = [desk.move()[0] for _ in range(10)]
        assert [frame is None for frame in said] == [True, True, *[False] * 8]
        heard = np.concatenate([frame for frame in said if frame is not None])
        assert np.array_equal(heard[DELAY_SAMPLES:], np.tile(SPOKEN, 8)[:-DELAY_SAMPLES])
        agent = loud(48000)
        played = np.concatenate([desk.move(agent)[1] for _ in range(5)])
        begun = len(agent) + DELAY_SAMPLES
        assert np.array_equal(played[begun:], np.tile(agent, 5)[: len(played) - begun])
        assert desk.reports.lines == []

    at_desk(portaudio, act)


def test_the_microphone_is_shut_while_the_agent_speaks_and_a_moment_after(portaudio: FakePortAudio) -> None:
    async def act(desk: Desk) -> None:
        desk.answer()
        for _ in range(5):
            desk.move()
        assert not desk.leg.is_muted
        assert desk.move(loud(48000))[0] is not None
        assert desk.leg.is_muted
        assert [desk.move(loud(48000))[0] for _ in range(60)] == [None] * 60
        silent = 0
        while desk.move()[0] is None:
            silent += 1
            assert silent < 50
        # A frame waits before the loudspeaker, and one behind the microphone.
        assert OPEN_AFTER_FRAMES <= silent <= OPEN_AFTER_FRAMES + 4
        assert not desk.leg.is_muted

    at_desk(portaudio, act)


def test_headphones_keep_it_open(portaudio: FakePortAudio) -> None:
    async def act(desk: Desk) -> None:
        desk.answer()
        said = [desk.move(loud(48000))[0] for _ in range(60)]
        assert None not in [None if frame is None else 1 for frame in said[2:]]
        assert "always open" in desk.notes[0]

    at_desk(portaudio, act, mic=MicOptions(headphones=True))


def test_options_name_the_devices_and_a_remark_says_which(portaudio: FakePortAudio) -> None:
    async def act(desk: Desk) -> None:
        assert [fake.settings["device"] for fake in portaudio.opened] == [2, 2]
        expected = (
            "microphone: 2 USB Headset (Fake), loudspeaker: 2 USB Headset (Fake); shut while the agent speaks"
        )
        assert desk.notes[0].startswith(expected)

    at_desk(portaudio, act, mic=MicOptions("headset", "headset"))


def test_a_called_person_rings_then_answers(portaudio: FakePortAudio) -> None:
    async def act(desk: Desk) -> None:
        desk.leg.open(PARTY, desk.reports)
        assert desk.reports.lines == ["ringing"]
        assert await desk.reports.next() == "answered"
        assert [desk.move()[0] is None for _ in range(4)] == [True, True, False, False]

    at_desk(portaudio, act, direction=Direction.OUTGOING)


@pytest.mark.parametrize(
    "end", [lambda leg: leg.hang_up({}), lambda leg: leg.reject(486)], ids=["hang up", "reject"]
)
def test_the_devices_are_given_back_once_when_the_call_is_over(
    portaudio: FakePortAudio, end: Callable[[MicLeg], None]
) -> None:
    async def act(desk: Desk) -> None:
        desk.answer()
        desk.move()
        end(desk.leg)
        end(desk.leg)
        assert [desk.move()[0] for _ in range(100)] == [None] * 100
        assert desk.reports.lines == []
        assert sum("frames left out" in note for note in desk.notes) == 1

    at_desk(portaudio, act)
    assert [fake.is_closed for fake in portaudio.opened] == [True, True]


@pytest.mark.parametrize(("index", "name"), [(0, "microphone 0 Desk Mic"), (1, "loudspeaker 1 Speakers")])
def test_a_device_that_vanishes_ends_the_call(portaudio: FakePortAudio, index: int, name: str) -> None:
    async def act(desk: Desk) -> None:
        desk.answer()
        desk.move()
        portaudio.opened[index].vanish()
        assert tick(desk.leg) is None
        (report,) = desk.reports.lines
        assert report.startswith(f"broken mic.lost The {name} (Fake) is gone")

    at_desk(portaudio, act)
    assert [fake.is_closed for fake in portaudio.opened] == [True, True]


@pytest.mark.parametrize("index", [0, 1])
def test_a_device_that_stands_still_for_a_second_ends_the_call(portaudio: FakePortAudio, index: int) -> None:
    async def act(desk: Desk) -> None:
        desk.answer()
        desk.move()
        other = portaudio.opened[1 - index]
        for _ in range(50):
            assert desk.reports.lines == []
            other.move()
            tick(desk.leg)
        other.move()
        tick(desk.leg)
        assert desk.reports.lines[0].startswith("broken mic.lost")

    at_desk(portaudio, act)


def test_digits_pressed_elsewhere_take_the_place_of_the_voice(portaudio: FakePortAudio) -> None:
    async def act(desk: Desk) -> None:
        desk.answer()
        for _ in range(3):
            desk.move()
        desk.leg.press("5")
        frame, _ = desk.move()
        assert frame is not None
        assert not np.array_equal(frame, SPOKEN)
        assert desk.reports.lines == ["digit 5"]

    at_desk(portaudio, act)


@pytest.mark.parametrize("fault", ["asleep", "dead"])
def test_a_device_that_never_starts_is_refused_and_both_are_closed(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    async def act(_desk: Desk) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(mic_leg, "START_S", 0.01)
    setattr(portaudio, fault, {1})
    with pytest.raises(ConfigError, match=r"The output device 1 Speakers \(Fake\) opens, but no sound moves"):
        at_desk(portaudio, act)
    assert [fake.is_closed for fake in portaudio.opened] == [True, True]


def test_there_is_no_microphone_in_virtual_time(portaudio: FakePortAudio) -> None:
    async def main() -> None:
        async with leg_context(Path()) as context:
            with pytest.raises(ConfigError, match="lives in real time"):
                await open_leg("mic", Direction.INCOMING, context)

    virtual_loop.run(main())
    assert portaudio.opened == []


def test_silenced_sound_is_not_played_and_its_length_is_told(portaudio: FakePortAudio) -> None:
    async def act(desk: Desk) -> None:
        desk.answer()
        agent = loud(48000)
        assert [desk.move(agent)[1].any() for _ in range(5)][1:] == [True] * 4
        tick(desk.leg, agent)
        assert desk.leg.silence() == (960 + DELAY_SAMPLES) / 48000
        assert not desk.loudspeaker.move().any()
        tick(desk.leg)
        assert not desk.loudspeaker.move().any()

    at_desk(portaudio, act)
