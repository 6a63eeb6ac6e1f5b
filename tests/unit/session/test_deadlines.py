from __future__ import annotations

import asyncio

from voxruntime.clock import Clock
from voxruntime.session.deadlines import Deadlines
from voxruntime.testing import virtual_loop


def test_a_deadline_replaces_the_one_of_its_purpose_and_can_be_dropped() -> None:
    called: list[str] = []

    async def wait() -> None:
        clock = Clock(asyncio.get_running_loop())
        deadlines = Deadlines(clock)
        deadlines.set("one", 1.0, lambda: called.append("early"))
        deadlines.set("one", 2.0, lambda: called.append("late"))
        deadlines.set("two", 1.0, lambda: called.append("dropped"))
        deadlines.drop("two")
        deadlines.drop("never set")
        await clock.sleep(3.0)
        deadlines.set("three", 1.0, lambda: called.append("dropped with all"))
        deadlines.drop_all()
        await clock.sleep(3.0)

    virtual_loop.run(wait())
    assert called == ["late"]
