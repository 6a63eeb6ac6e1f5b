"""The lines of an event log: the schema that `EVENTLOG.md` describes.

Version 1 only ever gains kinds of lines, and keys with a default. What a reader does not know, it passes over.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from voxruntime.turn.inheritance import Inherited
from voxruntime.turn.messages import AnyCommand, Fault, Plain, SourceFile

SCHEMA = 1

"""Version of the schema."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Base of all lines; `t_ms` is in milliseconds since the session's start."""

    t_ms: float


class HeaderLine(Line, frozen=True, kw_only=True, tag="header"):
    """The first line. `options` is what the operator asked for; `versions` names what ran."""

    schema: int
    session: str
    versions: dict[str, str]
    options: dict[str, Plain] = {}
    record_media: bool = False


class LoadLine(Line, frozen=True, kw_only=True, tag="load"):
    """`turn.messages.Load`: one generation's source, seeds and limits. A later one is a reload."""

    generation: int
    entries: list[SourceFile]
    modules: dict[str, SourceFile]
    seed_random: int
    seed_ids: int
    now: float
    wall: int
    custom_data: str = ""
    secrets: dict[str, str] = {}
    limits: dict[str, float] = {}
    reloaded: bool = False
    inherited: Inherited = Inherited()


class TurnLine(Line, frozen=True, kw_only=True, tag="turn"):
    """`turn.messages.Turn`; `elided` when its content stayed out for privacy."""

    generation: int
    n: int
    now: float
    wall: int
    target: int
    name: str
    payload: dict[str, Plain] = {}
    text: str | None = None
    elided: bool = False


class ReplyLine(Line, frozen=True, kw_only=True, tag="reply"):
    """`turn.messages.Reply`; `n` is the turn it answers, 0 for the load."""

    generation: int
    n: int
    commands: list[AnyCommand]
    loaded: bool
    exact: bool = True
    fault: Fault | None = None
    elided: bool = False


class Audio(msgspec.Struct, frozen=True):
    """What is noted of audio that is not kept: its length in bytes, its level in dB of full scale."""

    bytes: int
    dbfs: float


class WireLine(Line, frozen=True, kw_only=True, tag="wire"):
    """One message of a provider's socket: `>` sent, `<` received, `!` a remark on the last one."""

    client: str
    direction: str
    text: str | None = None
    audio: Audio | None = None
    elided: bool = False


class LogTextLine(Line, frozen=True, kw_only=True, tag="log"):
    """A log line; `place` is `file:line` of the scenario, or `voxrt`."""

    level: str
    text: str
    place: str = ""


class CallLine(Line, frozen=True, kw_only=True, tag="call"):
    """A call began, connected or ended."""

    id: str
    direction: str
    caller: str = msgspec.field(name="from")
    callee: str = msgspec.field(name="to")
    state: str
    connected_ms: float | None = None
    duration_ms: float = 0.0
    code: int = 0
    reason: str = ""


class RealtimeLine(Line, frozen=True, kw_only=True, tag="realtime"):
    """A realtime client opened, closed, or was refused with `code`."""

    id: str
    provider: str
    is_open: bool
    code: str = ""


class KillLine(Line, frozen=True, kw_only=True, tag="kill"):
    """The scenario process was killed; the commands of turn `n` are dropped."""

    generation: int
    n: int
    code: str
    during: str


class EndLine(Line, frozen=True, kw_only=True, tag="end"):
    """The last line of a log that is complete."""

    result: str
    code: str = ""
    message: str = ""


AnyLine: TypeAlias = (
    HeaderLine
    | LoadLine
    | TurnLine
    | ReplyLine
    | WireLine
    | LogTextLine
    | CallLine
    | RealtimeLine
    | KillLine
    | EndLine
)
