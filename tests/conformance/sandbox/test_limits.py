"""The three stops and the memory ceiling: each ends its session only, and says where."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from scenario_driver import Recording, ScenarioDriver, make_load
from scenario_stage import Stage
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import BudgetExceeded
from voxruntime.scenario.host import ScenarioHost

SMALL_BUDGET = Limits(instructions_per_turn=200_000, cpu_s_per_turn=20.0, wall_s_per_turn=60.0)

RUNAWAYS = {
    "loop": "while true do end",
    "goto": "::again:: goto again",
    "recursion": "local function f() return f() end f()",
    "pcall": "while true do pcall(function() while true do end end) end",
    "xpcall": "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "error_handler": "xpcall(error, function() while true do end end)",
    "coroutine": "coroutine.wrap(function() while true do end end)()",
    "resume": "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "coroutines": "while true do coroutine.wrap(function() end)() end",
    "close": (
        "local function f() local c <close> = setmetatable({}, { __close = function() while true do end end })"
        " while true do end end while true do pcall(f) end"
    ),
    "coroutine_close": (
        "local co = coroutine.create(function()"
        " local c <close> = setmetatable({}, { __close = function() while true do end end }) coroutine.yield() end)"
        " coroutine.resume(co) coroutine.close(co)"
    ),
    "metamethod": "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
    "tostring": "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
    "comparator": "table.sort({ 1, 2, 3 }, function() while true do end end)",
    "gsub_callback": "string.gsub('a', 'a', function() while true do end end)",
    "promise": "Promise.resolve():next(function() while true do end end)",
    "microtasks": "local function again() Promise.resolve():next(again) end again()",
    "timer_callback": "Promise.new(function() while true do end end)",
    "require": "require('spins')",
    "load_reader": "load(function() while true do end end)",
    "pairs_metamethod": "pairs(setmetatable({}, { __pairs = function() while true do end end }))",
    "gsub": "local s = ('a'):rep(1000) while true do s:gsub('a', 'b') end",
    "plain_find": "local s = ('a'):rep(100000) while true do s:find(('a'):rep(50000) .. 'b', 1, true) end",
    "sort": "local t = {} for i = 1, 1000 do t[i] = -i end while true do table.sort(t) end",
    "concat": "local t = {} for i = 1, 1000 do t[i] = 'x' end while true do table.concat(t) end",
}


@pytest.mark.parametrize("source", RUNAWAYS.values(), ids=RUNAWAYS.keys())
def test_soft_stop_ends_a_runaway_and_names_its_place(stage: Stage, source: str) -> None:
    modules = {"spins": "\nwhile true do end"}
    reply = stage.load(f"VoxEngine.customData('lost')\n{source}", limits=SMALL_BUDGET, modules=modules)
    assert reply.fault is not None
    assert reply.fault.code == "limit.cpu"
    assert reply.commands == []
    if source not in (RUNAWAYS["microtasks"], RUNAWAYS["load_reader"]):
        assert (reply.fault.file, reply.fault.line) in (("main.lua", 2), ("spins.lua", 2))


def test_soft_stop_comes_at_the_same_instruction_everywhere(stage: Stage, other_stage: Stage) -> None:
    source = "count = 0 print('start')\nwhile true do count = count + 1 if count % 1000 == 0 then print(count) end end"
    texts = []
    for one in (stage, other_stage):
        one.load(source, limits=SMALL_BUDGET)
        texts.append(one.said())
    assert texts[0] == texts[1]
    assert len(texts[0]) > 10


def test_each_turn_has_its_own_budget(stage: Stage) -> None:
    stage.run(
        "VoxEngine.addEventListener(AppEvents.Started, function() for _ = 1, 30000 do end print('done') end)",
        limits=SMALL_BUDGET,
    )
    for _ in range(5):
        stage.turn("Application.Started", {})
    assert stage.said() == ["done"] * 5


def test_fault_in_a_listener_names_event_and_listener(stage: Stage) -> None:
    stage.run(
        "VoxEngine.addEventListener(AppEvents.Started,\nfunction() while true do end end)",
        limits=SMALL_BUDGET,
    )
    reply = stage.failing_turn("Application.Started", {})
    assert reply.fault is not None
    assert (reply.fault.file, reply.fault.line) == ("main.lua", 2)
    assert reply.fault.during == "Application.Started, handler at main.lua:1"


def test_session_that_was_stopped_runs_nothing_more(stage: Stage) -> None:
    stage.load(
        "VoxEngine.addEventListener(AppEvents.Started, function() print('still here') end) while true do end",
        limits=SMALL_BUDGET,
    )
    reply = stage.failing_turn("Application.Started", {})
    assert reply.n == 1
    assert reply.fault is not None
    assert reply.fault.code == "limit.cpu"
    assert stage.said() == []


STALLS = {
    "varargs": (
        "print('begun') local function f(...) return f(0, ...) end"
        " local t = {} for i = 1, 90000 do t[i] = i end f(table.unpack(t))"
    ),
    "pattern": "print('begun') string.find(('a'):rep(3000), ('.-'):rep(6) .. 'b')",
    "insert_first": "print('begun') local t = table.move({}, 1, 1, 1, {}) for i = 1, 1e7 do table.insert(t, 1, i) end",
}


@pytest.mark.parametrize("source", STALLS.values(), ids=STALLS.keys())
def test_hard_stop_ends_a_stall_where_no_instruction_counts(driver: ScenarioDriver, source: str) -> None:
    limits = Limits(cpu_s_per_turn=0.2, wall_s_per_turn=60.0, instructions_per_turn=10**12)
    scenario = driver.spawn(limits)
    with pytest.raises(BudgetExceeded, match=r"more than 0\.2 s of CPU") as caught:
        scenario.load(source, limits=limits)
    assert caught.value.code == "limit.cpu"
    assert scenario.texts == ["begun"]


HUNGRY = {
    "table": "local t = {} while true do t[#t + 1] = {} end",
    "string": "local s = 'x' while true do s = s .. s end",
    "strings": "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
    "pcall": "local t = {} while true do pcall(function() while true do t[#t + 1] = {} end end) end",
    "near_the_top": "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(50) .. #t end) end",
    "coroutines": "local t = {} while true do t[#t + 1] = coroutine.create(print) end",
    "closures": "local f while true do local g = f f = function() return g end end",
    "rep": "local t = {} while true do t[#t + 1] = ('x'):rep(8 * 1024 * 1024) .. #t end",
    "gsub": "local s = ('x'):rep(1000) while true do s = s:gsub('x', 'xx') end",
    "commands": "while true do VoxEngine.customData(('x'):rep(200)) end",
    "logs_in_a_callback": "string.gsub('a', 'a', function() while true do print(('x'):rep(1000)) end end)",
}


@pytest.mark.parametrize("source", HUNGRY.values(), ids=HUNGRY.keys())
def test_hunger_for_memory_ends_the_session_by_a_limit(stage: Stage, source: str) -> None:
    reply = stage.load(source, limits=Limits(instructions_per_turn=10_000_000, cpu_s_per_turn=20.0))
    assert reply.fault is not None
    assert reply.fault.code in {"limit.memory", "limit.cpu", "limit.message", "limit.commands"}
    assert reply.fault.file == "main.lua"
    assert stage.failing_turn("timer", {}).fault is not None


def test_memory_limit_is_that_of_the_session(stage: Stage, other_stage: Stage) -> None:
    source = "local t = {} for i = 1, 60000 do t[i] = ('x'):rep(50) .. i end print('fits')"
    small = stage.load(source, limits=Limits(memory_bytes=4 * 1024 * 1024))
    assert small.fault is not None
    assert small.fault.code == "limit.memory"
    other_stage.run(source)
    assert other_stage.said() == ["fits"]


def test_event_without_room_for_it_ends_the_session(driver: ScenarioDriver) -> None:
    limits = Limits(memory_bytes=2 * 1024 * 1024)
    scenario = driver.spawn(limits)
    assert scenario.load("keep = ('x'):rep(700 * 1024)", limits=limits).fault is None
    reply = scenario.turn("Application.Started", {"long": "x" * (1024 * 1024)})
    assert reply.fault is not None
    assert reply.fault.code == "limit.memory"
    assert scenario.turn("Application.Started", {}).fault == reply.fault


@pytest.mark.parametrize(
    "code",
    [
        "('x'):rep(1e10)", "('x'):rep(1 << 62)", "('ab'):rep(2, ('x'):rep(1e7))", "table.move({}, 1, 1e9, 2)",
        "table.move({}, -1 << 62, 1 << 62, 1)", "table.unpack({}, 1, 1e9)", "table.unpack({}, 1, 1 << 62)",
        "table.concat(setmetatable({}, { __len = function() return 1e15 end }))",
        "table.insert(setmetatable({}, { __len = function() return 1e15 end }), 1, 1)",
        "table.remove(setmetatable({}, { __len = function() return 1e15 end }), 1)",
        "table.sort(setmetatable({}, { __len = function() return 1e9 end }))",
        "table.unpack(setmetatable({}, { __len = function() return 1e9 end }))",
        "load(('x = 1 '):rep(400000))", "load(('('):rep(100000))", "string.format('%99999d', 1)",
    ],
)  # fmt: skip
def test_what_would_stall_in_c_is_refused(stage: Stage, code: str) -> None:
    stage.run(f"local ok, result = pcall(function() return {code} end) print(ok, result)")
    (line,) = stage.said()
    assert line.startswith("false") or line == "true\tnil"
    assert stage.turn("timer", target=1).fault is None


def test_wall_watchdog_ends_a_process_that_stands_still() -> None:
    async def main() -> tuple[BaseException, str]:
        host = ScenarioHost(Clock(asyncio.get_running_loop()), warm=0)
        await host.start()
        limits = Limits(wall_s_per_turn=0.2)
        process = await host.spawn(limits, Recording())
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(BudgetExceeded) as caught:
            await process.exchange(make_load("print(1)", limits=limits))
        await process.closed()
        await host.close()
        return caught.value, caught.value.code

    error, code = asyncio.run(main())
    assert code == "limit.wall"
    assert "0.2 s" in str(error)


def test_commands_of_a_turn_are_counted(stage: Stage) -> None:
    reply = stage.load("for i = 1, 6000 do VoxEngine.customData('x') end")
    assert reply.fault is not None
    assert reply.fault.code == "limit.commands"
    assert len(reply.commands) == 1000
