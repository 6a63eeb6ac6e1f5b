"""The way of the callers' audio to the providers: what one tick brings for all sessions is made into bytes in one go.

Base64, JSON and WebSocket framing of a single frame cost more calls than bytes; over the frames of a tick together they
cost a few array operations, and each session only the write to its socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from voxruntime.audio.levels import rms_of_each
from voxruntime.audio.pcm import PCM16
from voxruntime.providers.text_frames import TextFrames
from voxruntime.realtime.wire_text import append_message, fill_appends

MOST_TOGETHER = 50
"""Frames that are made into bytes at once: more would cost no less each, and keep the first ones waiting."""


class Sender(Protocol):
    """A client with audio for its provider."""

    def send_framed(self, octets: bytes, size: int, frame: PCM16, level: float) -> None:
        """Sends an append, or does with its audio what has to be done instead.

        Args:
            octets: The append in a WebSocket frame.
            size: Bytes of the append's text.
            frame: Its audio.
            level: How loud that is, RMS amplitude in int16 units.
        """


class Uplink:
    """Sends the audio of all clients of an engine, a tick's worth at a time.

    A frame that is put here leaves before the loop next waits, and no time passes until then. What a client sends
    otherwise must not overtake it: `settle` comes first.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Sender, PCM16]] = []
        self._appends: dict[int, _Appends] = {}

    def put(self, sender: Sender, frame: PCM16) -> None:
        """Takes an append's worth of audio, int16 of shape (samples,), to be changed by no one."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((sender, frame))
        if len(self._waiting) == MOST_TOGETHER:
            self.flush()

    def settle(self, sender: Sender) -> None:
        """Lets what a client has put here leave now."""
        if self._waiting and any(waiting is sender for waiting, _ in self._waiting):
            self.flush()

    def flush(self) -> None:
        """Lets everything leave, in the order in which it was put here."""
        waiting, self._waiting = self._waiting, []
        frames = [frame for _, frame in waiting]
        lengths = set(map(len, frames))
        if len(lengths) == 1:
            # The ordinary case.
            appends = self._appends_of(lengths.pop())
            for (sender, frame), (octets, level) in zip(waiting, appends.framed(frames), strict=True):
                sender.send_framed(octets, appends.size, frame, level)
            return
        groups = {
            length: self._appends_of(length).framed([frame for frame in frames if len(frame) == length])
            for length in lengths
        }
        for sender, frame in waiting:
            length = len(frame)
            octets, level = next(groups[length])
            sender.send_framed(octets, self._appends_of(length).size, frame, level)

    def _appends_of(self, samples: int) -> _Appends:
        """Returns what makes appends of so many samples; there are as many lengths as rates."""
        if samples not in self._appends:
            self._appends[samples] = _Appends(samples)
        return self._appends[samples]


class _Appends:
    """Makes appends of one length."""

    def __init__(self, samples: int) -> None:
        text = append_message(bytes(2 * samples)).encode()
        self.size = len(text)
        """Bytes of each text."""
        self._frames = TextFrames(text, MOST_TOGETHER)

    def framed(self, frames: list[PCM16]) -> Iterator[tuple[bytes, float]]:
        """Returns the append of each frame in a WebSocket frame, and the frame's level."""
        count = len(frames)
        stacked = np.concatenate(frames).reshape(count, -1)
        fill_appends(self._frames.texts[:count], stacked)
        return zip(self._frames.frames(count), rms_of_each(stacked), strict=True)
