"""What every leg type promises: answering, hanging up from each side, media both ways, and quiet refusals.

Runs over the registry: a new leg type fails here until it has a recipe below. Each test runs in virtual time and on
the loop that users get. A leg with a device behind it lives in real time alone, and never hangs up by itself: its own
tests hold it to the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from leg_driver import PARTY, Reports, joined, leg_context, loud, tick, ticks, write_wav
from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import RATES
from voxruntime.audio.tones import sine
from voxruntime.call.leg import Leg
from voxruntime.call.state import Direction
from voxruntime.errors import ConfigError
from voxruntime.legs.registry import LEG_TYPES, LegType, open_leg
from voxruntime.testing import virtual_loop

INCOMING, OUTGOING = Direction.INCOMING, Direction.OUTGOING

SCRIPT = """\
rate = 16000
answer_after_ms = 50

[[step]]
say = "hello"

[[step]]
wait = "agent_speaks"
timeout_ms = 500

[[step]]
hangup = true
"""


@dataclass(frozen=True)
class Recipe:
    """How the suite makes one leg and what it may expect of it.

    Attributes:
        spec: Its spec, in a folder made by `prepare`.
        first_report: What it tells first when it is called.
        is_silent: Whether it never talks, because it is never connected.
        ends_on_speech: Whether its far end hangs up once it has heard the agent; otherwise by itself.
    """

    spec: str
    first_report: str = "ringing"
    is_silent: bool = False
    ends_on_speech: bool = False


RECIPES = {
    "wav": Recipe("wav:c.wav"),
    "script": Recipe("script:c.toml", ends_on_speech=True),
    "busy": Recipe("busy", first_report="failed 486 Busy Here", is_silent=True),
    "noanswer": Recipe("noanswer", is_silent=True),
    "reject": Recipe("reject:603", first_report="failed 603 Decline", is_silent=True),
}

DEVICES = {"mic"}

CASES = [
    (leg_type, direction)
    for leg_type in LEG_TYPES
    for direction in sorted(leg_type.directions)
    if leg_type.scheme not in DEVICES
]
TALKING = [case for case in CASES if not RECIPES[case[0].scheme].is_silent]
CALLED = [case[0] for case in CASES if case[1] is OUTGOING]


class Act(Protocol):
    async def __call__(self, leg: Leg, reports: Reports) -> None: ...


Runner = Callable[[Coroutine[object, object, None]], None]


@pytest.fixture(params=[virtual_loop.run, asyncio.run], ids=["virtual", "real"])
def run(request: pytest.FixtureRequest) -> Runner:
    runner: Runner = request.param
    return runner


def name(value: object) -> str:
    return value.scheme if isinstance(value, LegType) else str(value)


def prepare(folder: Path) -> None:
    write_wav(folder / "c.wav", sine(440.0, 0.3, 16000, level_dbfs=-15.0), 16000)
    (folder / "c.toml").write_text(SCRIPT)


async def with_leg(folder: Path, leg_type: LegType, direction: Direction, act: Act) -> None:
    prepare(folder)
    async with leg_context(folder, hangup_after_s=0.2) as context:
        leg = await open_leg(RECIPES[leg_type.scheme].spec, direction, context)
        await act(leg, Reports())


async def connect(leg: Leg, direction: Direction, reports: Reports) -> None:
    """Brings a call to the point where media flows."""
    leg.open(PARTY, reports)
    if direction is INCOMING:
        leg.answer({})
    else:
        while "answered" not in reports.lines:
            await reports.next()


def test_every_leg_type_has_a_recipe() -> None:
    assert RECIPES.keys() | DEVICES == {leg_type.scheme for leg_type in LEG_TYPES}


@pytest.mark.parametrize(("leg_type", "direction"), CASES, ids=name)
def test_rate_is_one_of_the_ports_rates_before_the_call(
    tmp_path: Path, run: Runner, leg_type: LegType, direction: Direction
) -> None:
    async def act(leg: Leg, _reports: Reports) -> None:
        assert leg.rate in RATES

    run(with_leg(tmp_path, leg_type, direction, act))


@pytest.mark.parametrize(("leg_type", "direction"), TALKING, ids=name)
def test_a_leg_tells_nothing_and_says_nothing_until_it_is_connected(
    tmp_path: Path, run: Runner, leg_type: LegType, direction: Direction
) -> None:
    async def act(leg: Leg, reports: Reports) -> None:
        assert ticks(leg, 3) == [None] * 3
        leg.open(PARTY, reports)
        assert ticks(leg, 3, loud(leg.rate)) == [None] * 3
        assert reports.lines == ([] if direction is INCOMING else ["ringing"])

    run(with_leg(tmp_path, leg_type, direction, act))


@pytest.mark.parametrize("leg_type", CALLED, ids=name)
def test_a_called_leg_rings_or_refuses(tmp_path: Path, run: Runner, leg_type: LegType) -> None:
    async def act(leg: Leg, reports: Reports) -> None:
        leg.open(PARTY, reports)
        first = reports.lines[0] if reports.lines else await reports.next()
        assert first == RECIPES[leg_type.scheme].first_report

    run(with_leg(tmp_path, leg_type, OUTGOING, act))


@pytest.mark.parametrize(("leg_type", "direction"), TALKING, ids=name)
def test_media_flows_both_ways_once_connected(
    tmp_path: Path, run: Runner, leg_type: LegType, direction: Direction
) -> None:
    async def act(leg: Leg, reports: Reports) -> None:
        await connect(leg, direction, reports)
        agent = loud(leg.rate)
        kept = agent.copy()
        frames = ticks(leg, 10, agent)
        assert all(frame is None or frame.flags.c_contiguous for frame in frames)
        said = joined(frames, leg.rate)
        assert dbfs(said) > -30
        assert np.array_equal(agent, kept), "a leg must not change the frames it hears"
        if RECIPES[leg_type.scheme].ends_on_speech:
            ticks(leg, 40, agent)
            assert reports.lines[-1] == "hung up 200"

    run(with_leg(tmp_path, leg_type, direction, act))


@pytest.mark.parametrize(("leg_type", "direction"), TALKING, ids=name)
def test_the_far_end_hangs_up_once_and_is_silent_afterwards(
    tmp_path: Path, run: Runner, leg_type: LegType, direction: Direction
) -> None:
    async def act(leg: Leg, reports: Reports) -> None:
        await connect(leg, direction, reports)
        before = list(reports.lines)
        for _ in range(500):
            tick(leg, loud(leg.rate))
            if reports.lines != before:
                break
        assert reports.lines == [*before, "hung up 200"]
        assert ticks(leg, 100, loud(leg.rate)) == [None] * 100
        leg.hang_up({})
        assert reports.lines == [*before, "hung up 200"]

    run(with_leg(tmp_path, leg_type, direction, act))


@pytest.mark.parametrize(("leg_type", "direction"), TALKING, ids=name)
def test_the_scenario_hangs_up_and_nothing_follows(
    tmp_path: Path, run: Runner, leg_type: LegType, direction: Direction
) -> None:
    async def act(leg: Leg, reports: Reports) -> None:
        await connect(leg, direction, reports)
        ticks(leg, 3)
        before = list(reports.lines)
        leg.hang_up({})
        leg.hang_up({})
        assert ticks(leg, 500, loud(leg.rate)) == [None] * 500
        assert reports.lines == before

    run(with_leg(tmp_path, leg_type, direction, act))


@pytest.mark.parametrize(("leg_type", "direction"), CASES, ids=name)
def test_a_call_given_up_before_its_answer_ends_quietly(
    tmp_path: Path, leg_type: LegType, direction: Direction
) -> None:
    async def main() -> None:
        prepare(tmp_path)
        async with leg_context(tmp_path) as context:
            leg = await open_leg(RECIPES[leg_type.scheme].spec, direction, context)
            reports = Reports()
            leg.open(PARTY, reports)
            before = list(reports.lines)
            if direction is INCOMING:
                leg.reject(603)
            else:
                leg.hang_up({})
            await context.clock.sleep(120)
            assert ticks(leg, 10, loud(leg.rate)) == [None] * 10
            assert reports.lines == before

    virtual_loop.run(main())


@pytest.mark.parametrize(
    "leg_type", [leg_type for leg_type in LEG_TYPES if INCOMING not in leg_type.directions], ids=name
)
def test_a_leg_that_does_not_call_says_so(tmp_path: Path, run: Runner, leg_type: LegType) -> None:
    async def act(_leg: Leg, _reports: Reports) -> None:
        raise AssertionError("it was opened")

    with pytest.raises(ConfigError, match="does not call"):
        run(with_leg(tmp_path, leg_type, INCOMING, act))
