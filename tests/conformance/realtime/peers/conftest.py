"""Fixtures of the tests with independent clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conformance.realtime.peers.environment import NoEnvironment, python_of
from conformance.realtime.peers.stand import Clients
from speech_extra import clip, skip_outside_ci
from voxruntime.audio.resample import convert
from voxruntime.audio.tonewords import encode

RATE = 24000
"""The one rate that the official types know."""

PHRASES = ("hello", "one moment please", "call forwarding", "do not disturb", "goodbye", "mumble")
CLIPS = ("en-hello", "en-one-moment-please", "en-call-forwarding", "en-do-not-disturb", "en-goodbye")


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    """The independent clients; skips where their environment cannot be made, fails in CI."""
    try:
        python = python_of()
    except NoEnvironment as reason:
        skip_outside_ci(f"No environment for the independent clients: {reason}")
    running = Clients(python)
    yield running
    running.close()


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of raw PCM16 in which tones carry words, by those words."""
    folder = tmp_path_factory.mktemp("tones")
    return {words: write(folder / f"{words}.pcm", encode(words, RATE)) for words in PHRASES}


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of raw PCM16 with recorded people, by what they say."""
    folder = tmp_path_factory.mktemp("people")
    return {
        name.removeprefix("en-").replace("-", " "): write(folder / f"{name}.pcm", convert(*clip(name), RATE))
        for name in CLIPS
    }


def write(path: Path, pcm: np.ndarray) -> str:
    path.write_bytes(pcm.astype("<i2").tobytes())
    return str(path)
