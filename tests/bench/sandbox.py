"""Prints, as one JSON object, what handlers cost in the sandbox, as a multiple of plain lupa.

    python tests/bench/sandbox.py [NAME…]

Each handler runs in a session process, in one turn, and in a plain Lua state in this process; `times` is the ratio of
their CPU times, the least of several rounds each.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from lupa import lua54

sys.path.insert(0, str(Path(__file__).parents[1]))

from scenario_driver import ScenarioDriver
from voxruntime import platform
from voxruntime.config import Limits

ROUNDS = 7
LIMITS = Limits(
    cpu_s_per_turn=20.0, wall_s_per_turn=60.0, cpu_warning_ms=60_000.0, instructions_per_turn=10**12
)

HANDLERS = {
    "arithmetic": "local s = 0 for i = 1, 2000000 do s = s + i % 7 end",
    "calls": "local function f(n) return n < 2 and n or f(n - 1) + f(n - 2) end f(24)",
    "tables": "for i = 1, 40000 do local t = { name = 'x', value = i, list = { 1, 2, 3 } } t.value = t.value + #t.list end",
    "closures": "local fs = {} for i = 1, 100000 do fs[i % 100] = function() return i end end",
    "text": "for i = 1, 40000 do local s = ('Hello %d, you are %s'):format(i, 'here') s = s:upper():sub(1, 10) end",
    "patterns": "for i = 1, 20000 do local n = ('call me at +7 916 123'):match('%+(%d+)'); ('a b c'):gsub('%s', '-') end",
    "concat": "for i = 1, 20000 do local t = { 'a', i, 'b' } local s = table.concat(t, ',') .. i end",
    "sort": "for i = 1, 1000 do local t = { 5, 3, 8, 1, 9, 2 } table.sort(t, function(a, b) return a < b end) end",
    "pairs": "local t = { a = 1, b = 2, c = 3, d = 4 } for i = 1, 20000 do for k, v in pairs(t) do end end",
    "ipairs": "local t = { 1, 2, 3, 4, 5 } for i = 1, 50000 do for k, v in ipairs(t) do end end",
    "pcall": "for i = 1, 100000 do pcall(math.abs, i) end",
    "coroutines": "for i = 1, 10000 do local co = coroutine.wrap(function() coroutine.yield(1) end) co() co() end",
    "dialogue": (
        "local state = { step = 1, heard = {} } for i = 1, 10000 do"
        " local event = { data = { payload = { transcript = 'I would like to book a table for ' .. i } } }"
        " local text = event.data.payload.transcript:lower() local number = tonumber(text:match('%d+'))"
        " if text:find('book', 1, true) and number then state.step = state.step % 3 + 1"
        " state.heard[#state.heard + 1] = ('%s:%d'):format(state.step, number) end"
        " if #state.heard > 50 then state.heard = {} end end"
    ),
}


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, to the microsecond, as the scheduler counts them."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def in_sandbox(driver: ScenarioDriver, code: str) -> float:
    scenario = driver.spawn(LIMITS)
    scenario.load(f"VoxEngine.addEventListener(AppEvents.Started, function() {code} end)", limits=LIMITS)
    rounds = []
    for _ in range(ROUNDS):
        before = cpu_of(scenario.process.pid)
        assert scenario.turn("Application.Started", {}).fault is None
        rounds.append(cpu_of(scenario.process.pid) - before)
    return min(rounds)


def in_plain_lua(code: str) -> float:
    run = lua54.LuaRuntime(register_eval=False, register_builtins=False).execute(
        f"return function() {code} end"
    )
    rounds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        run()
        rounds.append(time.process_time() - before)
    return min(rounds)


def main() -> None:
    assert platform.IS_LINUX, "the processes' CPU times come from /proc"
    report = {}
    with ScenarioDriver() as driver:
        for name, code in HANDLERS.items():
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            plain, sandboxed = in_plain_lua(code), in_sandbox(driver, code)
            report[name] = {
                "plain_ms": round(plain * 1000, 2),
                "sandbox_ms": round(sandboxed * 1000, 2),
                "times": round(sandboxed / plain, 2),
            }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
