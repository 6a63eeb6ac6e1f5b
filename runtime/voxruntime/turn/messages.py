"""The turn protocol: what the engine and a scenario process say to each other.

Two Unix stream sockets join them. On the *turn* socket the engine sends one `Load`, then `Turn`s, one at a time;
the scenario process answers each with exactly one `Reply`. On the *log* socket the scenario process sends
`LogLine`s as they happen. Each message is msgpack in a frame (`framing.py`); a `Reply` travels as an answer, which says
how much of the log comes before it.

The scenario never waits for the engine: what it does is a command in the reply, what it learns is an event of a
later turn. Objects are named by integers ("handles"): those made by the scenario count up from 1, those made by the
engine count down from -1, and 0 is the session itself (`VoxEngine`). Above `GENERATION_BITS`, a scenario's handle has
the generation of the code that made it, less one; an object that later code takes over keeps its handle.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from voxruntime.turn.bounds import (
    MAX_COMMANDS,
    EventName,
    FileStem,
    Headers,
    NewHandle,
    Places,
    PrintableText,
    Rate,
)
from voxruntime.turn.framing import decode_body
from voxruntime.turn.inheritance import Inherited

SESSION = 0
"""Handle of the session itself, the target of application events."""

Plain: TypeAlias = object
"""None, bool, int, float, str, list or dict of these, as msgpack carries them."""


class SourceFile(msgspec.Struct, array_like=True, frozen=True):
    """One Lua file. `name` is what messages show (`scenario.lua`, `lib/menu.lua`), never a host path."""

    name: str
    text: str


class Load(msgspec.Struct, array_like=True, frozen=True, tag="load"):
    """Starts a session's code. Its reply is number 0, after the top level of each entry has run or suspended.

    Attributes:
        generation: Which code this is; 1 at the start of a call, one more after each reload.
        entries: Files to run, in order, in one shared context.
        modules: Files that `require` may find, by module name (`menu`, `lib.menu`).
        seed_random: Seed of `math.random`.
        seed_ids: Seed of public ids and `uuidgen`.
        now: Seconds since the session's start.
        wall: Milliseconds since 1970 UTC.
        custom_data: What `VoxEngine.customData()` returns at first.
        secrets: What `VoxEngine.getSecretValue` finds.
        limits: Names of `config.Limits` and their values, for those that Lua raises by itself.
        reloaded: Whether the code takes over from other code.
        inherited: What that left.
    """

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


class Turn(msgspec.Struct, array_like=True, frozen=True, tag="turn"):
    """One event, and the microtasks that it causes.

    Attributes:
        n: Number of the turn, from 1, no gap.
        now: Seconds since the session's start.
        wall: Milliseconds since 1970 UTC.
        target: Handle of the object the event is for.
        name: Public event string (`Call.Connected`) or an internal name (`timer`, `promise.resolve`, `promise.reject`).
        payload: Fields of the event; handles of objects appear as integers.
        text: A provider's JSON message, as it came; the scenario process decodes it.
    """

    n: int
    now: float
    wall: int
    target: int
    name: str
    payload: dict[str, Plain] = {}
    text: str | None = None


class Fault(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Why the session's code cannot go on.

    Attributes:
        code: `script.error`, `script.syntax`, `script.rejection`, `limit.cpu`, `limit.memory`, `module.not_found` …
        message: The error's text, without a place.
        file: Name of the file, as in `SourceFile.name`; empty when unknown.
        line: Line in it; 0 when unknown.
        traceback: Lua frames of the scenario, newest first, without host frames.
        during: Event and handler, e.g. `Call.Connected, handler at hello.lua:12`.
    """

    code: PrintableText
    message: PrintableText
    file: PrintableText = ""
    line: int = 0
    traceback: PrintableText = ""
    during: PrintableText = ""


