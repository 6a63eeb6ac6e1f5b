import pytest

from session_doubles import RecordingHub
from voxruntime.config import Limits
from voxruntime.errors import ProtocolBreach
from voxruntime.session.queue import Event
from voxruntime.session.timers import Timers
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import StartTimer, StopTimer


class DeliveringHub(RecordingHub):
    """Delivers each firing at once, as a session that is never busy does."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self.timers: Timers | None = None
        self.fired: list[tuple[int, float]] = []

    def post(self, event: Event) -> None:
        assert self.timers is not None
        self.fired.append((event.target, round(self.clock.now(), 3)))
        self.timers.delivered(event.target)


def make() -> tuple[DeliveringHub, Timers]:
    hub = DeliveringHub()
    hub.timers = Timers(hub)
    return hub, hub.timers


def test_timers_fire_by_deadline_then_order_of_creation() -> None:
    async def main() -> None:
        hub, timers = make()
        for timer, delay_ms in [(1, 30), (2, 10), (3, 10)]:
            timers.start(StartTimer(timer, delay_ms, repeats=False))
        await hub.clock.sleep(1)
        assert hub.fired == [(2, 0.01), (3, 0.01), (1, 0.03)]

    virtual_loop.run(main())


def test_an_interval_below_100_ms_becomes_100_ms_and_keeps_its_grid() -> None:
    async def main() -> None:
        hub, timers = make()
        timers.start(StartTimer(1, 20, repeats=True))
        await hub.clock.sleep(0.35)
        timers.stop(StopTimer(1))
        await hub.clock.sleep(1)
        assert hub.fired == [(1, 0.1), (1, 0.2), (1, 0.3)]

    virtual_loop.run(main())


def test_an_interval_whose_firing_still_waits_does_not_queue_another() -> None:
    async def main() -> None:
        hub = RecordingHub()
        timers = Timers(hub)
        timers.start(StartTimer(1, 100, repeats=True))
        await hub.clock.sleep(1.05)
        assert len(hub.events) == 1
        timers.delivered(1)
        await hub.clock.sleep(0.1)
        assert len(hub.events) == 2
        timers.stop_all()

    virtual_loop.run(main())


def test_a_stopped_timer_never_fires() -> None:
    async def main() -> None:
        hub, timers = make()
        timers.start(StartTimer(1, 10, repeats=False))
        timers.stop(StopTimer(1))
        timers.stop(StopTimer(7))
        await hub.clock.sleep(1)
        assert hub.fired == []

    virtual_loop.run(main())


@pytest.mark.parametrize("timer", [1, 2])
def test_a_process_that_starts_too_many_timers_or_one_twice_breaks_the_protocol(timer: int) -> None:
    async def main() -> None:
        timers = Timers(RecordingHub(Limits(timers=1)))
        timers.start(StartTimer(1, 10, repeats=False))
        with pytest.raises(ProtocolBreach):
            timers.start(StartTimer(timer, 10, repeats=False))
        timers.stop_all()

    virtual_loop.run(main())
