"""Stands in for the module `sounddevice`, and for the devices behind it: a test moves their sound block by block."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.legs.mic import streams

BLOCK = 960
STARTING_BLOCKS = 5
"""What a device moves as soon as it starts; the leg takes it for running after that."""


class PortAudioError(Exception):
    """The error type of the module."""


class FakeStream:
    """One open device. It calls back when the test says so."""

    latency = 0.04

    def __init__(self, portaudio: FakePortAudio, **settings: object) -> None:
        if settings["device"] in portaudio.busy:
            raise PortAudioError("Device unavailable [PaErrorCode -9985]")
        self.settings = settings
        self.is_closed = False
        self._portaudio = portaudio

    def start(self) -> None:
        if self.settings["device"] in self._portaudio.dead:
            self.vanish()
        elif self.settings["device"] not in self._portaudio.asleep:
            for _ in range(STARTING_BLOCKS):
                self.move()

    def move(self, sound: PCM16 | None = None, status: object = None) -> PCM16:
        """One callback: brings `sound`, or fetches what is to be played; returns the block of one channel."""
        block = np.zeros((BLOCK, self.settings["channels"]), dtype=np.int16)
        if sound is not None:
            block[:] = sound[:, None]
        self._callback("callback")(block, len(block), None, status)
        assert (block == block[:, :1]).all(), "every channel is the same"
        return block[:, 0]

    def vanish(self) -> None:
        """The device is gone."""
        self._callback("finished_callback")()

    def close(self, ignore_errors: bool = True) -> None:
        self.is_closed = True
        self.vanish()

    def _callback(self, name: str) -> Callable[..., None]:
        callback = self.settings[name]
        assert callable(callback)
        return callback


class FakePortAudio:
    """The module: one microphone, one loudspeaker, one device that is both, unless a test changes them."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.listed: list[tuple[str, int, int]] = [
            ("Desk Mic", 1, 0),
            ("Speakers", 0, 2),
            ("USB Headset", 1, 2),
        ]
        self.default = SimpleNamespace(device=[0, 1])
        self.busy: set[int] = set()
        self.asleep: set[int] = set()
        self.dead: set[int] = set()
        self.rates = (16000, 48000)
        self.opened: list[FakeStream] = []
        self.priorities: list[int] = []

    def query_devices(self) -> list[dict[str, object]]:
        return [
            {"name": name, "hostapi": 0, "max_input_channels": inputs, "max_output_channels": outputs}
            for name, inputs, outputs in self.listed
        ]

    def query_hostapis(self) -> list[dict[str, object]]:
        return [{"name": "Fake"}]

    def check_input_settings(self, device: int, *, samplerate: int, **_settings: object) -> None:
        if device in self.busy or samplerate not in self.rates:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    check_output_settings = check_input_settings

    def InputStream(self, **settings: object) -> FakeStream:  # noqa: N802  # the module's name
        self.opened.append(FakeStream(self, **settings))
        return self.opened[-1]

    OutputStream = InputStream


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    """Takes the place of `sounddevice`. Its callbacks come in the test's own thread, which keeps its scheduling."""
    fake = FakePortAudio()
    monkeypatch.setattr(streams, "request_thread_fifo", fake.priorities.append)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)  # type: ignore[arg-type]
    return fake
