from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from voxruntime.cli.fault_view import (
    EXCERPT_CHARS,
    RecentEvent,
    RecentEvents,
    details_of,
    fault_lines,
    render_fault,
)
from voxruntime.errors import BudgetExceeded, ConfigError, InternalError, ScenarioError
from voxruntime.log import SecretMask
from voxruntime.turn.messages import Load, Turn

MASK = SecretMask({"KEY": "hunter2"})
SOURCE = "local call\n\n-- say it\n  call:sya('hi') -- say\n"


def scenario_error(message: str, *, line: int = 1) -> ScenarioError:
    return ScenarioError("c", message, file="a.lua", line=line)


def excerpt(message: str, source: str, *, line: int = 1) -> list[str]:
    return list(details_of(scenario_error(message, line=line), {"a.lua": source}).excerpt)


def marked(message: str, source: str, *, line: int = 1) -> str:
    """What of the source stands above the carets, by columns of a terminal."""
    *_, shown, carets = excerpt(message, source, line=line)
    assert set(carets.partition("| ")[2]) <= {" ", "^"}
    begin, end = carets.index("^"), carets.rindex("^")
    return "".join(
        character for at, character in enumerate(shown) if begin <= cell_len(shown[:at]) <= end
    ).strip()


def test_error_is_shown_with_source_event_frames_and_what_came_before() -> None:
    error = ScenarioError(
        "script.error",
        "attempt to call a nil value (method 'sya')",
        file="hello.lua",
        line=4,
        traceback="hello.lua:4: in function 'greet'\n\thello.lua:9: in the handler",
        during="Call.Connected, handler at hello.lua:9",
    )
    events = [RecentEvent(1.0, "Application.Started"), RecentEvent(61234.5, "Call.Connected")]
    assert render_fault(error, {"hello.lua": SOURCE}, events).splitlines() == [
        "error: hello.lua:4: attempt to call a nil value (method 'sya') [script.error]",
        "    2 |",
        "    3 | -- say it",
        "    4 |   call:sya('hi') -- say",
        "      |        ^^^",
        "  during: Call.Connected, handler at hello.lua:9",
        "  traceback, newest first:",
        "    hello.lua:4: in function 'greet'",
        "    hello.lua:9: in the handler",
        "  last events, newest last:",
        "    0:00.001  Application.Started",
        "    1:01.234  Call.Connected",
    ]


def test_the_message_and_the_carets_have_the_level_of_errors() -> None:
    levels = [level for _line, level in fault_lines(scenario_error("no 'x'"), {"a.lua": "x()"})]
    assert levels == ["error", "info", "error"]


@pytest.mark.parametrize(
    ("message", "source", "part"),
    [
        ("unexpected symbol near ')'", "print(1))", ")"),
        ("no 'foo' here", "xfoo = foobar", "foo"),
        ('a Call has no "sya"; the nearest name is "say"', "call:sya()", "sya"),
        ("something else", "    call()  ", "call()"),
        ("no 'x' here", "\tfoo(x)", "x"),
        ("no 'x' here", "foo(\t\tx)", "x"),
        ("unknown key 'say'", "says = 1; say = 2", "say"),
        ("no 'sya'", "local t = {'Привет', '世界'} t.sya()", "sya"),
        ("no '世界'", "print(世界)", "世界"),
        ("no 'sya'", "local e = 'e\u0301' e.sya()", "sya"),
        ("no 'sya'", "local e = '\x1b[31m' e.sya()", "sya"),
        ("<name> expected near '<\\208>'", "local имя = 1", "и"),
        ("'end' expected near <eof>", "if x then", ""),
        ("no 'x'", "x()\r", "x"),
        ("Module 'menu' was not found", 'local menu = require("menu")', "menu"),
        ("await cannot wait here", "local s = f(function() await(p) end)", "await"),
    ],
)
def test_caret_is_below_what_the_message_is_about(message: str, source: str, part: str) -> None:
    assert marked(message, source) == part


def test_a_secret_in_the_line_does_not_move_the_caret() -> None:
    error = scenario_error("no 'sya'")
    *_, shown, carets = details_of(error, {"a.lua": "local k = 'hunter2' k.sya()"}, mask=MASK).excerpt
    assert shown[carets.index("^") :].startswith("sya()")


def test_a_long_line_is_cut_around_the_caret() -> None:
    source = "x = 1; " * 100 + "boom() " + "y = 2; " * 100
    shown, carets = excerpt("no 'boom'", source)
    assert len(shown) <= EXCERPT_CHARS + len("    1 | ")
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "boom"


