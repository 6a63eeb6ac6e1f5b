"""`script:FILE.toml`: a far end that follows a script. Everything it will say or play is made before it opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxruntime.audio.pcm import PCM16
from voxruntime.call.state import Direction
from voxruntime.errors import ConfigError
from voxruntime.legs.audio_leg import AudioLeg, Manner
from voxruntime.legs.context import LegContext
from voxruntime.legs.script.run import ScriptRun
from voxruntime.legs.script.script import Play, Say, Script, parse_script
from voxruntime.speech.interface import CALLER_SPEED, SpeechUnavailable, caller_voice


async def open_script(argument: str, direction: Direction, context: LegContext) -> AudioLeg:
    """Opens a leg that follows a script.

    Args:
        argument: Path of the script.
        direction: Whether it calls or is called.
        context: The run.

    Raises:
        ConfigError: The script has a mistake, or names a file that cannot be used, or there is no speech for it.
    """
    path = context.base_dir / argument
    script = parse_script(await context.files.read_text(path), argument)
    sounds = {
        index: await _sound(step, script, path.parent, context)
        for index, step in enumerate(script.steps)
        if isinstance(step, Say | Play)
    }
    manner = Manner(direction, script.answer_after_ms / 1000, context.hangup_after_s)
    program = ScriptRun(script, sounds, context.on_note)
    return AudioLeg(context.clock, script.rate, program, manner, script.party)


async def _sound(step: Say | Play, script: Script, folder: Path, context: LegContext) -> PCM16:
    try:
        if isinstance(step, Play):
            return (await context.files.load_audio(folder / step.path, rate=script.rate)).pcm
        return await _speech(step, script, context)
    except ConfigError as error:
        shown = f"{error.file}: {error.message}" if error.file else error.message
        raise ConfigError(error.code, shown, file=script.name, line=step.line) from None


async def _speech(step: Say, script: Script, context: LegContext) -> PCM16:
    if context.engines is None:
        raise ConfigError(
            "script.no_speech", "There is no speech engine to say it with: play a file instead."
        )
    synthesizer = context.engines.synthesizer
    language = script.language or context.language
    voice, speed = (script.voice, 1.0) if script.voice else (caller_voice(language), CALLER_SPEED)
    speech = synthesizer.synthesize(step.text, language=language, voice=voice, speed=speed)
    try:
        chunks = [chunk async for chunk in speech]
    except SpeechUnavailable as error:
        raise ConfigError("script.no_speech", f"It cannot be said: {error.reason}") from None
    spoken = np.concatenate([np.zeros(0, dtype=np.int16), *chunks])
    return await context.files.convert(spoken, synthesizer.rate, script.rate)
