"""What every clock promises, on the loop users get and on the loop that jumps."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine

import pytest

from voxruntime import event_loop
from voxruntime.clock import Clock
from voxruntime.testing import virtual_loop

Runner = Callable[[Coroutine[object, object, object]], object]

pytestmark = pytest.mark.parametrize("run", [event_loop.run, virtual_loop.run], ids=["real", "virtual"])


def new_clock() -> Clock:
    return Clock(asyncio.get_running_loop(), wall_start_ms=1_700_000_000_000)


def test_now_starts_at_zero_and_reaches_each_deadline(run: Runner) -> None:
    async def main() -> None:
        clock = new_clock()
        assert 0.0 <= clock.now() < 60.0
        for step in range(1, 20):
            deadline = step * 0.001
            await clock.sleep_until(deadline)
            assert clock.now() >= deadline

    run(main())


def test_callback_never_sees_a_time_before_its_deadline(run: Runner) -> None:
    async def main() -> list[tuple[float, float]]:
        clock = new_clock()
        seen: list[tuple[float, float]] = []
        done = asyncio.Event()
        deadlines = [clock.now() + n / 7000 for n in range(50)]
        for deadline in deadlines:
            clock.call_at(deadline, lambda deadline=deadline: seen.append((deadline, clock.now())))
        clock.call_at(deadlines[-1], done.set)
        await done.wait()
        return seen

    seen = run(main())
    assert isinstance(seen, list)
    assert len(seen) == 50
    assert [deadline for deadline, now in seen if now < deadline] == []


def test_equal_deadlines_fire_in_order_of_creation(run: Runner) -> None:
    async def main() -> list[int]:
        clock = new_clock()
        order: list[int] = []
        deadline = clock.now() + 0.01
        for number in range(100):
            clock.call_at(deadline, lambda number=number: order.append(number))
        await clock.sleep_until(deadline + 0.001)
        return order

    assert run(main()) == list(range(100))


def test_earlier_deadline_fires_first_whenever_it_was_created(run: Runner) -> None:
    async def main() -> list[str]:
        clock = new_clock()
        order: list[str] = []
        start = clock.now()
        clock.call_at(start + 0.02, lambda: order.append("late"))
        clock.call_at(start + 0.01, lambda: order.append("early"))
        clock.call_at(start + 0.02, lambda: order.append("late again"))
        await clock.sleep_until(start + 0.03)
        return order

    assert run(main()) == ["early", "late", "late again"]


def test_deadline_in_the_past_fires_at_once_but_not_inside_the_call(run: Runner) -> None:
    async def main() -> list[str]:
        clock = new_clock()
        order: list[str] = []
        fired = asyncio.Event()
        clock.call_at(-5.0, lambda: (order.append("fired"), fired.set()))
        order.append("scheduled")
        await fired.wait()
        return order

    assert run(main()) == ["scheduled", "fired"]


def test_cancelled_timer_does_not_fire_and_cancels_twice_without_harm(run: Runner) -> None:
    async def main() -> list[str]:
        clock = new_clock()
        fired: list[str] = []
        deadline = clock.now() + 0.005
        lonely = clock.call_at(deadline - 0.001, lambda: fired.append("lonely"))
        first = clock.call_at(deadline, lambda: fired.append("first"))
        clock.call_at(deadline, lambda: fired.append("second"))
        lonely.cancel()
        first.cancel()
        first.cancel()
        assert not first.is_pending
        await clock.sleep_until(deadline + 0.001)
        return fired

    assert run(main()) == ["second"]


def test_callback_cancels_a_later_timer_of_its_own_deadline(run: Runner) -> None:
    async def main() -> list[str]:
        clock = new_clock()
        fired: list[str] = []
        deadline = clock.now() + 0.005

        def cancel_victim() -> None:
            victim.cancel()
            clock.call_at(deadline, lambda: fired.append("created in the callback"))

        clock.call_at(deadline, cancel_victim)
        victim = clock.call_at(deadline, lambda: fired.append("victim"))
        await clock.sleep_until(deadline + 0.002)
        return fired

    assert run(main()) == ["created in the callback"]


def test_timer_can_be_cancelled_after_it_fired(run: Runner) -> None:
    async def main() -> bool:
        clock = new_clock()
        fired = asyncio.Event()
        timer = clock.call_later(0.001, fired.set)
        pending_before = timer.is_pending
        await fired.wait()
        timer.cancel()
        return pending_before and not timer.is_pending

    assert run(main()) is True


def test_timer_that_has_run_waits_once_more_in_the_order_of_new_ones(run: Runner) -> None:
    async def main() -> list[str]:
        clock = new_clock()
        fired: list[str] = []
        done = asyncio.Event()
        start = clock.now()

        def once_more() -> None:
            fired.append("once")
            clock.call_at(start + 0.002, lambda: fired.append("between"))
            timer.again(start + 0.002, again)

        def again() -> None:
            fired.append("again")
            assert not timer.is_pending
            done.set()

        timer = clock.call_at(start + 0.001, once_more)
        await done.wait()
        return fired

    assert run(main()) == ["once", "between", "again"]


def test_timers_that_were_cancelled_in_numbers_leave_the_others_in_order(run: Runner) -> None:
    async def main() -> list[int]:
        clock = new_clock()
        fired: list[int] = []
        start = clock.now()
        for number in range(1000):
            timer = clock.call_at(start + 0.001 * (number % 7), lambda number=number: fired.append(number))
            if number % 10:
                timer.cancel()
        await clock.sleep_until(start + 0.01)
        return fired

    assert run(main()) == sorted(range(0, 1000, 10), key=lambda number: (number % 7, number))


def test_each_callback_runs_in_the_context_that_scheduled_it(run: Runner) -> None:
    session: contextvars.ContextVar[str] = contextvars.ContextVar("session")

    async def main() -> list[str]:
        clock = new_clock()
        seen: list[str] = []
        deadline = clock.now() + 0.002
        for name in ("one", "two"):
            context = contextvars.copy_context()
            context.run(session.set, name)
            context.run(clock.call_at, deadline, lambda: seen.append(session.get()))
        await clock.sleep_until(deadline + 0.001)
        return seen

    assert run(main()) == ["one", "two"]


def test_failing_callback_does_not_stop_its_neighbours(run: Runner) -> None:
    async def main() -> tuple[list[str], list[str]]:
        clock = new_clock()
        reported: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(repr(context["exception"])))
        fired: list[str] = []
        deadline = clock.now() + 0.002

        def fail() -> None:
            raise RuntimeError("first")

        clock.call_at(deadline, fail)
        clock.call_at(deadline, lambda: fired.append("second"))
        await clock.sleep_until(deadline + 0.001)
        return fired, reported

    assert run(main()) == (["second"], ["RuntimeError('first')"])


def test_cancelled_sleep_leaves_no_timer_behind(run: Runner) -> None:
    async def main() -> bool:
        clock = new_clock()
        sleeper = asyncio.create_task(clock.sleep(3600.0))
        await clock.sleep(0.001)
        sleeper.cancel()
        await asyncio.wait([sleeper])
        return sleeper.cancelled() and clock.now() < 60.0

    assert run(main()) is True


def test_pacing_by_absolute_deadlines_does_not_drift(run: Runner) -> None:
    async def main() -> bool:
        clock = new_clock()
        deadline = clock.now()
        for _ in range(10):
            deadline += 0.001
            await clock.sleep_until(deadline)
        return clock.now() >= deadline

    assert run(main()) is True


def test_wall_time_follows_now(run: Runner) -> None:
    async def main() -> None:
        clock = new_clock()
        await clock.sleep(0.01)
        before = clock.now()
        wall = clock.wall_ms()
        after = clock.now()
        assert before * 1000 - 1 <= wall - 1_700_000_000_000 <= after * 1000 + 1

    run(main())


def test_watchdog_barks_while_work_holds_time(run: Runner) -> None:
    async def main() -> None:
        clock = new_clock()
        barked = asyncio.Event()
        with clock.work.token():
            clock.watchdog(0.01, barked.set)
            await barked.wait()

    run(main())


def test_cancelled_watchdog_stays_silent(run: Runner) -> None:
    async def main() -> list[str]:
        clock = new_clock()
        barks: list[str] = []
        second_barked = asyncio.Event()
        with clock.work.token():
            clock.watchdog(0.005, lambda: barks.append("cancelled")).cancel()
            clock.watchdog(0.01, second_barked.set)
            await second_barked.wait()
        return barks

    assert run(main()) == []
