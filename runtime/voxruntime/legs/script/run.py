"""A script at work: its steps, frame by frame. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import PCM16
from voxruntime.legs.audio_leg import Breaks, HangsUp, Over, Playback, Said
from voxruntime.legs.keypad import Keypad
from voxruntime.legs.script.ear import AgentEar
from voxruntime.legs.script.script import (
    Cue,
    HangUp,
    Pause,
    Play,
    Press,
    Say,
    Script,
    Step,
    WaitForCue,
    WaitForSilence,
)

FRAME_MS = 20


class ScriptRun:
    """The program of a scripted leg.

    Args:
        script: What it does.
        sounds: What each `Say` and `Play` of it sounds like, at the script's rate, by the step's index.
        on_note: Told of each step as it begins.
    """

    def __init__(self, script: Script, sounds: Mapping[int, PCM16], on_note: Callable[[str], None]) -> None:
        self._script = script
        self._playbacks = {index: Playback(pcm, script.rate) for index, pcm in sounds.items()}
        self._on_note = on_note
        self._ear = AgentEar(script.hearing.threshold_dbfs)
        self._index = -1
        self._frames_in_step = 0

    def push(self, frame: PCM16 | None) -> None:
        """Hears the agent."""
        self._ear.push(frame)

    def pull(self, keypad: Keypad) -> Said:
        """Returns what the script does in the next 20 ms; steps that take no time are done on the way."""
        if self._index < 0:
            self._begin_next(keypad)
        while self._index < len(self._script.steps):
            outcome = self._perform(self._script.steps[self._index], keypad)
            if not isinstance(outcome, _Done):
                self._frames_in_step += 1
                return outcome
            self._begin_next(keypad)
        return Over()

    def _begin_next(self, keypad: Keypad) -> None:
        self._index += 1
        self._frames_in_step = 0
        if self._index < len(self._script.steps):
            step = self._script.steps[self._index]
            self._on_note(f"{self._script.name}:{step.line}: {_described(step)}")
            if isinstance(step, Press):
                keypad.press(step.digits)

    def _perform(self, step: Step, keypad: Keypad) -> Said | _Done:
        match step:
            case Say() | Play():
                return self._sound()
            case Press():
                if keypad.is_idle:
                    return _Done()
                self._ear.mark()
                return None
            case Pause():
                return _Done() if self._has_lasted(step.pause_ms) else None
            case WaitForCue():
                return self._wait_for_cue(step)
            case WaitForSilence():
                quiet_frames = min(self._ear.quiet_frames, self._frames_in_step)
                return self._wait(quiet_frames * FRAME_MS >= step.silence_ms, step)
            case HangUp():
                return HangsUp()

    def _sound(self) -> PCM16 | _Done:
        frame = self._playbacks[self._index].next_frame()
        if frame is None:
            return _Done()
        # Silence at the end of a file is no sound: the agent may be answering already.
        if dbfs(frame) > self._script.hearing.threshold_dbfs:
            self._ear.mark()
        return frame

    def _wait_for_cue(self, step: WaitForCue) -> Breaks | _Done | None:
        if step.cue is Cue.AGENT_SPEAKS:
            return self._wait(self._ear.has_spoken, step)
        quiet_ms = self._ear.quiet_frames * FRAME_MS
        outcome = self._wait(self._ear.has_spoken and quiet_ms >= self._script.hearing.finished_ms, step)
        if isinstance(outcome, _Done):
            self._ear.forget()
        return outcome

    def _wait(self, is_met: bool, step: WaitForCue | WaitForSilence) -> Breaks | _Done | None:
        if is_met:
            return _Done()
        if not self._has_lasted(step.timeout_ms):
            return None
        hope = f"{_described(step).removeprefix('waits until ')} within {step.timeout_ms} ms"
        return Breaks(
            "script.timeout", f"{self._script.name}:{step.line}: expected that {hope}; it did not happen."
        )

    def _has_lasted(self, duration_ms: int) -> bool:
        return self._frames_in_step * FRAME_MS >= duration_ms


class _Done(msgspec.Struct, frozen=True):
    """A step is over, and took none of this frame."""


def _described(step: Step) -> str:
    match step:
        case Say(text=text):
            return f"says “{text}”"
        case Play(path=path):
            return f"plays {path}"
        case Press(digits=digits):
            return f"presses {digits}"
        case Pause(pause_ms=pause_ms):
            return f"pauses {pause_ms} ms"
        case WaitForCue(cue=Cue.AGENT_SPEAKS):
            return "waits until the agent speaks"
        case WaitForCue():
            return "waits until the agent has spoken and finished"
        case WaitForSilence(silence_ms=silence_ms):
            return f"waits until the agent is silent for {silence_ms} ms"
        case HangUp():
            return "hangs up"
