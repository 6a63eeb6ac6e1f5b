"""What the engine and its io process say to each other: msgpack in frames, as in `turn.messages`.

Each job gets exactly one of `JobFailed`, `TextRead`, `Resolved`, or one `AudioHead` with as many
`AudioBlock`s as its samples need. A file that is being written gets one `FileOpened`, then one `FileClosed`;
`FileFailed` may take the place of either. Paths travel as the bytes of the file system, which need not be
text.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TypeAlias

import msgspec

from voxruntime.turn.framing import decode_body


class Side(StrEnum):
    """Whose fault a failed job is."""

    OPERATOR = "operator"
    REMOTE = "remote"
    VOXRT = "voxrt"


class Message(msgspec.Struct, array_like=True, frozen=True):
    """Base of all messages."""


class LoadAudio(Message, frozen=True, tag="load_audio"):
    """Reads a sound file.

    Attributes:
        rate: Hz that is wanted; 0 for the file's own, or the next rate above it that a port may declare.
        max_seconds: Longer files are refused.
        max_bytes: Larger files are refused, before they are read.
    """

    job: int
    path: bytes
    rate: int
    max_seconds: float
    max_bytes: int


class ConvertAudio(Message, frozen=True, tag="convert_audio"):
    """Brings 16-bit little-endian mono samples from one rate to another."""

    job: int
    pcm: bytes
    in_rate: int
    out_rate: int


class ReadText(Message, frozen=True, tag="read_text"):
    """Reads a UTF-8 file of at most `limit` bytes."""

    job: int
    path: bytes
    limit: int


class Resolve(Message, frozen=True, tag="resolve"):
    """Looks a host name up."""

    job: int
    host: str
    port: int


class MakeFolder(Message, frozen=True, tag="make_folder"):
    """Makes a folder and those above it; what goes wrong shows when a file is begun in it."""

    path: bytes


class OpenRecording(Message, frozen=True, tag="open_recording"):
    """Begins a WAV file of 16-bit samples."""

    file: int
    path: bytes
    rate: int
    channels: int


class OpenLines(Message, frozen=True, tag="open_lines"):
    """Begins a file of text lines."""

    file: int
    path: bytes


class Append(Message, frozen=True, tag="append"):
    """Adds bytes to a file that is being written."""

    file: int
    chunk: bytes


class CloseFile(Message, frozen=True, tag="close_file"):
    """Finishes a file that is being written."""

    file: int


Job: TypeAlias = LoadAudio | ConvertAudio | ReadText | Resolve
FileRequest: TypeAlias = OpenRecording | OpenLines | Append | CloseFile
Request: TypeAlias = Job | MakeFolder | FileRequest


class Ready(Message, frozen=True, tag="ready"):
    """The process has started and takes requests."""


class JobFailed(Message, frozen=True, tag="job_failed"):
    """A job came to nothing; `file` and `line` say where, when a file is at fault."""

    job: int
    side: Side
    code: str
    message: str
    file: str = ""
    line: int = 0
    retryable: bool = False


class AudioHead(Message, frozen=True, tag="audio_head"):
    """A sound file was read: `samples` at `rate` Hz follow."""

    job: int
    rate: int
    samples: int


class AudioBlock(Message, frozen=True, tag="audio_block"):
    """The next samples of a sound file, 16-bit little-endian mono."""

    job: int
    pcm: bytes


class TextRead(Message, frozen=True, tag="text_read"):
    job: int
    text: str


class Resolved(Message, frozen=True, tag="resolved"):
    """Addresses of a host: address family and numeric address, best first."""

    job: int
    addresses: list[tuple[int, str]]


class FileOpened(Message, frozen=True, tag="file_opened"):
    file: int


class FileFailed(Message, frozen=True, tag="file_failed"):
    """A file could not be begun or continued.

    Attributes:
        kind: As in `WriteError`.
        problem: One sentence for the person who must act.
        written_bytes: How much of what was appended is in the file and stays valid.
    """

    file: int
    kind: str
    problem: str
    written_bytes: int


class FileClosed(Message, frozen=True, tag="file_closed"):
    """A file is complete, with `written_bytes` of what was appended."""

    file: int
    written_bytes: int


JobReply: TypeAlias = JobFailed | AudioHead | AudioBlock | TextRead | Resolved
FileReply: TypeAlias = FileOpened | FileFailed | FileClosed
Reply: TypeAlias = Ready | JobReply | FileReply

encode = msgspec.msgpack.Encoder().encode
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
decode_request = partial(decode_body, _requests)
"""Returns what the engine asks; raises msgspec.DecodeError for anything else."""
decode_reply = partial(decode_body, _replies)
"""Returns what the io process answers; raises msgspec.DecodeError for anything else."""
