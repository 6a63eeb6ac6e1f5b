"""What the engine and its speech processes say to each other: msgpack in frames, as in `turn.messages`.

Each `Detect` gets one `Probabilities`, each `Recognize` one `Recognized`, each `Synthesize` any number of `Sound`s
and one `Spoken`; `Failed` may take the place of the last of them. A job that was cancelled gets nothing more, or what
was under way already.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TypeAlias

import msgspec

from voxruntime.turn.framing import decode_body

SYNTHESIS_RATE = 24000
"""Hz of synthesized sound: the rate realtime sessions speak at, and one that ports know."""

MAX_MESSAGE_BYTES = 16 * 2**20
"""Longest message: the longest is a turn of two minutes at 48 kHz."""


class Role(StrEnum):
    """What a speech process is for. Recognition keeps the interpreter's lock for 0.1 s, so it has its own."""

    VOICE = "voice"
    RECOGNITION = "recognition"


class Message(msgspec.Struct, array_like=True, frozen=True):
    """Base of all messages."""


class Detect(Message, frozen=True, tag="detect"):
    """Asks for the speech probabilities of a stream's next samples; the first of a number opens the stream."""

    job: int
    stream: int
    pcm: bytes
    rate: int


class CloseStream(Message, frozen=True, tag="close_stream"):
    """Ends a stream."""

    stream: int


class Endpoint(Message, frozen=True):
    """An OpenAI-compatible transcription endpoint.

    Attributes:
        url: `http://` or `https://`.
        model: What it calls the model.
        key: Sent as a bearer token; empty for none.
    """

    url: str
    model: str
    key: str


class Recognize(Message, frozen=True, tag="recognize"):
    """Asks what was said: of the endpoint, or of the phrases' own recogniser where there is none."""

    job: int
    pcm: bytes
    rate: int
    phrases: list[str]
    language: str
    endpoint: Endpoint | None = None


class Synthesize(Message, frozen=True, tag="synthesize"):
    """Asks for speech."""

    job: int
    text: str
    language: str
    voice: str
    speed: float


class Cancel(Message, frozen=True, tag="cancel"):
    """The answer to a job is not needed any more."""

    job: int


Job: TypeAlias = Detect | Recognize | Synthesize
Request: TypeAlias = Job | CloseStream | Cancel


class Ready(Message, frozen=True, tag="ready"):
    """The process is up, its engines loaded."""


class Probabilities(Message, frozen=True, tag="probabilities"):
    """The answer to `Detect`, one for each window that is complete."""

    job: int
    values: list[float]


class Recognized(Message, frozen=True, tag="recognized"):
    """The answer to `Recognize`."""

    job: int
    text: str
    confidence: float
    is_match: bool


class Sound(Message, frozen=True, tag="sound"):
    """A piece of speech at SYNTHESIS_RATE."""

    job: int
    pcm: bytes


class Spoken(Message, frozen=True, tag="spoken"):
    """All of a `Synthesize` has been sent."""

    job: int


class Failed(Message, frozen=True, tag="failed"):
    """A job ended without a result; `reason` continues the sentence "speech is unavailable"."""

    job: int
    reason: str


JobReply: TypeAlias = Probabilities | Recognized | Sound | Spoken | Failed
Reply: TypeAlias = Ready | JobReply

encode = msgspec.msgpack.Encoder().encode
_request: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_reply: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


decode_request = partial(decode_body, _request)
"""Returns what the engine sent; raises msgspec.DecodeError for anything else."""
decode_reply = partial(decode_body, _reply)
"""Returns what a speech process sent; raises msgspec.DecodeError for anything else."""
