"""Drives legs in tests: keeps what they report, and moves their frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.audio.tones import sine
from voxruntime.call.leg import CallParty, Leg
from voxruntime.clock import Clock
from voxruntime.files.client import FileProcess
from voxruntime.files.wav import wav_header
from voxruntime.legs.context import LegContext
from voxruntime.speech.interface import SpeechEngines
from voxruntime.speech.tones import ToneEngines

PARTY = CallParty(callerid="100", number="200")


class Reports:
    """`LegEvents` that keeps everything, as text."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.told = asyncio.Event()

    def on_ringing(self, headers: Mapping[str, str]) -> None:
        self._keep("ringing", dict(headers))

    def on_answered(self, headers: Mapping[str, str]) -> None:
        self._keep("answered", dict(headers))

    def on_failed(self, status: int, reason: str) -> None:
        self._keep("failed", status, reason)

    def on_hung_up(self, status: int, reason: str) -> None:
        self._keep("hung up", status, reason)

    def on_digit(self, digit: str) -> None:
        self._keep("digit", digit)

    def on_broken(self, code: str, message: str) -> None:
        self._keep("broken", code, message)

    def _keep(self, *parts: object) -> None:
        self.lines.append(" ".join(str(part) for part in parts if part not in ({}, "")))
        self.told.set()

    async def next(self) -> str:
        """Waits for the next report and returns the latest."""
        self.told.clear()
        await self.told.wait()
        return self.lines[-1]


def tick(leg: Leg, hears: PCM16 | None = None) -> PCM16 | None:
    """One tick of the media graph: a frame from the leg, then one to it."""
    frame = leg.pull()
    if frame is not None:
        assert frame.dtype == np.int16
        assert frame.shape == (frame_samples(leg.rate),)
    leg.push(hears)
    return frame


def ticks(leg: Leg, count: int, hears: PCM16 | None = None) -> list[PCM16 | None]:
    """Several ticks in which the leg hears the same."""
    return [tick(leg, hears) for _ in range(count)]


def joined(frames: list[PCM16 | None], rate: int) -> PCM16:
    """The sound of frames, silence where there is none."""
    silent = np.zeros(frame_samples(rate), dtype=np.int16)
    return np.concatenate([silent if frame is None else frame for frame in frames])


def loud(rate: int) -> PCM16:
    """A frame that anybody would call speech."""
    return sine(400.0, 0.02, rate, level_dbfs=-20.0)


def write_wav(path: Path, pcm: PCM16, rate: int) -> None:
    """Writes a mono file."""
    path.write_bytes(wav_header(rate, 1, 2 * len(pcm)) + pcm.tobytes())


@asynccontextmanager
async def leg_context(
    folder: Path,
    *,
    engines: SpeechEngines | None = None,
    hangup_after_s: float = 15.0,
    on_note: Callable[[str], None] = lambda _note: None,
) -> AsyncIterator[LegContext]:
    """What legs need of a run, with a real io process."""
    clock = Clock(asyncio.get_running_loop())
    files = FileProcess(clock)
    await files.start()
    try:
        yield LegContext(
            clock=clock,
            files=files,
            engines=engines or ToneEngines(),
            base_dir=folder,
            hangup_after_s=hangup_after_s,
            language="en-US",
            on_note=on_note,
        )
    finally:
        await files.close()
