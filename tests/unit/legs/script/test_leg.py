"""Opening a script: its sounds are made first, and what is wrong with them is told with the step's line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from leg_driver import PARTY, Reports, joined, leg_context, loud, tick, ticks, write_wav
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.tones import sine
from voxruntime.audio.tonewords import decode
from voxruntime.call.leg import CallParty
from voxruntime.call.state import Direction
from voxruntime.errors import ConfigError
from voxruntime.legs.context import LegContext
from voxruntime.legs.script.leg import open_script
from voxruntime.speech.interface import CALLER_SPEED, SpeechUnavailable, caller_voice
from voxruntime.speech.tones import ToneEngines
from voxruntime.testing.virtual_loop import run


class Mute:
    """A synthesizer whose engine is gone."""

    rate = 8000

    async def synthesize(
        self, text: str, *, language: str, voice: str, speed: float = 1.0
    ) -> AsyncIterator[PCM16]:
        yield np.zeros(80, dtype=np.int16)
        raise SpeechUnavailable(f"no voice {voice!r} for {language} to say {text!r} at {speed}")


def mute_engines() -> ToneEngines:
    engines = ToneEngines()
    engines.synthesizer = Mute()
    return engines


def write_script(folder: Path, text: str) -> None:
    (folder / "c.toml").write_text(text, encoding="utf-8")


async def refused(context: LegContext) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        await open_script("c.toml", Direction.INCOMING, context)
    return caught.value


def test_a_script_says_what_a_recogniser_understands(tmp_path: Path) -> None:
    write_script(tmp_path, '[[step]]\nsay = "what is my balance"\n[[step]]\nhangup = true\n')

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            leg = await open_script("c.toml", Direction.INCOMING, context)
            reports = Reports()
            leg.open(PARTY, reports)
            leg.answer({})
            said = ticks(leg, 500)
            assert decode(joined(said, 8000), 8000) == "what is my balance"
            assert reports.lines == ["hung up 200"]

    run(main())


def test_sounds_come_at_the_rate_of_the_script(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    write_wav(tmp_path / "sounds" / "a.wav", sine(440.0, 1.0, 44100), 44100)
    write_script(tmp_path, 'rate = 24000\n[[step]]\nplay = "sounds/a.wav"\n[[step]]\nsay = "hello"\n')

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            leg = await open_script("c.toml", Direction.INCOMING, context)
            leg.open(PARTY, Reports())
            leg.answer({})
            assert leg.rate == 24000
            assert None not in [type(frame) for frame in ticks(leg, 50)]
            assert decode(joined(ticks(leg, 100), 24000), 24000) == "hello"

    run(main())


def test_played_files_are_found_beside_the_script(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    write_wav(tmp_path / "calls" / "a.wav", loud(8000), 8000)
    write_script(tmp_path / "calls", '[[step]]\nplay = "a.wav"\n')

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            leg = await open_script("calls/c.toml", Direction.INCOMING, context)
            leg.open(PARTY, Reports())
            leg.answer({})
            frame = tick(leg)
            assert frame is not None
            assert np.array_equal(frame, loud(8000))

    run(main())


def test_a_called_script_answers_after_its_own_time(tmp_path: Path) -> None:
    write_script(tmp_path, "answer_after_ms = 3000\n[[step]]\nhangup = true\n")

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            leg = await open_script("c.toml", Direction.OUTGOING, context)
            reports, begun = Reports(), context.clock.now()
            leg.open(PARTY, reports)
            assert await reports.next() == "answered"
            assert context.clock.now() - begun == pytest.approx(3.0)
            tick(leg)
            assert reports.lines == ["ringing", "answered", "hung up 200"]

    run(main())


def test_a_script_says_who_calls(tmp_path: Path) -> None:
    write_script(tmp_path, 'from = "alice"\nto = "bot"\n[[step]]\nhangup = true\n')

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            leg = await open_script("c.toml", Direction.INCOMING, context)
            assert leg.party == CallParty(callerid="alice", number="bot")

    run(main())


def test_a_step_in_vain_is_reported_with_file_and_line(tmp_path: Path) -> None:
    write_script(tmp_path, '[[step]]\nwait = "agent_speaks"\ntimeout_ms = 100\n')

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            leg = await open_script("c.toml", Direction.INCOMING, context)
            reports = Reports()
            leg.open(PARTY, reports)
            leg.answer({})
            ticks(leg, 5)
            assert reports.lines == []
            tick(leg)
            assert len(reports.lines) == 1
            assert reports.lines[0].startswith("broken script.timeout c.toml:1: ")

    run(main())


def test_steps_are_noted_and_pressed_digits_reported(tmp_path: Path) -> None:
    write_script(tmp_path, '[[step]]\npress = "1#"\n[[step]]\nhangup = true\n')
    notes: list[str] = []

    async def main() -> None:
        async with leg_context(tmp_path, on_note=notes.append) as context:
            leg = await open_script("c.toml", Direction.INCOMING, context)
            reports = Reports()
            leg.open(PARTY, reports)
            leg.answer({})
            assert None not in [type(frame) for frame in ticks(leg, 16)]
            tick(leg)
            assert reports.lines == ["digit 1", "digit #", "hung up 200"]

    run(main())
    assert notes == ["c.toml:1: presses 1#", "c.toml:3: hangs up"]


def test_missing_scripts_and_missing_sounds_are_told_apart(tmp_path: Path) -> None:
    async def main() -> None:
        async with leg_context(tmp_path) as context:
            no_script = await refused(context)
            assert (no_script.code, no_script.file) == ("file.not_found", str(tmp_path / "c.toml"))

            write_script(tmp_path, '[[step]]\nhangup = true\n[[step]]\nplay = "none.wav"\n')
            no_sound = await refused(context)
            assert (no_sound.code, no_sound.file, no_sound.line) == ("audio.not_found", "c.toml", 3)
            assert str(tmp_path / "none.wav") in no_sound.message

    run(main())


def test_speech_that_is_missing_is_told_with_the_step(tmp_path: Path) -> None:
    write_script(tmp_path, 'language = "ru-RU"\nvoice = "v"\n\n[[step]]\nsay = "да"\n')

    async def main() -> None:
        async with leg_context(tmp_path, engines=mute_engines()) as context:
            error = await refused(context)
            assert (error.code, error.file, error.line) == ("script.no_speech", "c.toml", 4)
            assert "no voice 'v' for ru-RU to say 'да'" in error.message

            without = LegContext(
                context.clock, context.files, None, context.base_dir, 1.0, "en-US", context.on_note
            )
            assert "no speech engine" in (await refused(without)).message

    run(main())


def test_the_runs_language_stands_in_for_the_scripts(tmp_path: Path) -> None:
    write_script(tmp_path, '[[step]]\nsay = "yes"\n')

    async def main() -> None:
        async with leg_context(tmp_path, engines=mute_engines()) as context:
            assert "for en-US" in (await refused(context)).message

    run(main())


def test_without_a_voice_of_its_own_a_script_speaks_as_callers_are_understood(tmp_path: Path) -> None:
    write_script(tmp_path, '[[step]]\nsay = "yes"\n')

    async def main() -> None:
        async with leg_context(tmp_path, engines=mute_engines()) as context:
            error = await refused(context)
            assert (
                f"no voice {caller_voice('en-US')!r} for en-US to say 'yes' at {CALLER_SPEED}"
                in error.message
            )

    run(main())