class LogLine(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """One line the scenario wrote; `place` is `file:line`."""

    n: int
    level: Literal["info", "warning", "error"]
    text: PrintableText
    place: PrintableText = ""


# Commands, in the order of the API areas of `session/`.


class Command(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base of all commands. They are trees, so the collector need not count them: a flood would wake it each turn."""


class Listen(Command, frozen=True, tag="listen"):
    """The handlers of one event of one object are now those at `places` (`file:line`); none when empty.

    `event` is `*` for an object whose every event is wanted.
    """

    target: int
    event: EventName
    places: Places


class Terminate(Command, frozen=True, tag="terminate"):
    """`VoxEngine.terminate()`: the session ends after this turn."""


class SetCustomData(Command, frozen=True, tag="custom_data"):
    """`VoxEngine.customData(text)` or, for a call, `call:customData(text)`."""

    target: int
    text: str


class StartTimer(Command, frozen=True, tag="timer.start"):
    """`setTimeout` and `setInterval`; fires event `timer` with `timer` as its target."""

    timer: int
    delay_ms: Annotated[float, msgspec.Meta(ge=0.0)]
    repeats: bool


class StopTimer(Command, frozen=True, tag="timer.stop"):
    timer: int


class StartCall(Command, frozen=True, tag="call.start"):
    """`callPSTN`, `callSIP`, `callUser`; `kind` is `pstn`, `sip` or `user`; `id` is the call's public id."""

    call: NewHandle
    id: str
    kind: str
    to: str
    callerid: str = ""
    display_name: str = ""
    headers: Headers = {}
    timeout_s: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] = 60.0


class AdoptCall(Command, frozen=True, tag="call.adopt"):
    """The same after a reload, for a call that is live (`Inherited.live`)."""

    call: int


class AnswerCall(Command, frozen=True, tag="call.answer"):
    call: int
    headers: Headers = {}


class RejectCall(Command, frozen=True, tag="call.reject"):
    call: int
    status: int
    headers: Headers = {}


class HangUpCall(Command, frozen=True, tag="call.hangup"):
    call: int
    headers: Headers = {}


class RecordCall(Command, frozen=True, tag="call.record"):
    """`call:record(params)`; `name` is the file's name without its ending, made by the scenario's id stream."""

    call: int
    name: FileStem
    stereo: bool = False
    hd_audio: bool = False


class SendMedia(Command, frozen=True, tag="media.send"):
    """`a:sendMediaTo(b)`."""

    source: int
    sink: int
    tag: str = ""


class StopMedia(Command, frozen=True, tag="media.stop"):
    source: int
    sink: int


class ClearMedia(Command, frozen=True, tag="media.clear"):
    """`client:clearMediaBuffer()`."""

    client: int


class ConnectRealtime(Command, frozen=True, tag="realtime.connect"):
    """`Yandex.createRealtimeAPIClient`; settles promise `promise`. `provider` is the namespace, `Yandex`."""

    client: NewHandle
    id: FileStem
    socket_id: FileStem
    provider: str
    promise: int
    api_key: str
    folder_id: str
    model: str
    privacy: bool = False
    trace: bool = False
    statistics: bool = False


class AdoptRealtime(Command, frozen=True, tag="realtime.adopt"):
    """The same after a reload, for a client that is live; settles promise `promise`."""

    client: int
    promise: int


class SendRealtime(Command, frozen=True, tag="realtime.send"):
    """One client message: `body` is the JSON object without its `type`, sorted and shaped by the scenario process.

    `input_rate` and `output_rate` are the audio rates in Hz that a `session.update` declares, else 0.
    """

    client: int
    event_type: str
    body: str
    input_rate: Rate = 0
    output_rate: Rate = 0


class TruncateRealtime(Command, frozen=True, tag="realtime.truncate"):
    """`conversationItemTruncate` without `audio_end_ms`: the engine fills in what the caller has heard."""

    client: int
    item_id: str
    content_index: int = 0
    event_id: str = ""


class InterruptRealtime(Command, frozen=True, tag="realtime.interrupt"):
    """`client:interrupt()`: the caller hears no more of what the client says; settles promise `promise`.

    `cancel` also ends the provider's running response; `truncate` tells the provider what the caller has heard.
    """

    client: int
    promise: int
    cancel: bool = True
    truncate: bool = True


class WatchQuiet(Command, frozen=True, tag="realtime.quiet"):
    """`client:quiet(ms)`: settles promise `promise` once the agent has been quiet for `quiet_ms`."""

    client: int
    promise: int
    quiet_ms: Annotated[float, msgspec.Meta(ge=0.0, le=3_600_000.0)]


class CloseRealtime(Command, frozen=True, tag="realtime.close"):
    client: int


class ReloadDone(Command, frozen=True, tag="reload.done"):
    """Reloaded code has handled `Started` and every `CallAlerting`."""


class KeepState(Command, frozen=True, tag="reload.state"):
    """`Reload.state` for the code that follows, as JSON."""

    text: str


class NextCallOnly(Command, frozen=True, tag="reload.next_call_only"):
    """`Reload.nextCallOnly()`: a live call keeps the code that it has."""


AnyCommand: TypeAlias = (
    Listen
    | Terminate
    | SetCustomData
    | StartTimer
    | StopTimer
    | StartCall
    | AdoptCall
    | AnswerCall
    | RejectCall
    | HangUpCall
    | RecordCall
    | SendMedia
    | StopMedia
    | ClearMedia
    | ConnectRealtime
    | AdoptRealtime
    | SendRealtime
    | TruncateRealtime
    | InterruptRealtime
    | WatchQuiet
    | CloseRealtime
    | ReloadDone
    | KeepState
    | NextCallOnly
)


class Reply(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, tag="reply"):
    """The answer to turn `n` (0 for `Load`).

    Attributes:
        n: Number of the turn it answers.
        commands: What the scenario did, in order.
        loaded: Whether the top level of every entry has finished by now.
        exact: False once the code did something that may differ in a replay (tables as keys under `pairs`).
        fault: Why the code cannot go on; the commands before it hold.
    """

    n: int
    commands: Annotated[list[AnyCommand], msgspec.Meta(max_length=MAX_COMMANDS)]
    loaded: bool
    exact: bool = True
    fault: Fault | None = None


encode = msgspec.msgpack.Encoder(order="deterministic").encode

_to_scenario: msgspec.msgpack.Decoder[Load | Turn] = msgspec.msgpack.Decoder(Load | Turn)
_reply = msgspec.msgpack.Decoder(Reply)
_log = msgspec.msgpack.Decoder(LogLine)


def decode_to_scenario(body: bytes) -> Load | Turn:
    """Returns what the engine sent.

    Raises:
        msgspec.DecodeError: It is no such message.
    """
    return decode_body(_to_scenario, body)


def decode_reply(body: bytes) -> Reply:
    """Returns what the scenario process answered.

    Raises:
        msgspec.DecodeError: It is no reply.
    """
    return decode_body(_reply, body)


def decode_log(body: bytes) -> LogLine:
    """Returns a log line of the scenario process.

    Raises:
        msgspec.DecodeError: It is no log line.
    """
    return decode_body(_log, body)
