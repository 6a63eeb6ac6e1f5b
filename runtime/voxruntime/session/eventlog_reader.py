"""Reads an event log: what to feed to a fresh scenario process, and what the recorded one answered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, get_args

import msgspec

from voxruntime.errors import ConfigError
from voxruntime.log import STAND_IN, SecretMask
from voxruntime.session.eventlog import as_logged
from voxruntime.session.eventlog_schema import (
    SCHEMA,
    AnyLine,
    EndLine,
    HeaderLine,
    KillLine,
    LoadLine,
    ReplyLine,
    TurnLine,
    WireLine,
)
from voxruntime.turn import messages
from voxruntime.turn.messages import Load, Reply, Turn

S = TypeVar("S", bound=msgspec.Struct)


class Exchange(msgspec.Struct):
    """One message to the scenario process and its reply.

    Attributes:
        message: What the engine sent; secrets are `secret:NAME`.
        line: Line of the message in the file.
        reply: What came back, in the same form; None when the process was killed or the log ends here.
        was_killed: Whether the process was killed over it.
    """

    message: Load | Turn
    line: int
    reply: Reply | None = None
    was_killed: bool = False

    @property
    def is_open(self) -> bool:
        """Whether its reply is still to come."""
        return self.reply is None and not self.was_killed


class Generation(msgspec.Struct):
    """The life of one generation of code: its load, then its turns."""

    exchanges: list[Exchange]

    @property
    def load(self) -> Load:
        """What started it."""
        first = self.exchanges[0].message
        assert isinstance(first, Load)
        return first

    def canonical(self, reply: Reply) -> bytes:
        """Returns a replayed reply's bytes in the form that `encode` gives for the recorded one.

        A replay is exact when both are equal: `canonical(fresh) == turn.messages.encode(exchange.reply)`.
        """
        # Values that were no secret (the embedded server's) are in the log as they are.
        stand_ins = {
            value.removeprefix(STAND_IN): value
            for value in self.load.secrets.values()
            if value.startswith(STAND_IN)
        }
        return messages.encode(as_logged(reply, SecretMask(stand_ins), set()))


class RecordedLog(msgspec.Struct):
    """A whole log.

    Attributes:
        header: The first line.
        lines: All lines whose kind this version knows, in order.
        generations: Loads and turns with their replies, by number of the generation.
        obstacles: Why a replay cannot be expected to be exact; empty when it must be.
    """

    header: HeaderLine
    lines: list[AnyLine]
    generations: dict[int, Generation] = msgspec.field(default_factory=dict)
    obstacles: list[str] = msgspec.field(default_factory=list)

    @property
    def end(self) -> EndLine | None:
        """The last line; None when the recording was cut off."""
        last = self.lines[-1]
        return last if isinstance(last, EndLine) else None

    @property
    def wire(self) -> Sequence[WireLine]:
        """The messages of the providers' sockets."""
        return [line for line in self.lines if isinstance(line, WireLine)]


class _Kind(msgspec.Struct):
    kind: str


class _Schema(msgspec.Struct):
    schema: int


_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_schema = msgspec.json.Decoder(_Schema).decode
_decode_line = msgspec.json.Decoder(AnyLine).decode
_KINDS = {kind.__struct_config__.tag for kind in get_args(AnyLine)}


def read(path: Path) -> RecordedLog:
    """Reads the log of a session. A last line that was cut off is left out.

    Raises:
        ConfigError: The file cannot be read, is no event log, or is of a newer schema; names the line.
    """
    try:
        octets = path.read_bytes()
    except OSError as error:
        problem = f"Cannot read this event log: {error.strerror}."
        raise ConfigError("eventlog.unreadable", problem, file=str(path)) from error
    reader = _Reader(str(path))
    *whole, rest = octets.split(b"\n")
    for number, line in enumerate(whole, start=1):
        reader.take(number, line)
    return reader.finish(was_cut=bool(rest))


class _Reader:
    """Takes line after line, then `finish`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._log: RecordedLog | None = None

    def take(self, number: int, octets: bytes) -> None:
        try:
            if self._log is None:
                self._log = self._begin(number, octets)
            elif _decode_kind(octets).kind in _KINDS:
                line: AnyLine = _decode_line(octets)
                self._log.lines.append(line)
                self._place(number, line, self._log)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._error(number, f"This is no line of an event log: {error}.") from error

    def finish(self, *, was_cut: bool) -> RecordedLog:
        if self._log is None:
            raise self._error(1, "This event log has no whole line.")
        if was_cut or self._log.end is None:
            self._log.obstacles.append("the log ends before its session does")
        return self._log

    def _begin(self, number: int, octets: bytes) -> RecordedLog:
        schema = _decode_schema(octets).schema
        if schema > SCHEMA:
            problem = (
                f"Schema {schema} is newer than {SCHEMA}, the newest that this voxrt reads: update voxrt."
            )
            raise ConfigError("eventlog.schema", problem, file=self._path, line=number)
        header: AnyLine = _decode_line(octets)
        if not isinstance(header, HeaderLine):
            raise self._error(number, "The first line of an event log is its header.")
        return RecordedLog(header, [header])

    def _place(self, number: int, line: AnyLine, log: RecordedLog) -> None:
        match line:
            case LoadLine():
                if line.generation in log.generations:
                    raise self._error(number, f"A second load of generation {line.generation}.")
                load = _message_of(line, Load)
                log.generations[line.generation] = Generation([Exchange(load, number)])
            case TurnLine():
                exchanges = self._generation(number, line.generation, log).exchanges
                if line.n != len(exchanges) or exchanges[-1].is_open:
                    raise self._error(number, f"Turn {line.n} is out of order.")
                exchanges.append(Exchange(_message_of(line, Turn), number))
            case ReplyLine():
                exchanges = self._generation(number, line.generation, log).exchanges
                if line.n != len(exchanges) - 1 or not exchanges[-1].is_open:
                    raise self._error(number, f"Reply {line.n} is out of order.")
                exchanges[-1].reply = _message_of(line, Reply)
            case KillLine():
                self._generation(number, line.generation, log).exchanges[-1].was_killed = True
        self._note_obstacles(number, line, log)

    def _note_obstacles(self, number: int, line: AnyLine, log: RecordedLog) -> None:
        if isinstance(line, (TurnLine, ReplyLine)) and line.elided:
            log.obstacles.append(f"line {number}: the content of a private socket was left out")
        if isinstance(line, ReplyLine) and not line.exact:
            log.obstacles.append(f"line {number}: the code did what may come out differently each time")

    def _generation(self, number: int, generation: int, log: RecordedLog) -> Generation:
        if generation not in log.generations:
            raise self._error(number, f"Generation {generation} was never loaded.")
        return log.generations[generation]

    def _error(self, number: int, problem: str) -> ConfigError:
        return ConfigError("eventlog.invalid", problem, file=self._path, line=number)


def _message_of(line: msgspec.Struct, kind: type[S]) -> S:
    return kind(**{name: getattr(line, name) for name in kind.__struct_fields__})
