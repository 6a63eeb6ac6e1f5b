from __future__ import annotations

import json
import signal

import pytest

from voxruntime.cli.fault_view import RecentEvent
from voxruntime.cli.report import (
    ErrorReport,
    LogCollector,
    LogEntry,
    Report,
    call_report,
    conclude,
    error_report,
    failed_to_start,
    realtime_report,
)
from voxruntime.errors import (
    BudgetExceeded,
    ConfigError,
    InternalError,
    ProviderError,
    ScenarioError,
    VoxrtError,
)
from voxruntime.log import SecretMask
from voxruntime.media.playout import PlayoutCounters
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord

REFUSAL = ProviderError("provider.auth", "The key was refused.")
BROKEN = ScenarioError("script.error", "attempt to call a nil value (field 'sya')", file="hello.lua", line=2)
LET_ESCAPE = ScenarioError("provider.auth", "The key was refused.", file="hello.lua", line=3)
MASK = SecretMask({"KEY": "hunter2"})


def refused() -> RealtimeRecord:
    return RealtimeRecord("r1", "Yandex", refusal=REFUSAL)


def connected() -> RealtimeRecord:
    return RealtimeRecord("r2", "Yandex", connected_ms=12.0)


@pytest.mark.parametrize(
    ("outcome", "realtime", "result", "exit_code", "error"),
    [
        pytest.param(Outcome("terminated"), [], "terminated", 0, None, id="ended by the script"),
        pytest.param(Outcome("idle"), [], "idle", 0, None, id="no calls left"),
        pytest.param(Outcome("max_duration"), [connected()], "max_duration", 0, None, id="maximum duration"),
        pytest.param(Outcome("failed", BROKEN), [], "failed", 1, BROKEN, id="the script's fault"),
        pytest.param(
            Outcome("failed", BudgetExceeded("limit.cpu", "Ran too long.")),
            [connected()],
            "failed",
            1,
            ...,
            id="limit",
        ),
        pytest.param(
            Outcome("failed", ConfigError("leg.x", "No.")), [], "failed", 2, ..., id="the operator's fault"
        ),
        pytest.param(
            Outcome("failed", InternalError("internal.x", "No.")), [], "failed", 70, ..., id="our fault"
        ),
        pytest.param(Outcome("terminated"), [refused()], "failed", 3, REFUSAL, id="provider never opened"),
        pytest.param(
            Outcome("terminated"), [refused(), refused()], "failed", 3, REFUSAL, id="nor at the second try"
        ),
        pytest.param(
            Outcome("terminated"), [refused(), connected()], "terminated", 0, None, id="second try opened"
        ),
        pytest.param(
            Outcome("failed", LET_ESCAPE),
            [refused()],
            "failed",
            3,
            LET_ESCAPE,
            id="provider never opened, and the script did not handle it",
        ),
        pytest.param(
            Outcome("failed", BROKEN), [refused()], "failed", 1, BROKEN, id="refused, then a fault of its own"
        ),
        pytest.param(
            Outcome("terminated"),
            [RealtimeRecord("r", "Yandex")],
            "terminated",
            0,
            None,
            id="ended while connecting",
        ),
    ],
)
def test_exit_code_says_who_must_act(
    outcome: Outcome, realtime: list[RealtimeRecord], result: str, exit_code: int, error: object
) -> None:
    conclusion = conclude(outcome, realtime)
    assert (conclusion.result, conclusion.exit_code) == (result, exit_code)
    assert conclusion.error is (outcome.error if error is ... else error)


@pytest.mark.parametrize(
    ("stop_signal", "is_stdout_closed", "exit_code"),
    [
        (signal.SIGINT, False, 130),
        (signal.SIGTERM, False, 143),
        (signal.SIGINT, True, 130),
        (0, True, 141),
        (0, False, 1),
    ],
)
def test_signals_and_a_closed_stdout_have_their_own_exit_codes(
    stop_signal: int, is_stdout_closed: bool, exit_code: int
) -> None:
    conclusion = conclude(
        Outcome("failed", BROKEN), stop_signal=stop_signal, is_stdout_closed=is_stdout_closed
    )
    assert conclusion.exit_code == exit_code
    assert conclusion.error is BROKEN


@pytest.mark.parametrize(("error", "exit_code"), [(ConfigError("c", "m"), 2), (InternalError("c", "m"), 70)])
def test_a_run_that_never_began_has_its_errors_exit_code(error: VoxrtError, exit_code: int) -> None:
    conclusion = failed_to_start(error)
    assert (conclusion.result, conclusion.exit_code, conclusion.error) == ("failed", exit_code, error)


# The object


