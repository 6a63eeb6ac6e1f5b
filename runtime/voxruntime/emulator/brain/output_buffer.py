"""The output audio buffer of WebRTC and SIP sessions, for those who want its events over a WebSocket, too.

There is no buffer: a client that plays what it gets at once is assumed. `started` precedes the first audio of a
response, `stopped` follows when its last audio has been played, `cleared` when the caller or the client cuts it off.
"""

from __future__ import annotations

import msgspec

from voxruntime.emulator.brain.wire import Outbox


class _Playing(msgspec.Struct):
    """A response that is audible; `until` is None while more of it may come."""

    response_id: str
    until: float | None = None


class OutputBuffer:
    """Tells what is being played.

    Args:
        outbox: Takes the events.
        is_told: Whether there are any.
    """

    def __init__(self, outbox: Outbox, *, is_told: bool) -> None:
        self.is_told = is_told
        self._outbox = outbox
        self._playing: list[_Playing] = []

    @property
    def is_playing(self) -> bool:
        """Whether something is audible."""
        return bool(self._playing)

    def start(self, response_id: str) -> None:
        """The first audio of a response is about to be sent."""
        if self.is_told:
            self._playing.append(_Playing(response_id))
            self._outbox.emit("output_audio_buffer.started", response_id=response_id)

    def end(self, response_id: str, plays_until: float) -> None:
        """All audio of a response was sent."""
        for playing in self._playing:
            if playing.response_id == response_id:
                playing.until = plays_until

    def clear(self) -> None:
        """What is audible stops here."""
        for playing in self._playing:
            self._outbox.emit("output_audio_buffer.cleared", response_id=playing.response_id)
        self._playing.clear()

    def next_deadline(self) -> float | None:
        """Returns when something has been played to its end."""
        return min((playing.until for playing in self._playing if playing.until is not None), default=None)

    def tick(self, now: float) -> None:
        """Tells what has been played."""
        over = [playing for playing in self._playing if playing.until is not None and playing.until <= now]
        for playing in over:
            self._playing.remove(playing)
            self._outbox.emit("output_audio_buffer.stopped", response_id=playing.response_id)
