"""Writes the event log of a session: everything it learned and did, as JSON lines. `EVENTLOG.md` describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

import msgspec

from voxruntime.audio import levels, pcm
from voxruntime.log import STAND_IN, SecretMask
from voxruntime.realtime.wire_text import split_audio
from voxruntime.session.eventlog_schema import (
    SCHEMA,
    Audio,
    CallLine,
    EndLine,
    HeaderLine,
    KillLine,
    Line,
    LoadLine,
    LogTextLine,
    RealtimeLine,
    ReplyLine,
    TurnLine,
    WireLine,
)
from voxruntime.session.observer import SessionObserver
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord
from voxruntime.turn.inheritance import Inherited, LiveObject
from voxruntime.turn.messages import (
    AnyCommand,
    ConnectRealtime,
    Load,
    Plain,
    Reply,
    SendRealtime,
    SourceFile,
    Turn,
)

HIDDEN_KEY = f"{STAND_IN}api_key"
"""Stands for the key of a realtime client that is written out in the scenario instead of being a secret."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def as_logged(reply: Reply, mask: SecretMask, private_clients: Set[int]) -> Reply:
    """Returns a reply as the log holds it: without secrets, keys, or what goes to a private socket.

    Two replies are equal when what this returns for them encodes to the same bytes.
    """
    commands = reply.commands
    if mask:
        commands = [_masked(command, mask) for command in commands]
    commands = [_redacted(command, private_clients) for command in commands]
    fault = reply.fault
    if fault is not None:
        fault = msgspec.structs.replace(
            fault,
            message=mask.mask(fault.message),
            traceback=mask.mask(fault.traceback),
            during=mask.mask(fault.during),
        )
    return msgspec.structs.replace(reply, commands=commands, fault=fault)


def _redacted(command: AnyCommand, private_clients: Set[int]) -> AnyCommand:
    if isinstance(command, SendRealtime) and command.client in private_clients:
        return msgspec.structs.replace(command, body="")
    if isinstance(command, ConnectRealtime) and not command.api_key.startswith(STAND_IN):
        return msgspec.structs.replace(command, api_key=HIDDEN_KEY)
    return command


def _masked(command: AnyCommand, mask: SecretMask) -> AnyCommand:
    tag, *arguments = msgspec.to_builtins(command)
    masked: AnyCommand = msgspec.convert([tag, *map(mask.mask_tree, arguments)], type(command))
    return masked


