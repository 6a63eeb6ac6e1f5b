"""The way of the callers' audio to the providers: what one tick brings for all sessions is made into bytes in one go.

Base64, JSON and WebSocket framing of a single frame cost more calls than bytes; over the frames of a tick together they
cost a few array operations, and each session only the write to its socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from voxruntime.audio.pcm import PCM16
from voxruntime.providers.text_frames import text_frames
from voxruntime.realtime.wire_text import append_messages

MOST_TOGETHER = 50
"""Frames that are made into bytes at once: more would cost no less each, and keep the first ones waiting."""


class Sender(Protocol):
    """A client with audio for its provider."""

    def send_framed(self, octets: bytes, size: int, frame: PCM16) -> None:
        """Sends an append, or does with its audio what has to be done instead.

        Args:
            octets: The append in a WebSocket frame.
            size: Bytes of the append's text.
            frame: Its audio.
        """


class Uplink:
    """Sends the audio of all clients of an engine, a tick's worth at a time.

    A frame that is put here leaves before the loop next waits, and no time passes until then. What a client sends
    otherwise must not overtake it: `settle` comes first.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Sender, PCM16]] = []

    def put(self, sender: Sender, frame: PCM16) -> None:
        """Takes an append's worth of audio, int16 of shape (samples,), to be changed by no one."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((sender, frame))
        if len(self._waiting) == MOST_TOGETHER:
            self.flush()

    def settle(self, sender: Sender) -> None:
        """Lets what a client has put here leave now."""
        if any(waiting is sender for waiting, _ in self._waiting):
            self.flush()

    def flush(self) -> None:
        """Lets everything leave, in the order in which it was put here."""
        waiting, self._waiting = self._waiting, []
        frames = [frame for _, frame in waiting]
        lengths = set(map(len, frames))
        if len(lengths) == 1:
            # The ordinary case.
            framed, size = _framed(frames)
            for (sender, frame), octets in zip(waiting, framed, strict=True):
                sender.send_framed(octets, size, frame)
            return
        groups = {length: _framed([frame for frame in frames if len(frame) == length]) for length in lengths}
        for sender, frame in waiting:
            framed, size = groups[len(frame)]
            sender.send_framed(next(framed), size, frame)


def _framed(frames: list[PCM16]) -> tuple[Iterator[bytes], int]:
    """Returns the appends of some audio frames of one length in WebSocket frames, and the bytes of each text."""
    texts = append_messages(np.concatenate(frames).reshape(len(frames), -1))
    return iter(text_frames(texts)), texts.shape[1]
