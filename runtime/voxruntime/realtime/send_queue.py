"""What waits for the connection: every message, and at most a little audio."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec import Struct


class _Waiting(Struct, gc=False):
    text: str
    audio_ms: float


class SendQueue:
    """Texts in the order they are to be sent.

    Audio that waits too long is worth nothing, so past the bound the oldest is dropped and counted.
    Messages are never dropped: whoever owns the connection gives it up when `message_chars` grows too
    large.

    Args:
        longest_audio_ms: Audio that may wait.
    """

    def __init__(self, longest_audio_ms: float) -> None:
        self._longest_audio_ms = longest_audio_ms
        self._waiting: deque[_Waiting] = deque()
        self._audio_ms = 0.0
        self.message_chars = 0
        """Characters of the messages that wait."""
        self.dropped_audio_ms = 0.0
        """Audio dropped so far."""

    def put_message(self, text: str) -> None:
        """Appends a message."""
        self._waiting.append(_Waiting(text, 0.0))
        self.message_chars += len(text)

    def put_audio(self, text: str, audio_ms: float) -> None:
        """Appends a text that holds `audio_ms` of audio, more than 0."""
        self._waiting.append(_Waiting(text, audio_ms))
        self._audio_ms += audio_ms
        while self._audio_ms > self._longest_audio_ms:
            self._drop_oldest_audio()

    def take(self) -> Iterator[str]:
        """Hands over one text at a time."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if waiting.audio_ms:
                self._audio_ms -= waiting.audio_ms
            else:
                self.message_chars -= len(waiting.text)
            yield waiting.text
        self._audio_ms = 0.0  # sums of floats drift

    def _drop_oldest_audio(self) -> None:
        index = next(index for index, waiting in enumerate(self._waiting) if waiting.audio_ms)
        audio_ms = self._waiting[index].audio_ms
        del self._waiting[index]
        self._audio_ms -= audio_ms
        self.dropped_audio_ms += audio_ms
