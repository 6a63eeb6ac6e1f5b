"""Work that the brain asks its shell to do, since it takes time or other processes."""

from __future__ import annotations

import msgspec

from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.mcp.messages import Endpoint


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


class ListTools(msgspec.Struct, frozen=True):
    """Answer with `Brain.tools_listed` or `Brain.tool_listing_failed`.

    Attributes:
        id: Names the request in the answer.
        server_label: What the client calls the MCP server.
        endpoint: Where it is.
    """

    id: int
    server_label: str
    endpoint: Endpoint


class CallTool(msgspec.Struct, frozen=True):
    """Answer with `Brain.tool_returned` or `Brain.tool_failed`.

    Attributes:
        id: Names the request in the answer.
        endpoint: The MCP server.
        name: Its tool.
        arguments: JSON text of an object.
    """

    id: int
    endpoint: Endpoint
    name: str
    arguments: str


class Abandon(msgspec.Struct, frozen=True):
    """The answer to a request is not needed any more."""

    id: int


Request = DetectVoice | Recognize | Synthesize | ListTools | CallTool | Abandon


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
