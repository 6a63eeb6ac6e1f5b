"""A script at work, frame by frame: each step to the frame, and the line of the step that waits in vain."""

from __future__ import annotations

import numpy as np
import pytest

from leg_driver import joined, loud
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.tones import sine
from voxruntime.legs.audio_leg import Breaks, HangsUp, Over, Said
from voxruntime.legs.keypad import Keypad
from voxruntime.legs.script.run import ScriptRun
from voxruntime.legs.script.script import parse_script

HELLO = sine(300.0, 0.5, 8000, level_dbfs=-20.0)


class Stage:
    """A script with an agent opposite it; each `say` and `play` sounds like HELLO unless told otherwise."""

    def __init__(self, steps: str, sound: PCM16 = HELLO) -> None:
        script = parse_script(steps, "c.toml")
        sounds = dict.fromkeys(range(len(script.steps)), sound)
        self.notes: list[str] = []
        self.digits: list[str] = []
        self.keypad = Keypad(8000, self.digits.append)
        self._run = ScriptRun(script, sounds, self.notes.append)

    def tick(self, hears: PCM16 | None = None) -> Said:
        said = self._run.pull(self.keypad)
        self.keypad.pull()
        self._run.push(hears)
        return said

    def ticks(self, count: int, hears: PCM16 | None = None) -> list[Said]:
        return [self.tick(hears) for _ in range(count)]

    def agent_speaks(self, count: int) -> list[Said]:
        return self.ticks(count, loud(8000))

    def frames_until_end(self, limit: int = 10_000) -> int:
        """Frames of silence before the script ends the call."""
        for count in range(limit):
            if isinstance(self.tick(), HangsUp | Breaks | Over):
                return count
        raise AssertionError("the script did not end")


WAIT_SPEAKS = '[[step]]\nwait = "agent_speaks"\ntimeout_ms = 2000\n'
WAIT_FINISHED = '[[step]]\nwait = "agent_finished"\ntimeout_ms = 2000\n'
SAY = '[[step]]\nsay = "hello"\n'
HANG_UP = "[[step]]\nhangup = true\n"


def test_what_is_said_comes_whole_from_the_first_frame_on() -> None:
    stage = Stage(SAY + HANG_UP)

    said = stage.ticks(26)

    assert np.array_equal(joined([part for part in said if isinstance(part, np.ndarray)], 8000), HELLO)
    assert said[25] == HangsUp()


def test_sounds_follow_each_other_without_a_gap() -> None:
    stage = Stage(SAY + '[[step]]\nplay = "x.wav"\n')

    said = stage.ticks(51)

    assert all(isinstance(part, np.ndarray) for part in said[:50])
    assert said[50] == Over()


@pytest.mark.parametrize(("pause_ms", "frames"), [(0, 0), (20, 1), (50, 3), (1000, 50)])
def test_a_pause_lasts_its_time_in_whole_frames(pause_ms: int, frames: int) -> None:
    assert Stage(f"[[step]]\npause_ms = {pause_ms}\n" + HANG_UP).frames_until_end() == frames


def test_a_script_without_hangup_is_over_after_its_last_step() -> None:
    stage = Stage("[[step]]\npause_ms = 40\n")

    assert stage.ticks(4) == [None, None, Over(), Over()]


def test_agent_speaks_is_met_as_soon_as_the_agent_is_heard() -> None:
    stage = Stage(WAIT_SPEAKS + HANG_UP)

    assert stage.ticks(10) == [None] * 10
    assert stage.agent_speaks(3) == [None, None, HangsUp()]


def test_agent_finished_is_met_600_ms_after_the_agents_last_sound() -> None:
    stage = Stage(WAIT_FINISHED + HANG_UP)

    stage.agent_speaks(20)

    assert stage.frames_until_end() == 30


def test_the_pauses_within_speech_do_not_finish_it() -> None:
    stage = Stage(WAIT_FINISHED + HANG_UP)

    for _ in range(2):
        assert stage.agent_speaks(10) == [None] * 10
        assert stage.ticks(29) == [None] * 29


def test_finished_ms_is_the_scripts_to_choose() -> None:
    stage = Stage("finished_ms = 200\n" + WAIT_FINISHED + HANG_UP)

    stage.agent_speaks(20)

    assert stage.frames_until_end() == 10


def test_an_answer_counts_from_the_far_ends_own_last_sound() -> None:
    stage = Stage(WAIT_FINISHED + SAY + WAIT_FINISHED + HANG_UP)
    stage.agent_speaks(20)
    stage.ticks(30)

    assert all(isinstance(part, np.ndarray) for part in stage.ticks(25))
    assert stage.ticks(50) == [None] * 50
    stage.agent_speaks(10)

    assert stage.frames_until_end() == 30


