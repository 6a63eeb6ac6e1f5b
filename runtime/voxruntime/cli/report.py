"""What a run leaves behind: the object of `--json`, and its exit code."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence

import msgspec

from voxruntime.cli.fault_view import RecentEvent, details_of
from voxruntime.errors import ConfigError, ScenarioError, VoxrtError
from voxruntime.log import NOTHING_SECRET, SecretMask
from voxruntime.realtime.interface import Traffic
from voxruntime.session.observer import SessionObserver
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord

EXIT_PROVIDER = 3
EXIT_STDOUT_CLOSED = 128 + signal.SIGPIPE


class ErrorReport(msgspec.Struct, frozen=True):
    """Why a run failed; `file`, `line` and `traceback` are null where there are none.

    Attributes:
        during: The event that was being handled, with its handler; empty when none was.
        excerpt: Lines of the source up to the one that failed, and its caret.
        hint: How Lua writes what does not compile, or fails, where that can be told.
        events: The last events of the session, oldest first.
    """

    code: str
    message: str
    file: str | None = None
    line: int | None = None
    traceback: str | None = None
    during: str = ""
    excerpt: Sequence[str] = ()
    events: Sequence[RecentEvent] = ()
    hint: str = ""


class LogEntry(msgspec.Struct, frozen=True):
    """One log line."""

    t_ms: float
    level: str
    text: str


class CallReport(msgspec.Struct, frozen=True):
    """One call; `from` and `to` as the call showed them."""

    id: str
    direction: str
    caller: str = msgspec.field(name="from")
    callee: str = msgspec.field(name="to")
    state: str
    connected_ms: float | None
    duration_ms: float
    code: int
    reason: str


class RealtimeReport(msgspec.Struct, frozen=True):
    """One realtime client; `events` counts by constant, heard by a listener or not; `playout` as `playout_report` says."""

    id: str
    provider: str
    connected_ms: float | None
    turns: int
    events: dict[str, int]
    usage: dict[str, int]
    traffic: Traffic = msgspec.field(default_factory=Traffic)
    dropped_audio_ms: float = 0.0
    playout: Mapping[str, float] = {}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The object of `--json`. Later versions only add keys.

    Attributes:
        result: `terminated`, `idle`, `stopped`, `max_duration` or `failed`.
    """

    result: str
    exit_code: int
    error: ErrorReport | None = None
    duration_ms: float = 0.0
    log: Sequence[LogEntry] = ()
    calls: Sequence[CallReport] = ()
    realtime: Sequence[RealtimeReport] = ()
    latency: Mapping[str, object] = {}
    recordings: Sequence[str] = ()
    limits: Mapping[str, object] = {}
    isolation: Mapping[str, object] = {}
    media: Mapping[str, object] = {}

    def to_json(self) -> str:
        """Returns the object as one line of JSON, without its end."""
        return msgspec.json.encode(self).decode()


class Conclusion(msgspec.Struct, frozen=True):
    """How a run ended, as its exit code says it.

    Attributes:
        result: As in `Report`.
        exit_code: The process's exit code.
        error: What people are told, if anything.
    """

    result: str
    exit_code: int
    error: VoxrtError | None = None


def conclude(
    outcome: Outcome,
    realtime: Sequence[RealtimeRecord] = (),
    *,
    stop_signal: int = 0,
    is_stdout_closed: bool = False,
) -> Conclusion:
    """Decides the exit code of a session that ended.

    Args:
        outcome: How the session ended.
        realtime: Its realtime clients: when none ever opened, the run failed however politely the script ended.
        stop_signal: The signal that stopped the run; 0 for none.
        is_stdout_closed: Whether the reader of stdout left.
    """
    refusals = [client.refusal for client in realtime if client.refusal is not None]
    error = outcome.error
    result = outcome.result
    exit_code = 0 if error is None else error.exit_code
    # A script that lets the refusal of its only connection escape says where; the failure is still the provider's.
    if len(refusals) == len(realtime) > 0 and (error is None or error.code == refusals[-1].code):
        error, result, exit_code = error or refusals[-1], "failed", EXIT_PROVIDER
    if is_stdout_closed:
        exit_code = EXIT_STDOUT_CLOSED
    if stop_signal:
        exit_code = 128 + stop_signal
    return Conclusion(result, exit_code, error)


def failed_to_start(error: VoxrtError) -> Conclusion:
    """Returns the end of a run whose session never began."""
    return Conclusion("failed", error.exit_code, error)


def error_report(
    error: VoxrtError,
    mask: SecretMask = NOTHING_SECRET,
    sources: Mapping[str, str] | None = None,
    events: Sequence[RecentEvent] = (),
) -> ErrorReport:
    """Returns an error as `--json` shows it; the arguments are those of `fault_view.details_of`."""
    details = details_of(error, sources, events, mask)
    message, file, line = error.message, "", 0
    if isinstance(error, ScenarioError | ConfigError):
        file, line = error.file, error.line
    if isinstance(error, ScenarioError) and error.during:
        message = f"{message} (while handling {error.during})"
    return ErrorReport(
        code=error.code,
        message=mask.mask(message),
        file=file or None,
        line=line or None,
        traceback="\n".join(details.traceback) or None,
        during=details.during,
        excerpt=details.excerpt,
        events=details.events,
        hint=details.hint,
    )


def call_report(call: CallRecord, mask: SecretMask = NOTHING_SECRET) -> CallReport:
    """Returns a call as `--json` shows it."""
    return CallReport(
        id=call.id,
        direction=call.direction,
        caller=mask.mask(call.caller),
        callee=mask.mask(call.callee),
        state=call.state,
        connected_ms=call.connected_ms,
        duration_ms=call.duration_ms,
        code=call.code,
        reason=mask.mask(call.reason),
    )


def realtime_report(client: RealtimeRecord) -> RealtimeReport:
    """Returns a realtime client as `--json` shows it."""
    return RealtimeReport(
        client.id,
        client.provider,
        client.connected_ms,
        client.turns,
        dict(client.events),
        dict(client.usage),
        client.traffic,
        round(client.dropped_audio_ms, 1),
        playout_report(client),
    )


def playout_report(client: RealtimeRecord) -> dict[str, float]:
    """Returns what happened to the provider's audio, as `--json` shows it; nothing of a client that never opened."""
    counters = client.playout
    if counters is None or client.connected_ms is None:
        return {}
    return {
        "played_ms": round(counters.played_s * 1000),
        "queued_max_ms": round(client.queued_max_ms),
        "underruns": counters.underruns,
        "underrun_ms": round(counters.underrun_s * 1000),
        "overflow_ms": round(counters.overflow_s * 1000),
        "cancelled_ms": round(counters.cancelled_s * 1000),
        "spare_ms": round(counters.spare_s * 1000),
    }


class LogCollector(SessionObserver):
    """Keeps the log lines of a session for its report."""

    def __init__(self, mask: SecretMask = NOTHING_SECRET) -> None:
        self._mask = mask
        self.entries: list[LogEntry] = []

    def on_log(self, now: float, level: str, text: str, place: str) -> None:  # noqa: ARG002  # text alone is shown
        """Keeps one line; remarks at level `debug` are for a terminal only."""
        if level == "debug":
            return
        self.entries.append(LogEntry(round(now * 1000, 1), level, self._mask.mask(text)))
