"""What the engine and its watch process say to each other: msgpack in frames, as in `turn.framing`."""

from __future__ import annotations

import msgspec

from voxruntime.config import Limits
from voxruntime.turn.messages import SourceFile


class Watch(msgspec.Struct, array_like=True, frozen=True):
    """The first and only request: what to watch.

    Attributes:
        scenarios: Files, or names of bundled scenarios, in order.
        others: Further files; they need not exist.
        limits: Limits of the session.
    """

    scenarios: list[str]
    others: list[str]
    limits: Limits


class Saved(msgspec.Struct, array_like=True, frozen=True):
    """Something was saved, and stands still.

    Attributes:
        changed: Paths whose content is new.
        noticed_at: When the first change was seen, in real monotonic seconds.
        entries: Scenario files, in order; empty when they cannot be read.
        modules: Files that `require` may find.
        problem: Why they cannot be read: code, message, file, line.
    """

    changed: list[str]
    noticed_at: float
    entries: list[SourceFile] = []
    modules: dict[str, SourceFile] = {}
    problem: tuple[str, str, str, int] | None = None


encode = msgspec.msgpack.Encoder().encode
decode_watch = msgspec.msgpack.Decoder(Watch).decode
decode_saved = msgspec.msgpack.Decoder(Saved).decode