def test_an_answer_during_silence_at_the_end_of_a_sound_counts() -> None:
    with_silence = np.concatenate([HELLO, np.zeros(8000, dtype=np.int16)])
    stage = Stage(SAY + WAIT_SPEAKS + HANG_UP, with_silence)
    stage.ticks(30)

    stage.agent_speaks(10)
    stage.ticks(35)

    assert stage.tick() == HangsUp()


def test_each_agent_finished_waits_for_speech_of_its_own() -> None:
    stage = Stage(WAIT_FINISHED + WAIT_FINISHED + HANG_UP)
    stage.agent_speaks(10)
    assert stage.ticks(60) == [None] * 60

    stage.agent_speaks(10)

    assert stage.frames_until_end() == 30


def test_agent_speaks_then_agent_finished_may_mean_the_same_speech() -> None:
    stage = Stage(WAIT_SPEAKS + WAIT_FINISHED + HANG_UP)

    stage.agent_speaks(10)

    assert stage.frames_until_end() == 30


def test_silence_is_counted_from_the_beginning_of_its_step() -> None:
    stage = Stage("[[step]]\npause_ms = 2000\n[[step]]\nwait_silence_ms = 500\n" + HANG_UP)

    assert stage.frames_until_end() == 100 + 25


def test_silence_begins_again_whenever_the_agent_speaks() -> None:
    stage = Stage("[[step]]\nwait_silence_ms = 500\n" + HANG_UP)

    assert stage.ticks(20) == [None] * 20
    stage.agent_speaks(5)

    assert stage.frames_until_end() == 25


@pytest.mark.parametrize(
    ("step", "hope"),
    [
        ('wait = "agent_speaks"', "the agent speaks within 2000 ms"),
        ('wait = "agent_finished"', "the agent has spoken and finished within 2000 ms"),
        ("wait_silence_ms = 5000", "the agent is silent for 5000 ms within 2000 ms"),
    ],
)
def test_a_wait_in_vain_breaks_the_call_with_its_line(step: str, hope: str) -> None:
    stage = Stage(SAY + f"\n[[step]]\n{step}\ntimeout_ms = 2000\n" + HANG_UP)
    stage.ticks(25)

    assert stage.ticks(100) == [None] * 100
    broken = stage.tick()

    assert isinstance(broken, Breaks)
    assert broken.code == "script.timeout"
    assert broken.message.startswith("c.toml:4: ")
    assert hope in broken.message


def test_what_is_met_in_the_frame_of_the_timeout_is_met() -> None:
    stage = Stage("[[step]]\nwait_silence_ms = 2000\ntimeout_ms = 2000\n" + HANG_UP)

    assert stage.ticks(100) == [None] * 100
    assert stage.tick() == HangsUp()


def test_a_press_step_lasts_until_its_tones_are_played() -> None:
    stage = Stage('[[step]]\npress = "12"\n' + HANG_UP)

    assert stage.ticks(16) == [None] * 16
    assert stage.tick() == HangsUp()
    assert stage.digits == ["1", "2"]


def test_what_was_said_before_pressing_is_no_answer_to_it() -> None:
    stage = Stage('[[step]]\npause_ms = 400\n[[step]]\npress = "1"\n' + WAIT_SPEAKS + HANG_UP)
    stage.agent_speaks(5)
    stage.ticks(15)

    assert stage.ticks(58) == [None] * 58
    assert stage.agent_speaks(3)[2] == HangsUp()


def test_each_step_is_noted_as_it_begins() -> None:
    stage = Stage(
        '[[step]]\nsay = "hello"\n[[step]]\nplay = "x.wav"\n[[step]]\npress = "1"\n[[step]]\npause_ms = 20\n'
        + '[[step]]\nwait_silence_ms = 20\n[[step]]\nwait = "agent_speaks"\n[[step]]\nhangup = true\n'
    )

    stage.ticks(1)
    assert stage.notes == ["c.toml:1: says “hello”"]
    stage.ticks(70)
    stage.agent_speaks(3)

    assert stage.notes[1:] == [
        "c.toml:3: plays x.wav",
        "c.toml:5: presses 1",
        "c.toml:7: pauses 20 ms",
        "c.toml:9: waits until the agent is silent for 20 ms",
        "c.toml:11: waits until the agent speaks",
        "c.toml:13: hangs up",
    ]
