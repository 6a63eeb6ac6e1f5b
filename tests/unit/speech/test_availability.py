"""Contract of speech/availability.py."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from speech_extra import speech_extra
from voxruntime.clock import Clock
from voxruntime.errors import ConfigError
from voxruntime.speech.availability import INSTALL, PARTS, choose_engines, decide, missing_parts
from voxruntime.speech.client import SpeechProcess
from voxruntime.speech.tones import ToneEngines

__all__ = ["speech_extra"]


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    for module in (module for part in PARTS for module in part.modules):
        monkeypatch.delitem(sys.modules, module, raising=False)


async def chosen(wanted: bool | None) -> type:
    return type(choose_engines(Clock(asyncio.get_running_loop()), wanted))


@pytest.mark.usefixtures("nothing_installed")
def test_without_the_extra_there_are_tones_unless_speech_is_demanded() -> None:
    assert missing_parts() == list(PARTS)
    assert asyncio.run(chosen(None)) is ToneEngines
    assert asyncio.run(chosen(False)) is ToneEngines
    with pytest.raises(ConfigError) as refused:
        decide(True)
    assert refused.value.code == "speech.missing"
    for words in (*(part.name for part in PARTS), INSTALL):
        assert words in refused.value.message


@pytest.mark.usefixtures("speech_extra")
def test_with_the_extra_there_is_speech_unless_tones_are_demanded() -> None:
    assert missing_parts() == []
    assert asyncio.run(chosen(None)) is SpeechProcess
    assert asyncio.run(chosen(True)) is SpeechProcess
    assert asyncio.run(chosen(False)) is ToneEngines


@pytest.mark.usefixtures("speech_extra")
def test_the_engine_s_process_loads_no_engine() -> None:
    program = """
import asyncio, sys
from voxruntime.cli import engines, run
from voxruntime.clock import Clock
from voxruntime.speech.availability import PARTS, choose_engines

async def main():
    speech = choose_engines(Clock(asyncio.get_running_loop()), True)
    await speech.start()
    await speech.ready()
    spoken = [chunk async for chunk in speech.synthesizer.synthesize("hello", language="en-US", voice="")]
    await speech.close()
    assert spoken

asyncio.run(main())
print([module for part in PARTS for module in part.modules if module in sys.modules])
try:
    print([line for line in open("/proc/self/maps") if "espeak" in line])
except FileNotFoundError:
    print([])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n[]\n", "")
