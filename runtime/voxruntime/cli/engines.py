"""The speech engines of a command: started beside everything else, ended with it, and told of to the server."""

from __future__ import annotations

from contextlib import AsyncExitStack

from voxruntime.clock import Clock
from voxruntime.emulator.server import EmulatorServer, VoiceDetection
from voxruntime.speech.availability import choose_engines
from voxruntime.speech.client import SpeechProcess
from voxruntime.speech.messages import Endpoint
from voxruntime.speech.tones import ToneEngines

Engines = SpeechProcess | ToneEngines


async def start_engines(
    clock: Clock, stack: AsyncExitStack, *, speech: bool | None, endpoint: Endpoint | None = None
) -> Engines:
    """Starts the engines without waiting for them; they end with `stack`.

    Args:
        clock: The run's.
        stack: Of everything that is up.
        speech: True for speech, False for tones; None for speech where it is installed.
        endpoint: Recognises speech in place of the dialogue's own phrases.

    Raises:
        ConfigError: Speech is wanted and not installed, or the system refuses a process.
    """
    engines = choose_engines(clock, speech, endpoint)
    if isinstance(engines, SpeechProcess):
        await engines.start()
        stack.push_async_callback(engines.close)
    return engines


def voice_detection(engines: Engines) -> VoiceDetection:
    """Returns who tells speech from silence: a tone is no speech, so for tones it is their loudness."""
    return VoiceDetection.ENGINES if isinstance(engines, SpeechProcess) else VoiceDetection.ENERGY


def serve_with(engines: Engines, server: EmulatorServer) -> None:
    """Lets the server's clients be told when the engines begin anew."""
    if isinstance(engines, SpeechProcess):
        engines.on_restart = server.speech_restarted


async def until_ready(engines: Engines) -> None:
    """Returns once the engines answer.

    Raises:
        ConfigError: They do not start.
    """
    if isinstance(engines, SpeechProcess):
        await engines.ready()
