"""Fixtures of the tests with independent clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.realtime.peers.environment import NoEnvironment, python_of
from conformance.realtime.peers.stand import RATE, Clients, in_tones, write
from speech_extra import clip, skip_outside_ci
from voxruntime.audio.resample import convert

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
    return in_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of raw PCM16 with recorded people, by what they say."""
    folder = tmp_path_factory.mktemp("people")
    return {
        name.removeprefix("en-").replace("-", " "): write(folder / f"{name}.pcm", convert(*clip(name), RATE))
        for name in CLIPS
    }
