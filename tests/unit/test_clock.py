from __future__ import annotations

import asyncio

import pytest

from voxruntime.clock import CROWD, Clock, WorkCount, cpu_now, real_now
from voxruntime.testing import virtual_loop


def test_work_count_counts_tokens_that_overlap() -> None:
    work = WorkCount()
    work.begin()
    with work.token():
        assert work.running == 2
        work.end()
        assert work.running == 1
    assert work.running == 0


def test_work_token_is_given_back_when_the_work_fails() -> None:
    work = WorkCount()
    with pytest.raises(RuntimeError), work.token():
        raise RuntimeError
    assert work.running == 0


def test_giving_back_a_token_that_was_not_taken_is_refused() -> None:
    with pytest.raises(AssertionError, match="without begin"):
        WorkCount().end()


def test_clock_tells_a_virtual_loop_from_a_real_one() -> None:
    async def is_virtual() -> bool:
        return Clock(asyncio.get_running_loop()).is_virtual

    assert asyncio.run(is_virtual()) is False
    assert virtual_loop.run(is_virtual()) is True


def test_clock_shares_the_work_count_of_a_virtual_loop() -> None:
    async def main() -> bool:
        loop = asyncio.get_running_loop()
        return isinstance(loop, virtual_loop.VirtualLoop) and Clock(loop).work is loop.work

    assert virtual_loop.run(main())


def test_the_latest_time_is_what_was_asked_for_last() -> None:
    async def main() -> list[float]:
        clock = Clock(asyncio.get_running_loop())
        await clock.sleep_until(1.0)
        clock.now()
        passed = asyncio.Event()
        clock.loop.call_later(0.5, passed.set)
        await passed.wait()
        return [clock.latest, clock.now(), clock.latest]

    assert virtual_loop.run(main()) == pytest.approx([1.0, 1.5, 1.5])


def test_wall_time_is_now_in_whole_milliseconds_without_rounding_down_a_tick() -> None:
    async def main() -> list[int]:
        clock = Clock(asyncio.get_running_loop(), wall_start_ms=1000)
        walls = []
        for tick in range(1, 101):
            await clock.sleep_until(tick * 0.01)
            walls.append(clock.wall_ms())
        return walls

    assert virtual_loop.run(main()) == [1000 + 10 * tick for tick in range(1, 101)]


def test_wall_time_starts_from_the_real_calendar_by_default() -> None:
    async def main() -> int:
        return Clock(asyncio.get_running_loop()).wall_ms()

    year_2020, year_2100 = 1_577_836_800_000, 4_102_444_800_000
    assert year_2020 < virtual_loop.run(main()) < year_2100


def test_clock_starts_at_zero_on_a_loop_that_has_run_for_long() -> None:
    async def main() -> tuple[float, float]:
        first = Clock(asyncio.get_running_loop())
        await first.sleep(1234.5)
        second = Clock(asyncio.get_running_loop())
        started = second.now()
        await second.sleep(0.5)
        return started, second.now()

    assert virtual_loop.run(main()) == (0.0, 0.5)


def test_real_and_cpu_time_do_not_run_backwards() -> None:
    assert real_now() <= real_now()
    assert cpu_now() <= cpu_now()


def test_many_timers_that_fall_into_the_same_5_ms_go_off_together() -> None:
    async def main() -> list[str]:
        loop, happened = asyncio.get_running_loop(), list[str]()
        clock = Clock(loop)
        for _ in range(CROWD):
            clock.call_at(1e6, lambda: None)
        first = 0.0051 + clock.now() // 0.005 * 0.005

        def on_first() -> None:
            happened.append("first")
            loop.call_soon(happened.append, "whatever the loop does next")

        clock.call_at(first, on_first)
        clock.call_at(first + 0.0048, lambda: happened.append("second"))
        await clock.sleep_until(first + 0.006)
        return happened

    assert asyncio.run(main()) == ["first", "second", "whatever the loop does next"]
