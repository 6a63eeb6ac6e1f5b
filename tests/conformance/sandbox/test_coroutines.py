"""Coroutines behave as in Lua, and waits pass through them unseen."""

from __future__ import annotations

import pytest

from scenario_stage import Stage

LEGAL = {
    "values_pass_both_ways": (
        "local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) return b * 2 end)"
        " print(coroutine.resume(co, 1)) print(coroutine.resume(co, 10)) print(coroutine.resume(co))",
        ["true\t2", "true\t20", "false\tcannot resume dead coroutine"],
    ),
    "nil_values_pass": (
        "local co = coroutine.wrap(function(...) print(select('#', ...)) print(select('#', coroutine.yield(nil, nil))) end)"
        " print(select('#', co(nil, 1, nil))) co(nil)",
        ["3", "2", "1"],
    ),
    "errors_end_them": (
        "local co = coroutine.create(function() error({ code = 7 }) end)"
        " local ok, e = coroutine.resume(co) print(ok, e.code, coroutine.status(co))",
        ["false\t7\tdead"],
    ),
    "wrap_raises_the_error_itself": (
        "local e = {} print(pcall(coroutine.wrap(function() error(e) end)) == false,"
        " select(2, pcall(coroutine.wrap(function() error(e) end))) == e)",
        ["true\ttrue"],
    ),
    "status": (
        "local outer outer = coroutine.create(function()"
        " local inner = coroutine.create(function() print(coroutine.status(outer)) coroutine.yield() end)"
        " coroutine.resume(inner) print(coroutine.status(inner), coroutine.status(outer)) end)"
        " print(coroutine.status(outer)) coroutine.resume(outer) print(coroutine.status(outer))",
        ["suspended", "normal", "suspended\trunning", "dead"],
    ),
    "running_and_yieldable": (
        "print(select(2, coroutine.running()), coroutine.isyieldable())"
        " coroutine.wrap(function() print(select(2, coroutine.running()), coroutine.isyieldable()) end)()",
        ["true\tfalse", "false\ttrue"],
    ),
    "close_runs_pending_variables": (
        "local co = coroutine.create(function()"
        " local c <close> = setmetatable({}, { __close = function() print('closed') end }) coroutine.yield() end)"
        " coroutine.resume(co) print(coroutine.close(co), coroutine.status(co))",
        ["closed", "true\tdead"],
    ),
    "yield_outside": (
        "print(pcall(coroutine.yield, 1))",
        ["false\tmain.lua:1: attempt to yield from outside a coroutine"],
    ),
    "yield_across_pcall": (
        "local co = coroutine.wrap(function() return pcall(function() return coroutine.yield(1) end) end)"
        " print(co()) print(co('back'))",
        ["1", "true\tback"],
    ),
    "yield_in_iterator": (
        "local co = coroutine.wrap(function() for key in pairs({ a = 1, b = 2 }) do coroutine.yield(key) end end)"
        " print(co(), co())",
        ["a\tb"],
    ),
    "generators_nest": (
        "local function range(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end"
        " local sum = 0 for i in range(3) do for j in range(i) do sum = sum + j end end print(sum)",
        ["10"],
    ),
    "a_task_cannot_be_resumed_by_hand": (
        "print(coroutine.resume((coroutine.running())))",
        ["false\tcannot resume non-suspended coroutine"],
    ),
    "bad_arguments": (
        "print(pcall(coroutine.create, 1)) print(pcall(coroutine.resume, {}))",
        [
            "false\tmain.lua:1: bad argument #1 to 'create' (function expected, got number)",
            "false\tmain.lua:1: bad argument #1 to 'resume' (coroutine expected, got table)",
        ],
    ),
}


@pytest.mark.parametrize(("source", "expected"), LEGAL.values(), ids=LEGAL.keys())
def test_coroutines_behave_as_in_lua(stage: Stage, source: str, expected: list[str]) -> None:
    stage.run(source)
    assert stage.said() == expected


def test_a_yield_in_a_listener_outside_a_coroutine_is_an_error(stage: Stage) -> None:
    stage.run("VoxEngine.addEventListener(AppEvents.Started, function() coroutine.yield() end)")
    reply = stage.failing_turn("Application.Started", {})
    assert reply.fault is not None
    assert reply.fault.message == "attempt to yield from outside a coroutine"


def test_log_line_in_a_coroutine_leaves_at_once(stage: Stage) -> None:
    source = (
        "coroutine.wrap(function() coroutine.wrap(function() print('out') while true do end end)() end)()"
    )
    stage.load(source)
    assert stage.said() == ["out"]


def test_coroutine_that_waits_cannot_be_resumed_by_others(stage: Stage) -> None:
    stage.run(
        """
        local inner = coroutine.create(function() print("got", await(sleep(1000))) end)
        setTimeout(function() print(coroutine.status(inner), coroutine.resume(inner, "thief")) end, 0)
        coroutine.resume(inner)
        print("after")
        """
    )
    stage.turn("timer", target=1)
    assert stage.said() == ["normal\tfalse\tcannot resume non-suspended coroutine"]


def test_handlers_that_ask_run_in_threads_of_their_own(stage: Stage) -> None:
    stage.run(
        """
        local seen = {}
        setInterval(function()
          local thread, is_outermost = coroutine.running()
          print(seen[thread], is_outermost, seen[1] and coroutine.status(seen[1]))
          seen[thread], seen[1] = true, thread
        end, 100)
        """
    )
    for _ in range(2):
        stage.turn("timer", target=1)
    assert stage.said() == ["nil\ttrue\tnil", "nil\ttrue\tdead"]


def test_handler_that_ended_leaves_nothing_to_the_next_one(stage: Stage) -> None:
    stage.run(
        """
        setInterval(function() local kept <const> = {} end, 100)
        setInterval(function(...) print(select("#", ...), ...) end, 100)
        setInterval(function() error("mine") end, 100)
        """
    )
    stage.turn("timer", target=1)
    stage.turn("timer", target=2)
    fault = stage.failing_turn("timer", target=3).fault
    assert stage.said() == ["0"]
    assert fault is not None
    assert (fault.during, fault.traceback) == (
        "setInterval, handler at main.lua:4",
        "main.lua:4: in function <main.lua:4>",
    )
