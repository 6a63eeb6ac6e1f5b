from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    render_error,
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
        }
    ]
    assert shown["recordings"] == ["out.wav"]


@pytest.mark.parametrize(
    ("error", "report"),
    [
        (InternalError("internal.x", "Broken."), ErrorReport("internal.x", "Broken.")),
        (REFUSAL, ErrorReport("provider.auth", "The key was refused.")),
        (ConfigError("c", "m", file="d.toml", line=3), ErrorReport("c", "m", "d.toml", 3)),
        (ConfigError("c", "m", file="d.toml"), ErrorReport("c", "m", "d.toml")),
        (
            ScenarioError("c", "m", file="a.lua", line=1, traceback="a.lua:1: in x", during="Call.Connected"),
            ErrorReport("c", "m (while handling Call.Connected)", "a.lua", 1, "a.lua:1: in x"),
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
    report = Report(
        result="failed", exit_code=1, error=error_report(error, MASK), calls=[call], log=collector.entries
    )
    assert "hunter2" not in report.to_json()
    assert "hunter2" not in render_error(error, {"a.lua": "local key = 'hunter2'"}, MASK)


def test_collector_keeps_lines_in_order_with_their_time() -> None:
    collector = LogCollector()
    collector.on_log(0.0123456, "info", "one", "a.lua:1")
    collector.on_log(2.0, "error", "two", "")
    assert collector.entries == [LogEntry(12.3, "info", "one"), LogEntry(2000.0, "error", "two")]


# For people


def test_error_is_shown_with_its_source_line_and_traceback() -> None:
    error = ScenarioError(
        "script.error",
        "attempt to call a nil value (field 'sya')",
        file="hello.lua",
        line=2,
        traceback="hello.lua:2: in function 'greet'\n\thello.lua:9: in the handler",
        during="Call.Connected, handler at hello.lua:9",
    )
    assert render_error(error, {"hello.lua": "local call\n  call:sya('hi') -- say\n"}).splitlines() == [
        "error: hello.lua:2: attempt to call a nil value (field 'sya') "
        "(while handling Call.Connected, handler at hello.lua:9) [script.error]",
        "    2 |   call:sya('hi') -- say",
        "      |        ^^^",
        "  traceback:",
        "    hello.lua:2: in function 'greet'",
        "    hello.lua:9: in the handler",
    ]


@pytest.mark.parametrize(
    ("message", "source", "under"),
    [
        ("unexpected symbol near ')'", "print(1))", "      |         ^"),
        ("no 'foo' here", "xfoo = foobar", "      |        ^^^"),
        ("something else", "    call()", "      |     ^"),
        ("no 'x' here", "\tfoo(x)", "      | \t    ^"),
        ("unknown key 'say'", "says = 1; say = 2", "      |           ^^^"),
    ],
)
def test_caret_is_below_what_the_message_quotes(message: str, source: str, under: str) -> None:
    error = ScenarioError("c", message, file="a.lua", line=1)
    assert render_error(error, {"a.lua": source}).splitlines()[2] == under


def test_a_long_line_is_cut_around_the_caret() -> None:
    source = "x = 1; " * 100 + "boom() " + "y = 2; " * 100
    _, excerpt, carets = render_error(
        ScenarioError("c", "no 'boom'", file="a.lua", line=1), {"a.lua": source}
    ).splitlines()
    assert len(excerpt) <= 130
    assert excerpt[carets.index("^") : carets.rindex("^") + 1] == "boom"


def test_source_is_read_from_disk_when_it_is_an_operators_file(tmp_path: Path) -> None:
    path = tmp_path / "d.toml"
    path.write_text("[start]\nsya = 'hi'\n", encoding="utf-8")
    error = ConfigError("dialogue.key", "Unknown key 'sya'.", file=str(path), line=2)
    assert render_error(error).splitlines()[1:] == ["    2 | sya = 'hi'", "      | ^^^"]


@pytest.mark.parametrize("file", ["/nowhere/x.toml", "/", "bad\0name"])
def test_error_without_a_readable_source_has_no_excerpt(file: str) -> None:
    assert len(render_error(ConfigError("c", "m", file=file, line=2)).splitlines()) == 1


def test_a_script_cannot_have_a_file_read_by_naming_it(tmp_path: Path) -> None:
    path = tmp_path / "private.txt"
    path.write_text("private\n", encoding="utf-8")
    assert len(render_error(ScenarioError("c", "m", file=str(path), line=1)).splitlines()) == 1


@pytest.mark.parametrize("text", ["", "one line\n", "one\n\n", "one\n   \n"])
def test_a_line_that_is_empty_or_not_there_has_no_excerpt(text: str) -> None:
    error = ScenarioError("c", "m", file="a.lua", line=2)
    assert len(render_error(error, {"a.lua": text}).splitlines()) == 1


def test_nothing_of_the_script_can_steer_the_terminal() -> None:
    error = ScenarioError("c", "bad \x1b[2J", file="a.lua", line=1, traceback="\x1b]0;x\x07")
    assert "\x1b" not in render_error(error, {"a.lua": "x = '\x1b[31m'"})


@given(st.text(max_size=40), st.text(max_size=300), st.integers(1, 3))
def test_any_error_can_be_shown(message: str, source: str, line: int) -> None:
    assert render_error(ScenarioError("c", message, file="a.lua", line=line), {"a.lua": source}).startswith(
        "error: "
    )
