from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from voxruntime.clock import Clock
from voxruntime.testing import virtual_loop
from voxruntime.testing.virtual_loop import VirtualLoop


def current_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def test_run_returns_the_result_of_the_coroutine() -> None:
    async def main() -> str:
        return "result"

    assert virtual_loop.run(main()) == "result"


def test_run_raises_what_the_coroutine_raises() -> None:
    async def main() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        virtual_loop.run(main())


def test_hours_pass_in_jumps_of_exactly_their_length() -> None:
    async def main() -> float:
        clock = Clock(asyncio.get_running_loop())
        for _ in range(24):
            await clock.sleep(3600.0)
        return clock.now()

    assert virtual_loop.run(main()) == 86_400.0


def test_time_stands_still_while_callbacks_are_ready() -> None:
    async def main() -> float:
        clock = Clock(asyncio.get_running_loop())
        clock.call_later(1.0, lambda: None)
        for _ in range(1000):
            await asyncio.get_running_loop().create_task(_nothing())
        return clock.now()

    async def _nothing() -> None: ...

    assert virtual_loop.run(main()) == 0.0


def test_time_stands_still_while_work_is_counted() -> None:
    async def main() -> tuple[float, float]:
        loop = current_loop()
        clock = Clock(loop)
        timer_fired = asyncio.Event()
        clock.call_later(0.5, timer_fired.set)
        work_done = asyncio.Event()
        loop.work.begin()

        def work() -> None:
            loop.call_soon_threadsafe(work_done.set)

        worker = threading.Thread(target=work)
        worker.start()
        await work_done.wait()
        at_end_of_work = clock.now()
        loop.work.end()
        await timer_fired.wait()
        worker.join()
        return at_end_of_work, clock.now()

    assert virtual_loop.run(main()) == (0.0, 0.5)


def test_reply_that_waits_in_a_socket_arrives_before_time_moves() -> None:
    async def main() -> float:
        near, far = socket.socketpair()
        with near, far:
            reader, writer = await asyncio.open_connection(sock=near)
            clock = Clock(asyncio.get_running_loop())
            clock.call_later(1.0, lambda: None)
            far.send(b"reply\n")
            assert await reader.readline() == b"reply\n"
            writer.close()
            await writer.wait_closed()
        return clock.now()

    assert virtual_loop.run(main()) == 0.0


def test_watchdog_barks_although_a_descriptor_is_always_ready() -> None:
    async def main() -> None:
        loop = current_loop()
        near, far = socket.socketpair()
        with near, far, loop.work.token():
            far.send(b"flood")
            loop.add_reader(near, lambda: None)
            barked = asyncio.Event()
            loop.watchdog(0.01, barked.set)
            await barked.wait()
            loop.remove_reader(near)

    virtual_loop.run(main())


def test_watchdogs_bark_by_deadline_then_creation() -> None:
    async def main() -> list[str]:
        loop = current_loop()
        order: list[str] = []
        done = asyncio.Event()
        with loop.work.token():
            loop.watchdog(0.004, done.set)
            loop.watchdog(0.002, lambda: order.append("second"))
            loop.watchdog(0.0, lambda: order.append("first"))
            await done.wait()
        return order

    assert virtual_loop.run(main()) == ["first", "second"]


def test_watchdog_cancelled_by_another_one_stays_silent() -> None:
    async def main() -> list[str]:
        loop = current_loop()
        barks: list[str] = []
        done = asyncio.Event()
        with loop.work.token():
            loop.watchdog(0.0, lambda: (barks.append("first"), victim.cancel()))
            victim = loop.watchdog(0.0, lambda: barks.append("victim"))
            loop.watchdog(0.003, done.set)
            await done.wait()
        return barks

    assert virtual_loop.run(main()) == ["first"]


def test_distant_watchdog_does_not_hold_up_virtual_time() -> None:
    async def main() -> float:
        loop = current_loop()
        loop.watchdog(3600.0, lambda: None)
        clock = Clock(loop)
        await clock.sleep(10.0)
        return clock.now()

    assert virtual_loop.run(main()) == 10.0


def test_endless_pacing_never_asks_twice_for_one_deadline() -> None:
    """A core that waits for `now >= deadline` advances on every tick, however the sums round."""

    async def main() -> int:
        clock = Clock(asyncio.get_running_loop())
        deadline, ticks, wake_ups = 0.1, 0, 0
        while ticks < 1000:
            await clock.sleep_until(deadline)
            wake_ups += 1
            if clock.now() >= deadline:
                deadline += 0.1
                ticks += 1
        return wake_ups

    assert virtual_loop.run(main()) == 1000
