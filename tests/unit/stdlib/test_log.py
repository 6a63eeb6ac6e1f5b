"""Log lines of scenarios."""

from __future__ import annotations

import pytest

from scenario_stage import Stage


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("Logger.write('text')", "text"),
        ("Logger.write(5)", "5"),
        ("Logger.write()", "nil"),
        ("Logger.write({ b = 1, a = { 2 } })", '{"a":[2],"b":1}'),
        ("Logger.write(CallEvents.Connected)", "Call.Connected"),
        ("print('a', nil, 2.5, true, {})", "a\tnil\t2.5\ttrue\t{}"),
        ("print()", ""),
        ("print(nil, nil)", "nil\tnil"),
        ("console.log('a', { 1 })", "a [1]"),
        ("print(setmetatable({}, { __tostring = function() return 'own' end }))", "own"),
        (
            "print(select(2, pcall(setTimeout)))",
            "main.lua:1: setTimeout: argument 1 must be a function, got nil",
        ),
    ],
)
def test_values_are_written_as_a_reader_wants_them(stage: Stage, code: str, line: str) -> None:
    stage.run(code)
    assert stage.said() == [line]


def test_what_has_no_json_is_written_as_tostring_has_it(stage: Stage) -> None:
    stage.run("local t = { print } t.self = t print(t) print(print)")
    table, function = stage.said()
    assert table.startswith("table: ")
    assert function.startswith("function: ")


def test_a_line_knows_its_place_and_level(stage: Stage) -> None:
    stage.run("\nLogger.write('here')")
    assert [(line.level, line.place) for line in stage.scenario.log] == [("info", "main.lua:2")]


def test_lines_come_in_order_from_places_that_cannot_wait(stage: Stage) -> None:
    stage.run("print(1) string.gsub('ab', '.', function(c) print(c) end) print(2)")
    assert stage.said() == ["1", "a", "b", "2"]
