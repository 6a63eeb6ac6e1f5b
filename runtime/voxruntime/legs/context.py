"""What legs need of the run that opens them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from voxruntime.audio.pcm import PCM16
from voxruntime.clock import Clock
from voxruntime.speech.interface import SpeechEngines


class LoadedAudio(Protocol):
    """Sound from a file."""

    @property
    def rate(self) -> int:
        """Hz."""

    @property
    def pcm(self) -> PCM16:
        """int16 of shape (samples,)."""


class Files(Protocol):
    """What legs ask of the io process; `files.client.FileProcess` does it."""

    async def load_audio(self, path: Path, *, rate: int | None = None) -> LoadedAudio:
        """Reads a PCM WAV file as mono, at its own rate or the next that ports know, or at `rate` Hz.

        Raises:
            ConfigError: The file cannot be used; the message says why.
        """

    async def convert(self, pcm: PCM16, in_rate: int, out_rate: int) -> PCM16:
        """Returns sound at another rate."""

    async def read_text(self, path: Path) -> str:
        """Reads a UTF-8 file.

        Raises:
            ConfigError: The file cannot be read.
        """


class MicOptions(msgspec.Struct, frozen=True):
    """How the microphone leg of a run is set up.

    Attributes:
        input_device: Index of the microphone, or a part of its name; empty for the system's default.
        output_device: The same of the loudspeaker.
        headphones: Whether the agent cannot be heard by the microphone, so that it stays open all the time.
    """

    input_device: str = ""
    output_device: str = ""
    headphones: bool = False


class LegContext(msgspec.Struct, frozen=True):
    """What the legs of one run share.

    Attributes:
        clock: Time until a call is answered; after that legs count frames.
        files: Where their files come from.
        engines: Speech for scripts that say something; None where there is none.
        base_dir: Folder that relative paths in a leg's spec start from.
        hangup_after_s: Seconds of silence after which a leg that has nothing more to say hangs up.
        language: BCP-47 tag of scripts that name none.
        on_note: Told what a script does, a line for each step, with its file and line.
        mic: The sound devices.
    """

    clock: Clock
    files: Files
    engines: SpeechEngines | None
    base_dir: Path
    hangup_after_s: float
    language: str
    on_note: Callable[[str], None]
    mic: MicOptions = MicOptions()
