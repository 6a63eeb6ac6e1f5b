"""The same turns give the same bytes, in any process of any zygote."""

from __future__ import annotations

import asyncio

from scenario_driver import WALL_MS, Recording, ScenarioDriver, make_load
from scenario_stage import Stage
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.scenario.host import ScenarioHost
from voxruntime.turn.messages import Load, Turn

SCENARIO = """
local seen = {}

local function text_of(t)
  local parts = {}
  for key, value in pairs(t) do
    parts[#parts + 1] = tostring(key) .. "=" .. (type(value) == "table" and text_of(value) or tostring(value))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function report(event)
  local scrambled = {}
  for i = 1, 40 do
    scrambled["key" .. math.random(1, 10000)] = { uuidgen(), math.random(), os.time(), os.clock(), Date.now() }
  end
  scrambled[1], scrambled[2.5], scrambled[true], scrambled[report] = {}, "x", print, "only one function as a key"
  seen[#seen + 1] = text_of(scrambled)
  VoxEngine.customData(tostring(#seen) .. os.date() .. tostring({}))
  local call = VoxEngine.callPSTN("7" .. math.random(1, 9), "1")
  call:addEventListener(CallEvents.Connected, report)
  print(JSON.encode({ b = seen[#seen], a = { z = 1, y = { 2, 3 } } }))
  setTimeout(function() coroutine.wrap(function() print(await(sleep(1))) end)() end, 5)
end

VoxEngine.addEventListener(AppEvents.Started, report)
report({})
"""


def messages() -> list[Load | Turn]:
    turns: list[Load | Turn] = [make_load(SCENARIO, seed_random=7, seed_ids=8)]
    for n in range(1, 12):
        turns.append(Turn(n, n / 7, WALL_MS + n, 0, "Application.Started", {"sessionId": "s", "n": n}))
    return turns


async def play() -> tuple[list[bytes], list[tuple[str, str]]]:
    recording = Recording()
    host = ScenarioHost(Clock(asyncio.get_running_loop()), warm=0)
    await host.start()
    process = await host.spawn(Limits(), recording)
    for message in messages():
        reply = await process.exchange(message)
        assert reply.fault is None, reply.fault
        assert reply.exact
    process.kill()
    await process.closed()
    await host.close()
    return recording.replies(), [(line.text, line.place) for line in recording.log if "CPU" not in line.text]


def test_two_zygotes_give_equal_bytes() -> None:
    first, second = asyncio.run(play()), asyncio.run(play())
    assert len(first[0]) == len(messages())
    assert first == second


def test_other_seeds_give_other_bytes(driver: ScenarioDriver) -> None:
    source = "print(math.random(1, 2^53), uuidgen())"
    lines = []
    for seeds in ((1, 2), (1, 3), (4, 2)):
        scenario = driver.spawn()
        scenario.load(source, seed_random=seeds[0], seed_ids=seeds[1])
        lines.append(scenario.texts[0].split("\t"))
    (random, uuid), (same_random, other_uuid), (other_random, same_uuid) = lines
    assert (random, uuid) == (same_random, same_uuid)
    assert random != other_random
    assert uuid != other_uuid


def test_seeds_of_64_bits_are_taken(driver: ScenarioDriver) -> None:
    texts = []
    for seed in (2**64 - 1, 2**63 + 5 * 2**40):
        scenario = driver.spawn()
        scenario.load("print(math.random(1, 2^53), uuidgen())", seed_random=seed, seed_ids=seed)
        texts.append(scenario.texts[0])
    assert texts[0] != texts[1]


def test_drawing_random_numbers_does_not_shift_ids(stage: Stage, other_stage: Stage) -> None:
    stage.run("print(uuidgen())")
    other_stage.run("for _ = 1, 10 do math.random() end print(uuidgen())")
    assert stage.said() == other_stage.said()


def test_reseeding_without_arguments_repeats_in_a_replay(stage: Stage, other_stage: Stage) -> None:
    for one in (stage, other_stage):
        one.run(
            "math.randomseed() print(math.random(1, 1000000)) math.randomseed() print(math.random(1, 1000000))"
        )
    first, second = stage.said()
    assert [first, second] == other_stage.said()
    assert first != second


def test_clocks_are_those_of_the_turn(stage: Stage) -> None:
    stage.run(
        "VoxEngine.addEventListener(AppEvents.Started, function() print(os.time(), os.clock(), os.date()) end)"
    )
    stage.turn("Application.Started", {}, now=2.5)
    assert stage.said() == [f"{WALL_MS // 1000 + 2}\t2.5\tTue Nov 14 22:13:22 2023"]


def test_dates_are_utc(stage: Stage) -> None:
    stage.run(
        "print(os.time({ year = 2024, month = 2, day = 29, hour = 0 }))"
        " print(os.time({ year = 2024, month = 14, day = -3, hour = 25, min = 61, sec = 61 }))"
        " print(os.time({ year = 1969, month = 12, day = 31, hour = 23, min = 59, sec = 59 }))"
        " print(os.date('%Y-%m-%d %H:%M:%S', 1709164800), os.date('*t', 1709164800).hour)"
        " local fields = { year = 2024, month = 1, day = 32 } os.time(fields) print(fields.month, fields.day)"
    )
    assert stage.said() == ["1709164800", "1738116121", "-1", "2024-02-29 00:00:00\t0", "2\t1"]


def test_date_without_a_field_names_it(stage: Stage) -> None:
    stage.run("print(pcall(os.time, { year = 2024, month = 1 }))")
    assert "field 'day' missing in date table" in stage.said()[0]