class EventLog(SessionObserver):
    """Writes the log of one session, line by line, as it happens.

    Args:
        sink: Takes each line, without its end; it must not block.
        mask: Secrets of the run; they appear as `secret:NAME`.
        session: Id of the session.
        versions: What runs it, by name.
        options: What the operator asked for.
        record_media: Whether the audio of wire messages is kept; else its length and level.
    """

    def __init__(
        self,
        sink: Callable[[str], None],
        mask: SecretMask,
        *,
        session: str,
        versions: Mapping[str, str],
        options: Mapping[str, Plain],
        record_media: bool = False,
    ) -> None:
        self._sink = sink
        self._mask = mask
        self._record_media = record_media
        self._generation = 0
        self._turn = 0
        self._private_clients: set[int] = set()
        self._write(
            HeaderLine(
                t_ms=0.0,
                schema=SCHEMA,
                session=session,
                versions=dict(versions),
                options={key: mask.mask_tree(value) for key, value in options.items()},
                record_media=record_media,
            )
        )

    def on_sent(self, now: float, message: Load | Turn) -> None:
        """Writes a `load` or `turn` line."""
        if isinstance(message, Load):
            self._generation, self._turn = message.generation, 0
            self._write(self._load_line(now, message))
        else:
            self._turn = message.n
            self._write(self._turn_line(now, message))

    def on_reply(self, now: float, reply: Reply, elapsed_ms: float) -> None:  # noqa: ARG002  # differs in each run
        """Writes a `reply` line."""
        for command in reply.commands:
            if isinstance(command, ConnectRealtime) and command.privacy:
                self._private_clients.add(command.client)
        logged = as_logged(reply, self._mask, self._private_clients)
        is_private = any(
            isinstance(command, SendRealtime) and command.client in self._private_clients
            for command in reply.commands
        )
        fields = msgspec.structs.asdict(logged)
        self._write(ReplyLine(t_ms=_ms(now), generation=self._generation, elided=is_private, **fields))

    @property
    def sees_audio(self) -> bool:
        """True: the log has every message."""
        return True

    def on_wire(self, now: float, client: RealtimeRecord, direction: str, text: str) -> None:
        """Writes a `wire` line, its audio as length and level."""
        audio = None
        if client.privacy:
            self._write(WireLine(t_ms=_ms(now), client=client.id, direction=direction, elided=True))
            return
        if not self._record_media and (parts := split_audio(text)) is not None:
            audio = Audio(len(parts.pcm), round(levels.dbfs(pcm.decode(parts.pcm)), 1))
            text = parts.before + parts.after
        text = self._mask.mask_json(text)
        self._write(WireLine(t_ms=_ms(now), client=client.id, direction=direction, text=text, audio=audio))

    def on_log(self, now: float, level: str, text: str, place: str) -> None:
        """Writes a `log` line."""
        self._write(LogTextLine(t_ms=_ms(now), level=level, text=self._mask.mask(text), place=place))

    def on_call(self, now: float, call: CallRecord) -> None:
        """Writes a `call` line."""
        self._write(
            CallLine(
                t_ms=_ms(now),
                id=call.id,
                direction=call.direction,
                caller=self._mask.mask(call.caller),
                callee=self._mask.mask(call.callee),
                state=call.state,
                connected_ms=call.connected_ms,
                duration_ms=call.duration_ms,
                code=call.code,
                reason=self._mask.mask(call.reason),
            )
        )

    def on_realtime(self, now: float, client: RealtimeRecord) -> None:
        """Writes a `realtime` line."""
        code = client.refusal.code if client.refusal is not None else ""
        self._write(
            RealtimeLine(
                t_ms=_ms(now), id=client.id, provider=client.provider, is_open=client.is_open, code=code
            )
        )

    def on_killed(self, now: float, code: str, during: str) -> None:
        """Writes a `kill` line."""
        self._write(
            KillLine(t_ms=_ms(now), generation=self._generation, n=self._turn, code=code, during=during)
        )

    def on_end(self, now: float, outcome: Outcome) -> None:
        """Writes the `end` line."""
        error = outcome.error
        self._write(
            EndLine(
                t_ms=_ms(now),
                result=outcome.result,
                code=error.code if error is not None else "",
                message=self._mask.mask(error.message) if error is not None else "",
            )
        )

    def _load_line(self, now: float, load: Load) -> LoadLine:
        fields = msgspec.structs.asdict(load)
        fields["entries"] = [self._masked_source(entry) for entry in load.entries]
        fields["modules"] = {name: self._masked_source(module) for name, module in load.modules.items()}
        fields["custom_data"] = self._mask.mask(load.custom_data)
        fields["inherited"] = self._masked_inheritance(load)
        fields["secrets"] = {name: self._mask.mask(value) for name, value in load.secrets.items()}
        return LoadLine(t_ms=_ms(now), **fields)

    def _masked_inheritance(self, load: Load) -> Inherited:
        inherited = load.inherited
        live = [
            msgspec.structs.replace(each, arguments=self._masked_arguments(each, load))
            for each in inherited.live
        ]
        return msgspec.structs.replace(inherited, live=live, state=self._mask.mask_json(inherited.state))

    def _masked_arguments(self, live: LiveObject, load: Load) -> list[Plain]:
        arguments = [self._mask.mask_tree(argument) for argument in live.arguments]
        # The stand-ins for keys of the embedded server are no secret, and a replay compares them.
        if live.op == "realtime.connect" and live.arguments[1] not in load.secrets.values():
            arguments[1] = HIDDEN_KEY
        return arguments

    def _masked_source(self, source: SourceFile) -> SourceFile:
        return SourceFile(source.name, self._mask.mask(source.text))

    def _turn_line(self, now: float, turn: Turn) -> TurnLine:
        fields = msgspec.structs.asdict(turn)
        is_private = turn.target in self._private_clients
        if is_private:
            fields["payload"], fields["text"] = {}, None
        else:
            fields["payload"] = self._mask.mask_tree(turn.payload)
            fields["text"] = None if turn.text is None else self._mask.mask_json(turn.text)
        return TurnLine(t_ms=_ms(now), generation=self._generation, elided=is_private, **fields)

    def _write(self, line: Line) -> None:
        self._sink(_encode(line).decode())


def _ms(now: float) -> float:
    return round(now * 1000, 3)
