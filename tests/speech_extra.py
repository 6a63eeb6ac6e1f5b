"""What tests of real speech share: the extra must be there, and recorded people speak."""

from __future__ import annotations

import os
import wave
from typing import NoReturn

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.config import shipped
from voxruntime.speech.availability import INSTALL, missing_parts


@pytest.fixture
def speech_extra() -> None:
    """`need_speech`, for `usefixtures`."""
    need_speech()


def need_speech() -> None:
    """Skips a test where the extra is missing; fails it instead in CI, where it must run."""
    missing = [part.name for part in missing_parts()]
    if missing:
        skip_outside_ci(f"{', '.join(missing)} not installed: {INSTALL}")


def skip_outside_ci(reason: str) -> NoReturn:
    """Skips a test and says why; CI skips nothing."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def clip(name: str) -> tuple[PCM16, int]:
    """Returns a recording of a person and its rate."""
    with wave.open(str(shipped("scenarios") / "audio" / f"{name}.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2"), file.getframerate()


def silence(seconds: float, rate: int) -> PCM16:
    return np.zeros(int(seconds * rate), dtype=np.int16)
