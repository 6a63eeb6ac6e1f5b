"""Contract of cli/engines.py."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from speech_extra import need_speech
from voxruntime.cli.engines import serve_with, start_engines, until_ready, voice_detection
from voxruntime.clock import Clock
from voxruntime.emulator.dialogue import builtin
from voxruntime.emulator.server import EmulatorServer, VoiceDetection
from voxruntime.speech.client import SpeechProcess


@pytest.mark.parametrize("speech", [False, True], ids=["tones", "speech"])
def test_engines_are_up_once_served_with_and_end_with_the_stack(speech: bool) -> None:
    if speech:
        need_speech()

    async def main() -> None:
        clock = Clock(asyncio.get_running_loop())
        async with AsyncExitStack() as stack:
            engines = await start_engines(clock, stack, speech=speech)
            detection = VoiceDetection.ENGINES if speech else VoiceDetection.ENERGY
            assert voice_detection(engines) is detection
            server = EmulatorServer(clock, builtin(), engines)
            serve_with(engines, server)
            await until_ready(engines)
            if isinstance(engines, SpeechProcess):
                assert None not in engines.pids.values()
                assert engines.on_restart == server.speech_restarted
        if isinstance(engines, SpeechProcess):
            assert set(engines.pids.values()) == {None}

    asyncio.run(main())
