"""Rule 9: `await` works wherever Lua can leave, and says so where it cannot."""

from __future__ import annotations

import pytest

from scenario_stage import Stage

# Each gives "value" out of an await in that place.
PLACES = {
    "top_level": "print(value())",
    "pcall": "print(select(2, pcall(value)))",
    "xpcall": "print(select(2, xpcall(value, print)))",
    "nested_pcall": "print(select(2, pcall(function() return select(2, pcall(value)) end)))",
    "coroutine_wrap": "print(coroutine.wrap(value)())",
    "coroutine_resume": "print(select(2, coroutine.resume(coroutine.create(value))))",
    "nested_coroutines": "print(coroutine.wrap(function() return coroutine.wrap(function() return value() end)() end)())",
    "pcall_in_coroutine": "print(coroutine.wrap(function() return select(2, pcall(value)) end)())",
    "coroutine_in_pcall": "print(select(2, pcall(coroutine.wrap(value))))",
    "index": "print(setmetatable({}, { __index = function() return value() end }).x)",
    "newindex": "local t = setmetatable({}, { __newindex = function() print(value()) end }) t.x = 1",
    "call": "print(setmetatable({}, { __call = function() return value() end })())",
    "add": "print(setmetatable({}, { __add = function() return value() end }) + 1)",
    "unary_minus": "print(-setmetatable({}, { __unm = function() return value() end }))",
    "length": "print(#setmetatable({}, { __len = function() return value() end }))",
    "equal": (
        "local m = { __eq = function() return value() == 'value' end }"
        " print(setmetatable({}, m) == setmetatable({}, m) and 'value')"
    ),
    "less": (
        "local m = { __lt = function() return value() == 'value' end }"
        " print(setmetatable({}, m) < setmetatable({}, m) and 'value')"
    ),
    "concat": (
        "local m = { __concat = function(a, b) local v = value() return type(a) == 'string' and a .. v or v .. b end }"
        " print('' .. setmetatable({}, m) .. '')"
    ),
    "load_reader": (
        "local sent = false local function read() if not sent then sent = true return 'return \"' .. value() .. '\"' end end"
        " print(load(read)())"
    ),
    "close": "do local c <close> = setmetatable({}, { __close = function() print(value()) end }) end",
    "iterator": "for v in function(_, last) if not last then return value() end end do print(v) end",
    "required_module": "print(require('waits').value)",
    "promise_handler": "print(await(Promise.resolve():next(value)))",
    "promise_executor": "print(await(Promise.new(function(resolve) resolve(value()) end)))",
    "timer": "setTimeout(function() print(value()) end, 0)",
}

VALUE = """
local function value()
  await(sleep(1))
  return (await(Promise.resolve("value")))
end
"""

MODULES = {"waits": "await(nil) return { value = await(Promise.resolve('value')) }"}


def play(stage: Stage) -> list[str]:
    """Fires timers until none is left."""
    for timer in range(1, 4):
        stage.fire(timer)
    return stage.said()


@pytest.mark.parametrize("place", PLACES)
def test_await_waits_at_the_top_level(stage: Stage, place: str) -> None:
    stage.run(VALUE + PLACES[place], modules=MODULES)
    assert play(stage) == ["value"]


@pytest.mark.parametrize("place", PLACES)
def test_await_waits_in_a_listener(stage: Stage, place: str) -> None:
    stage.run(
        f"{VALUE} VoxEngine.addEventListener(AppEvents.Started, function() {PLACES[place]} end)",
        modules=MODULES,
    )
    stage.turn("Application.Started")
    assert play(stage) == ["value"]


@pytest.mark.parametrize("place", PLACES)
def test_await_waits_inside_a_coroutine(stage: Stage, place: str) -> None:
    stage.run(f"{VALUE} coroutine.wrap(function() {PLACES[place]} end)()", modules=MODULES)
    assert play(stage) == ["value"]


def test_a_coroutine_keeps_its_own_yields_while_awaits_pass_through(stage: Stage) -> None:
    stage.run("""
local function steps()
  for i = 1, 3 do
    await(sleep(1))
    coroutine.yield(i)
  end
  return "done"
end
local next_step = coroutine.wrap(steps)
print(next_step(), next_step(), next_step(), next_step())
""")
    assert play(stage) == ["1\t2\t3\tdone"]


def test_a_waiting_coroutine_cannot_be_resumed_by_others(stage: Stage) -> None:
    stage.run("""
local co = coroutine.create(function() return await(sleep(1)) end)
setTimeout(function() print(coroutine.status(co), coroutine.resume(co)) end, 0)
print("ended", coroutine.resume(co))
""")
    stage.fire(1)
    stage.fire(2)
    assert stage.said() == ["normal\tfalse\tcannot resume non-suspended coroutine", "ended\ttrue\tnil"]


WHERE_LUA_CANNOT_LEAVE = {
    "gsub": 'string.gsub("a", "a", function() return await("b") end)',
    "sort": "table.sort({ 2, 1, 3 }, function(a, b) return await(a < b) end)",
    "tostring": "tostring(setmetatable({}, { __tostring = function() return await('x') end }))",
    "coroutine_in_gsub": 'string.gsub("a", "a", function() return coroutine.wrap(function() return await("b") end)() end)',
}


@pytest.mark.parametrize("place", WHERE_LUA_CANNOT_LEAVE)
def test_await_raises_with_the_remedy_where_lua_cannot_leave(stage: Stage, place: str) -> None:
    stage.run(f"""
local ok, err = pcall(function()
{WHERE_LUA_CANNOT_LEAVE[place]}
end)
if type(err) == "table" then print(ok, err.code, err.message) else print(ok, err) end
print(await(Promise.resolve("later awaits work")))
""")
    first, second = stage.said()
    assert first.startswith("false")
    assert "await" in first
    assert "Await before it, and use the result inside." in first
    assert second == "later awaits work"


def test_an_uncaught_await_here_names_its_line(stage: Stage) -> None:
    fault = stage.load('string.gsub("a", "a", function()\n  local b = await("b")\n  return b\nend)').fault
    assert fault is not None
    assert (fault.code, fault.file, fault.line) == ("await.here", "main.lua", 2)


def test_a_refused_await_does_not_count_as_handling_the_rejection(stage: Stage) -> None:
    fault = stage.load("""
local p = Promise.reject("nobody handles this")
pcall(string.gsub, "a", "a", function() return await(p) end)
""").fault
    assert fault is not None
    assert fault.message == "nobody handles this"
