"""The session process as the engine sees it: replies, log lines, warnings, faults."""

from __future__ import annotations

from scenario_driver import ScenarioDriver
from voxruntime.config import Limits
from voxruntime.scenario.replies import plain_answer
from voxruntime.turn import framing
from voxruntime.turn.messages import SetCustomData


def test_commands_come_in_order(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    reply = scenario.load("for i = 1, 3 do VoxEngine.customData('n' .. i) end")
    assert reply.n == 0
    assert reply.commands == [SetCustomData(0, f"n{i}") for i in (1, 2, 3)]


def test_replies_carry_the_number_of_their_turn(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    assert scenario.load("x = 1").n == 0
    assert [scenario.turn("timer", target=9).n for _ in range(3)] == [1, 2, 3]


def test_turn_in_which_nothing_is_done_has_the_plain_answer(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    scenario.load("x = 1")
    for _ in range(200):
        scenario.turn("timer", target=9)
    assert [framing.answer(reply, 0) for reply in scenario.recording.replies()] == [
        plain_answer(n) for n in range(201)
    ]


def test_log_lines_have_turn_level_text_and_place(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    scenario.load(
        "\nprint('at load')\nVoxEngine.addEventListener(AppEvents.Started, function()\nprint('later') end)"
    )
    scenario.turn("Application.Started")
    assert [(line.n, line.level, line.text, line.place) for line in scenario.log] == [
        (0, "info", "at load", "main.lua:2"),
        (1, "info", "later", "main.lua:4"),
    ]


def test_turn_that_used_much_cpu_is_warned_of(driver: ScenarioDriver) -> None:
    limits = Limits(cpu_warning_ms=5.0)
    scenario = driver.spawn(limits)
    scenario.load("for i = 1, 1e7 do end", limits=limits)
    (warning,) = scenario.log
    assert warning.level == "warning"
    assert "ms of CPU" in warning.text


def test_text_of_a_provider_is_decoded(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    scenario.load("VoxEngine.addEventListener(AppEvents.Started, function(e) print(e.data.payload.a[2]) end)")
    scenario.turn("Application.Started", text='{"a": [1, "two"]}')
    assert scenario.texts == ["two"]


def test_turn_of_many_pieces_is_taken_whole(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    scenario.load("VoxEngine.addEventListener(AppEvents.Started, function(e) print(#e.text) end)")
    for size in (4000, 5000, 1_000_000, 3):
        assert scenario.turn("Application.Started", {"text": "x" * size}).fault is None
    assert scenario.texts == ["4000", "5000", "1000000", "3"]


def test_log_is_cut_at_its_limit(driver: ScenarioDriver) -> None:
    limits = Limits(log_bytes=2000, log_line_chars=100)
    scenario = driver.spawn(limits)
    scenario.load("for i = 1, 100 do print(('ж'):rep(200)) end", limits=limits)
    assert len(scenario.log) < 15
    assert "ж" * 100 in scenario.texts[0]
    assert "cut" in scenario.texts[0]
    assert "log full" in scenario.log[-1].text


def test_natives_answer_in_the_same_turn(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    scenario.load(
        "local long = ('ж!'):rep(50000) local coded = base64_encode(long) print(#coded, base64_decode(coded) == long)"
        " print(#JSON.decode('[' .. ('{\"a\":[1,2]},'):rep(20000) .. '1]'))"
    )
    assert scenario.texts == ["200000\ttrue", "20001"]


def test_process_without_memory_answers_every_turn_with_the_fault(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    fault = scenario.load("t = {} while true do t[#t + 1] = {} end").fault
    assert fault is not None
    assert fault.code == "limit.memory"
    reply = scenario.turn("timer", target=1)
    assert (reply.n, reply.commands, reply.fault) == (1, [], fault)