def test_a_kill_without_a_place_shows_the_handler_that_ran() -> None:
    error = BudgetExceeded("limit.cpu", "Too long.")
    error.during = "Call.Connected, handler at a.lua:2"
    details = details_of(error, {"a.lua": "one()\ntwo()\n"})
    assert (details.file, details.line, details.excerpt[1]) == ("a.lua", 2, "    2 | two()")


def test_a_rejection_belongs_to_the_event_that_came_last() -> None:
    error = ScenarioError("script.rejection", "No luck.", file="a.lua", line=1)
    events = [RecentEvent(1.0, "Application.Started"), RecentEvent(2.0, "a timer fired")]
    assert details_of(error, events=events).during == "a timer fired"
    assert details_of(error).during == ""
    assert details_of(BudgetExceeded("limit.memory", "Full."), events=events).during == ""


def test_source_is_read_from_disk_when_it_is_an_operators_file(tmp_path: Path) -> None:
    path = tmp_path / "d.toml"
    path.write_text("[start]\nsya = 'hi'\n", encoding="utf-8")
    error = ConfigError("dialogue.key", "Unknown key 'sya'.", file=str(path), line=2)
    assert render_fault(error).splitlines() == [
        f"error: {error}",
        "    1 | [start]",
        "    2 | sya = 'hi'",
        "      | ^^^",
    ]


@pytest.mark.parametrize("file", ["/nowhere/x.toml", "/", "bad\0name"])
def test_error_without_a_readable_source_has_no_excerpt(file: str) -> None:
    assert len(render_fault(ConfigError("c", "m", file=file, line=2)).splitlines()) == 1


def test_a_script_cannot_have_a_file_read_by_naming_it(tmp_path: Path) -> None:
    path = tmp_path / "private.txt"
    path.write_text("private\n", encoding="utf-8")
    assert render_fault(ScenarioError("c", "m", file=str(path), line=1)).count("\n") == 0


@pytest.mark.parametrize("text", ["", "one line\n", "one\n\n", "one\n   \n"])
def test_a_line_that_is_empty_or_not_there_has_no_excerpt(text: str) -> None:
    assert excerpt("m", text, line=2) == []


def test_our_own_fault_shows_no_source_but_the_events() -> None:
    shown = render_fault(InternalError("internal.x", "Broken."), {"a.lua": "x"}, [RecentEvent(0.0, "E")])
    assert shown.splitlines()[1:] == ["  last events, newest last:", "    0:00.000  E"]


def test_secrets_appear_by_name_only() -> None:
    error = ScenarioError("c", "hunter2!", file="a.lua", line=1, traceback="in hunter2", during="hunter2")
    sources = {"a.lua": "local key = 'hunter2'"}
    assert "hunter2" not in render_fault(error, sources, [RecentEvent(0.0, "hunter2")], MASK)


def test_nothing_of_the_script_can_steer_the_terminal() -> None:
    error = ScenarioError(
        "c", "bad \x1b[2J", file="a.lua", line=1, traceback="\x1b]0;x\x07", during="\x1b[0m"
    )
    assert "\x1b" not in render_fault(error, {"a.lua": "x = '\x1b[31m'"}, [RecentEvent(0.0, "\x1b[0m")])


@given(st.text(max_size=40), st.text(max_size=300), st.integers(1, 3))
def test_any_error_can_be_shown(message: str, source: str, line: int) -> None:
    shown = render_fault(scenario_error(message, line=line), {"a.lua": source})
    assert shown.startswith("error: ")
    assert "\x1b" not in shown


# What came before


def turn(n: int, name: str) -> Turn:
    return Turn(n, n / 10, 0, 0, name)


def test_the_last_ten_events_are_kept_in_words_of_the_api() -> None:
    recent = RecentEvents()
    recent.on_sent(0.0, Load(1, [], {}, 1, 1, 0.0, 0))
    assert recent.events == ()
    for n in range(12):
        recent.on_sent(n / 10, turn(n, f"Call.E{n}"))
    recent.on_sent(1.3, turn(13, "timer"))
    recent.on_sent(1.4, turn(14, "promise.reject"))
    assert [event.name for event in recent.events] == [
        *(f"Call.E{n}" for n in range(4, 12)),
        "a timer fired",
        "a promise was rejected",
    ]
    assert recent.events[0].t_ms == 400.0