def test_every_key_is_there_even_when_nothing_happened() -> None:
    assert json.loads(Report(result="failed", exit_code=2).to_json()) == {
        "result": "failed",
        "exit_code": 2,
        "error": None,
        "duration_ms": 0.0,
        "log": [],
        "calls": [],
        "realtime": [],
        "latency": {},
        "recordings": [],
        "limits": {},
        "isolation": {},
        "media": {},
    }


def test_a_full_report_has_the_documented_shape() -> None:
    client = RealtimeRecord("r1", "Yandex", connected_ms=5.0, turns=2)
    client.events.update({"SessionCreated": 1})
    client.usage.update({"total_tokens": 10})
    client.traffic.count_received(4)
    client.dropped_audio_ms = 40.06
    client.count_playout(PlayoutCounters(2.5, 0, 0.0, 0.0, 0.0, 0.0), queued_s=1.5)
    client.count_playout(PlayoutCounters(4.0, 1, 0.02, 0.5, 0.25, 0.06), queued_s=0.5)
    call = CallRecord("c1", "incoming", "100", "200", "TERMINATED", 12.5, 900.0, 200, "Normal")
    report = Report(
        result="terminated",
        exit_code=0,
        duration_ms=1000.5,
        log=[LogEntry(1.5, "info", "привет")],
        calls=[call_report(call)],
        realtime=[realtime_report(client)],
        recordings=["out.wav"],
        media={"late_ms_p99": 1.0},
    )
    shown = json.loads(report.to_json())
    assert "\n" not in report.to_json()
    assert shown["log"] == [{"t_ms": 1.5, "level": "info", "text": "привет"}]
    assert shown["calls"] == [
        {
            "id": "c1",
            "direction": "incoming",
            "from": "100",
            "to": "200",
            "state": "TERMINATED",
            "connected_ms": 12.5,
            "duration_ms": 900.0,
            "code": 200,
            "reason": "Normal",
        }
    ]
    assert shown["realtime"] == [
        {
            "id": "r1",
            "provider": "Yandex",
            "connected_ms": 5.0,
            "turns": 2,
            "events": {"SessionCreated": 1},
            "usage": {"total_tokens": 10},
            "traffic": {"sent_messages": 0, "sent_bytes": 0, "received_messages": 1, "received_bytes": 4},
            "dropped_audio_ms": 40.1,
            "playout": {
                "played_ms": 4000,
                "queued_max_ms": 1500,
                "underruns": 1,
                "underrun_ms": 20,
                "overflow_ms": 500,
                "cancelled_ms": 250,
                "spare_ms": 60,
            },
        }
    ]
    assert shown["recordings"] == ["out.wav"]


def test_of_a_client_that_never_opened_there_is_no_playout() -> None:
    client = refused()
    client.count_playout(PlayoutCounters(0.0, 0, 0.0, 0.0, 0.0, 0.0), queued_s=0.0)
    assert realtime_report(client).playout == {}


@pytest.mark.parametrize(
    ("error", "report"),
    [
        (InternalError("internal.x", "Broken."), ErrorReport("internal.x", "Broken.")),
        (REFUSAL, ErrorReport("provider.auth", "The key was refused.")),
        (ConfigError("c", "m", file="d.toml", line=3), ErrorReport("c", "m", "d.toml", 3)),
        (ConfigError("c", "m", file="d.toml"), ErrorReport("c", "m", "d.toml")),
        (
            ScenarioError("c", "m", file="a.lua", line=1, traceback="a.lua:1: in x", during="Call.Connected"),
            ErrorReport(
                "c",
                "m (while handling Call.Connected)",
                "a.lua",
                1,
                "a.lua:1: in x",
                "Call.Connected",
            ),
        ),
    ],
)
def test_error_names_code_place_and_traceback_where_there_are_any(
    error: VoxrtError, report: ErrorReport
) -> None:
    assert error_report(error) == report


def test_secrets_appear_by_name_only() -> None:
    error = ScenarioError("c", "hunter2!", file="a.lua", line=1, traceback="in hunter2", during="hunter2")
    call = call_report(CallRecord("c", "incoming", "hunter2", "hunter2", reason="hunter2"), MASK)
    collector = LogCollector(MASK)
    collector.on_log(0.0, "info", "key hunter2", "a.lua:1")
    shown = error_report(error, MASK, {"a.lua": "local key = 'hunter2'"}, [RecentEvent(1.0, "hunter2")])
    report = Report(result="failed", exit_code=1, error=shown, calls=[call], log=collector.entries)
    assert "hunter2" not in report.to_json()


def test_collector_keeps_lines_in_order_with_their_time() -> None:
    collector = LogCollector()
    collector.on_log(0.0123456, "info", "one", "a.lua:1")
    collector.on_log(2.0, "error", "two", "")
    assert collector.entries == [LogEntry(12.3, "info", "one"), LogEntry(2000.0, "error", "two")]
