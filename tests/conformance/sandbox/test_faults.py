"""What a scenario's error tells: code, message, file and line, its own frames, and what was being done."""

from __future__ import annotations

import pytest

from scenario_stage import Stage
from voxruntime.turn.messages import Fault

FAULTS = {
    "runtime_error": (
        "local x\nprint(x.y)",
        Fault(
            "script.error",
            "attempt to index a nil value (local 'x')",
            "main.lua",
            2,
            "main.lua:2: in main chunk",
        ),
    ),
    "error_with_text": (
        "local function f()\n  error('no luck')\nend\nf()",
        Fault(
            "script.error", "no luck", "main.lua", 2, "main.lua:2: in function 'f'\nmain.lua:4: in main chunk"
        ),
    ),
    "error_of_the_caller": (
        "local function f()\n  error('no luck', 2)\nend\nf()",
        Fault(
            "script.error", "no luck", "main.lua", 4, "main.lua:2: in function 'f'\nmain.lua:4: in main chunk"
        ),
    ),
    "error_table": (
        "\nerror({ code = 'own.code', message = 'broken' })",
        Fault("script.error", "broken (code own.code)", "main.lua", 2, "main.lua:2: in main chunk"),
    ),
    "error_of_the_api": (
        "\nlocal ok = VoxEngine.customData(5)",
        None,
    ),
    "in_a_coroutine": (
        "local co = coroutine.wrap(function()\n  error('inside')\nend)\nco()",
        Fault("script.error", "inside", "main.lua", 2, "main.lua:2: in function <main.lua:1>"),
    ),
    "caught_and_raised_again": (
        "local ok, e = pcall(error, { message = 'first' })\nerror(e)",
        Fault("script.error", "first", "main.lua", 2, "main.lua:2: in main chunk"),
    ),
    "nothing": (
        "error()",
        Fault("script.error", "error value of type nil", "main.lua", 1, "main.lua:1: in main chunk"),
    ),
    "syntax": ("\n\nlocal = 5", Fault("script.syntax", "<name> expected near '='", "main.lua", 3)),
    "unfinished": ("if x then", Fault("script.syntax", "'end' expected near <eof>", "main.lua", 1)),
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [case for case in FAULTS.values() if case[1]],
    ids=[n for n, c in FAULTS.items() if c[1]],
)
def test_fault(stage: Stage, source: str, expected: Fault) -> None:
    fault = stage.load(source).fault
    assert fault is not None
    assert (fault.code, fault.message, fault.file, fault.line) == (
        expected.code,
        expected.message,
        expected.file,
        expected.line,
    )
    assert fault.traceback == expected.traceback


def test_error_of_the_api_has_its_code_and_the_callers_line(stage: Stage) -> None:
    fault = stage.load("\nVoxEngine.customData(5)").fault
    assert fault is not None
    assert (fault.code, fault.file, fault.line) == ("argument.invalid", "main.lua", 2)
    assert fault.during == "the top level of main.lua"


def test_commands_before_an_error_hold(stage: Stage) -> None:
    reply = stage.load("VoxEngine.customData('kept') error('stop')")
    assert len(reply.commands) == 1
    assert reply.fault is not None


def test_nothing_runs_once_a_listener_has_failed(stage: Stage) -> None:
    stage.run(
        """
        VoxEngine.addEventListener(AppEvents.Started, function() Promise.resolve():next(function() print("no") end) end)
        VoxEngine.addEventListener(AppEvents.Started, function() error("first") end)
        VoxEngine.addEventListener(AppEvents.Started, function() print("no") end)
        """
    )
    reply = stage.failing_turn("Application.Started", {})
    assert reply.fault is not None
    assert reply.fault.message == "first"
    assert stage.said() == []


def test_no_entry_runs_when_one_does_not_compile(stage: Stage) -> None:
    reply = stage.load("print('runs')", "local = 1")
    assert reply.fault is not None
    assert (reply.fault.code, reply.fault.file) == ("script.syntax", "main2.lua")
    assert stage.said() == []


def test_control_characters_do_not_reach_the_report(stage: Stage) -> None:
    fault = stage.load(r"error('red \27[31m\0 text')").fault
    assert fault is not None
    assert fault.message == "red  [31m  text"


def test_long_messages_are_cut(stage: Stage) -> None:
    fault = stage.load("error(('x'):rep(100000))").fault
    assert fault is not None
    assert len(fault.message) < 3000


def test_bytes_that_are_no_utf8_are_replaced(stage: Stage) -> None:
    fault = stage.load(r"error('a\255b')").fault
    assert fault is not None
    assert fault.message == "a\ufffdb"


def test_deep_recursion_is_an_ordinary_error(stage: Stage) -> None:
    stage.run("local function f() return 1 + f() end print(pcall(f))")
    assert "stack overflow" in stage.said()[0]


def test_names_of_files_are_those_of_the_load(stage: Stage) -> None:
    fault = stage.load("require('lib.menu')", modules={"lib.menu": "\nerror('in module')"}).fault
    assert fault is not None
    assert (fault.file, fault.line) == ("lib/menu.lua", 2)
    assert fault.traceback == "lib/menu.lua:2: in main chunk\nmain.lua:1: in main chunk"


def test_long_file_name_is_whole_in_the_fault(stage: Stage) -> None:
    name = "a" * 80
    fault = stage.load(f"require('{name}')", modules={name: "\nlocal x = nil + 1"}).fault
    assert fault is not None
    assert (fault.file, fault.line) == (f"{name}.lua", 2)
    assert fault.message == "attempt to perform arithmetic on a nil value"
