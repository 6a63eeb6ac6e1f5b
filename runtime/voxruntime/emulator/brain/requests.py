"""Work that the brain asks its shell to do, since it takes time or other processes."""

from __future__ import annotations

import msgspec

from voxruntime.audio.pcm import PCM16


class DetectVoice(msgspec.Struct, frozen=True):
    """Answer with `Brain.voice_detected` or `Brain.voice_detection_failed`, in the order of the requests."""

    pcm: PCM16
    rate: int


class Recognize(msgspec.Struct, frozen=True):
    """Answer with `Brain.recognized` or `Brain.recognition_failed`.

    Attributes:
        id: Names the request in the answer.
        pcm: The utterance, int16 of shape (samples,).
        rate: Hz.
        phrases: What the dialogue expects now.
        language: BCP-47 tag.
    """

    id: int
    pcm: PCM16
    rate: int
    phrases: tuple[str, ...]
    language: str


class Synthesize(msgspec.Struct, frozen=True):
    """Answer with `Brain.synthesized` for each chunk, then `Brain.synthesis_ended` or `synthesis_failed`.

    Attributes:
        id: Names the request in the answers.
        text: What to say.
        language: BCP-47 tag.
        voice: Name of a voice; empty lets the engine choose.
        speed: 1.0 is the voice's own speed.
    """

    id: int
    text: str
    language: str
    voice: str
    speed: float


class Abandon(msgspec.Struct, frozen=True):
    """The answer to a request is not needed any more."""

    id: int


Request = DetectVoice | Recognize | Synthesize | Abandon


class Requests:
    """Collects requests in their order, and numbers those that have answers."""

    def __init__(self) -> None:
        self._waiting: list[Request] = []
        self._numbered = 0

    def next_id(self) -> int:
        """Returns a number that no request had before."""
        self._numbered += 1
        return self._numbered

    def add(self, request: Request) -> None:
        """Adds a request."""
        self._waiting.append(request)

    def drain(self) -> list[Request]:
        """Hands over the requests and forgets them."""
        waiting, self._waiting = self._waiting, []
        return waiting
