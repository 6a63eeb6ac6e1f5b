"""Caller scripts as text: what they mean, and the line of every mistake."""

from __future__ import annotations

import re

import pytest

from voxruntime.call.leg import CallParty
from voxruntime.errors import ConfigError
from voxruntime.legs.script import script as module
from voxruntime.legs.script.script import (
    WAIT_MS,
    Cue,
    HangUp,
    Hearing,
    Pause,
    Play,
    Press,
    Say,
    WaitForCue,
    WaitForSilence,
    parse_script,
)

WHOLE = """\
language = "ru-RU"
voice = "alena"
rate = 16000
from = "+74950000001"
to = "100"
display_name = "Alice"
answer_after_ms = 200
threshold_dbfs = -40
finished_ms = 300

[[step]]
wait = "agent_speaks"

[[step]]
wait = "agent_finished"
timeout_ms = 5000

[[step]]
wait_silence_ms = 1500
timeout_ms = 0

[[step]]
pause_ms = 20

[[step]]
say = "Добрый день"

[[step]]
play = "noise.wav"

[[step]]
press = "12*#"

[[step]]
hangup = true
"""


def test_a_script_says_who_it_is_how_it_hears_and_what_it_does() -> None:
    script = parse_script(WHOLE, "c.toml")

    assert (script.name, script.language, script.voice, script.rate) == ("c.toml", "ru-RU", "alena", 16000)
    assert script.party == CallParty(callerid="+74950000001", number="100", display_name="Alice")
    assert script.answer_after_ms == 200
    assert script.hearing == Hearing(-40.0, 300)
    assert script.steps == (
        WaitForCue(11, Cue.AGENT_SPEAKS, WAIT_MS),
        WaitForCue(14, Cue.AGENT_FINISHED, 5000),
        WaitForSilence(18, 1500, 0),
        Pause(22, 20),
        Say(25, "Добрый день"),
        Play(28, "noise.wav"),
        Press(31, "12*#"),
        HangUp(34),
    )


def test_all_but_the_steps_may_be_left_out() -> None:
    script = parse_script("[[step]]\nhangup = true\n", "c.toml")

    assert (script.language, script.voice, script.rate, script.party) == ("", "", 8000, None)
    assert script.steps == (HangUp(1),)


def test_the_example_of_the_documentation_is_a_script() -> None:
    example = re.search(r"```toml\n(.*?)```", module.__doc__ or "", re.DOTALL)
    assert example is not None

    assert len(parse_script(example[1], "example").steps) == 6


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('[[step]]\nsay = "unfinished', 2, "No valid TOML"),
        ("x = \n", 1, "No valid TOML"),
        ("", 0, "needs the key 'step'"),
        ("[[steps]]\nhangup = true", 1, "Unknown key 'steps'"),
        ('lang = "en-US"\n[[step]]\nhangup = true', 1, "Did you mean 'language'?"),
        ('[[step]]\nsay = "a"\n\n[[step]]\nsya = "b"', 5, "Did you mean 'say'?"),
        ('[[step]]\nwait = "agent_speak"', 2, "Did you mean 'agent_speaks'?"),
        ('[[step]]\nwait = "forever"', 2, "expected agent_speaks or agent_finished"),
        ('[[step]]\nsay = "a"\npress = "1"', 1, "found say and press"),
        ('[[step]]\nsay = "a"\n[[step]]\n', 3, "found none"),
        ('[[step]]\nsay = "a"\ntimeout_ms = 5', 3, "'say' has no timeout"),
        ('[[step]]\nsay = " "', 2, "'say' is empty"),
        ('[[step]]\nplay = ""', 2, "'play' is empty"),
        ('[[step]]\npress = "12x"', 2, "'12x' cannot be pressed"),
        ('[[step]]\npress = ""', 2, "cannot be pressed"),
        ("[[step]]\nhangup = false", 2, "'hangup' is false"),
        ("[[step]]\npause_ms = -1", 2, ">= 0"),
        ("[[step]]\npause_ms = 1.5", 2, "Expected `int"),
        ("rate = 11025\n[[step]]\nhangup = true", 1, "8000, 16000, 24000, 44100, 48000 Hz"),
        ("threshold_dbfs = 3.0\n[[step]]\nhangup = true", 1, "<= 0"),
        ("from = 7\n[[step]]\nhangup = true", 1, "'from'"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_script(text, "c.toml")

    assert (caught.value.file, caught.value.line) == ("c.toml", line)
    assert message in caught.value.message
