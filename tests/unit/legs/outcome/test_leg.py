"""Called legs that never answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from leg_driver import PARTY, Reports, leg_context, loud
from voxruntime.call.leg import Leg
from voxruntime.call.state import Direction
from voxruntime.errors import ConfigError
from voxruntime.legs.context import LegContext
from voxruntime.legs.outcome.leg import open_busy, open_noanswer, open_reject
from voxruntime.testing.virtual_loop import run

OUTGOING = Direction.OUTGOING


def with_context(tmp_path: Path, act: Callable[[LegContext], Awaitable[None]]) -> None:
    async def main() -> None:
        async with leg_context(tmp_path) as context:
            await act(context)

    run(main())


async def reports_of(leg: Leg, context: LegContext) -> list[str]:
    """What a leg reports in the first minute of a call, with its media moving all the same."""
    reports = Reports()
    leg.open(PARTY, reports)
    leg.answer({})
    leg.push(loud(leg.rate))
    assert leg.pull() is None
    await context.clock.sleep(60)
    leg.reject(603)
    leg.hang_up({})
    return reports.lines


def test_busy_fails_with_486(tmp_path: Path) -> None:
    async def act(context: LegContext) -> None:
        leg = await open_busy("", OUTGOING, context)
        assert await reports_of(leg, context) == ["failed 486 Busy Here"]

    with_context(tmp_path, act)


def test_reject_fails_with_its_status(tmp_path: Path) -> None:
    async def act(context: LegContext) -> None:
        leg = await open_reject("404", OUTGOING, context)
        assert await reports_of(leg, context) == ["failed 404 Not Found"]

    with_context(tmp_path, act)


def test_noanswer_rings_and_rings(tmp_path: Path) -> None:
    async def act(context: LegContext) -> None:
        leg = await open_noanswer("", OUTGOING, context)
        assert await reports_of(leg, context) == ["ringing"]

    with_context(tmp_path, act)


def test_a_refusal_does_not_come_after_the_caller_gave_up(tmp_path: Path) -> None:
    async def act(context: LegContext) -> None:
        leg, reports = await open_busy("", OUTGOING, context), Reports()
        leg.hang_up({})
        leg.open(PARTY, reports)
        leg.hang_up({})
        await context.clock.sleep(60)
        assert reports.lines == []

    with_context(tmp_path, act)


@pytest.mark.parametrize("status", ["200", "299", "700", "x", "-486", "4８6", "1" * 5000])
def test_reject_takes_only_statuses_of_refusals(tmp_path: Path, status: str) -> None:
    async def act(context: LegContext) -> None:
        with pytest.raises(ConfigError, match="300 to 699"):
            await open_reject(status, OUTGOING, context)

    with_context(tmp_path, act)
