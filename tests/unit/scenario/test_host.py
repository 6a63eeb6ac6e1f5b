"""Session processes come, go on and end as they must, whoever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from scenario_driver import WALL_MS, Recording, make_load
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import InternalError
from voxruntime.scenario import isolation
from voxruntime.scenario.host import ScenarioHost
from voxruntime.scenario.process import ScenarioProcess
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import Turn

TESTS = Path(__file__).parents[2]
SCENARIO = "VoxEngine.addEventListener(AppEvents.Started, function() print('heard') end)"


@asynccontextmanager
async def running(warm: int = 0, **options: Callable[..., None]) -> AsyncIterator[ScenarioHost]:
    host = ScenarioHost(Clock(asyncio.get_running_loop()), warm=warm, **options)
    await host.start()
    try:
        yield host
    finally:
        await host.close()


async def session(host: ScenarioHost) -> tuple[ScenarioProcess, Recording]:
    recording = Recording()
    process = await host.spawn(Limits(), recording)
    assert (await process.exchange(make_load(SCENARIO))).fault is None
    return process, recording


async def started(process: ScenarioProcess, n: int = 1) -> None:
    reply = await process.exchange(Turn(n, 1.0, WALL_MS, 0, "Application.Started", {}))
    assert reply.fault is None


async def end(*processes: ScenarioProcess) -> None:
    for process in processes:
        process.kill()
        await process.closed()


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def children(pid: int) -> set[int]:
    """Processes whose parent is `pid`, the ended ones among them."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.add(int(stat.parent.name))
    return found


def end_child(pid: int) -> None:
    """Ends a child and returns once it has ended, before the loop can see it."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def wait_for_end(pid: int) -> None:
    """Waits until a process that need not be a child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([descriptor], [], [], 20)[0], f"process {pid} goes on"
    os.close(descriptor)


def test_each_session_is_one_process_and_a_child_of_the_engine() -> None:
    async def main() -> None:
        before = children(os.getpid())
        async with running() as host:
            sessions = [await session(host) for _ in range(3)]
            pids = {process.pid for process, _ in sessions}
            assert children(os.getpid()) - before == pids | {host.zygote_pid}
            await end(*(process for process, _ in sessions))
            assert children(os.getpid()) - before == {host.zygote_pid}
        assert children(os.getpid()) == before

    asyncio.run(main())


def test_warm_processes_are_used_and_replaced() -> None:
    async def main() -> None:
        before = children(os.getpid())
        async with running(warm=2) as host:
            process, _ = await session(host)
            other, _ = await session(host)
            await started(process)
            await end(process, other)
        assert children(os.getpid()) == before

    asyncio.run(main())


async def next_child(known: set[int]) -> int:
    """Waits until this process has one more running child."""
    clock = Clock(asyncio.get_running_loop())
    while not (found := {pid for pid in children(os.getpid()) - known if is_running(pid)}):
        await clock.sleep(0.001)
    return found.pop()


def test_warm_process_that_ended_meanwhile_is_not_used() -> None:
    async def main() -> None:
        before = children(os.getpid())
        async with running(warm=1) as host:
            process, _ = await session(host)
            warm = await next_child(before | {process.pid, host.zygote_pid or 0})
            end_child(warm)
            other, _ = await session(host)
            assert other.pid != warm
            await end(process, other)
        assert children(os.getpid()) == before

    asyncio.run(main())


def test_killing_a_scenario_ends_that_session_only() -> None:
    async def main() -> None:
        async with running() as host:
            victim, _ = await session(host)
            other, heard = await session(host)
            os.kill(victim.pid, signal.SIGKILL)
            await victim.closed()
            await started(other)
            assert [line.text for line in heard.log] == ["heard"]
            await end(other)

    asyncio.run(main())


def test_killing_the_zygote_ends_no_session_and_a_new_one_takes_over() -> None:
    async def main() -> None:
        async with running() as host:
            first, heard = await session(host)
            zygote = host.zygote_pid
            assert zygote is not None
            os.kill(zygote, signal.SIGKILL)
            await started(first)
            assert [line.text for line in heard.log] == ["heard"]
            second, _ = await session(host)
            assert host.zygote_pid not in {zygote, None}
            await started(second)
            await started(first, 2)
            await end(first, second)

    asyncio.run(main())


ENGINE = """
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
from scenario_driver import Recording, make_load
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.scenario.host import ScenarioHost

async def main():
    host = ScenarioHost(Clock(asyncio.get_running_loop()), warm=1)
    await host.start()
    idle = await host.spawn(Limits(), Recording())
    await idle.exchange(make_load("x = 1"))
    busy = await host.spawn(Limits(cpu_s_per_turn=100.0, wall_s_per_turn=100.0), Recording())
    limits = Limits(cpu_s_per_turn=100.0, instructions_per_turn=10**15)
    spinning = asyncio.ensure_future(busy.exchange(make_load("while true do end", limits=limits)))
    print(json.dumps([host.zygote_pid, idle.pid, busy.pid]), flush=True)
    await spinning

asyncio.run(main())
"""


def test_killing_the_engine_ends_all_its_processes() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(TESTS)], stdout=subprocess.PIPE, text=True
    ) as engine:
        assert engine.stdout is not None
        pids = json.loads(engine.stdout.readline())
        assert all(is_running(pid) for pid in pids)
        engine.kill()
    for pid in pids:
        wait_for_end(pid)


def test_isolation_is_reported_once() -> None:
    reports = []

    async def main() -> None:
        async with running(on_isolation=reports.append) as host:
            first, _ = await session(host)
            second, _ = await session(host)
            assert first.isolation == second.isolation == reports[0]
            await end(first, second)

    asyncio.run(main())
    assert len(reports) == 1
    assert isolation.weaknesses(reports[0]) == []


def test_virtual_time_stands_still_while_processes_start_and_work() -> None:
    async def main() -> float:
        clock = Clock(asyncio.get_running_loop())
        host = ScenarioHost(clock, warm=1)
        await host.start()
        ticks = []
        clock.call_later(5.0, lambda: ticks.append(clock.now()))
        process, _ = await session(host)
        await started(process)
        assert clock.now() == 0.0
        await clock.sleep(6.0)
        assert ticks == [5.0]
        await end(process)
        await host.close()
        return clock.now()

    assert virtual_loop.run(main()) == 6.0


async def start_and_spawn(host: ScenarioHost) -> None:
    await host.start()
    await host.spawn(Limits(), Recording())


@pytest.mark.parametrize("executable", ["/bin/false", "/nonexistent/python"])
def test_zygote_that_does_not_start_is_a_clear_error(
    executable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        host = ScenarioHost(Clock(asyncio.get_running_loop()), warm=0)
        with pytest.raises(InternalError) as caught:
            await start_and_spawn(host)
        assert caught.value.code == "scenario.zygote"
        await host.close()

    monkeypatch.setattr(sys, "executable", executable)
    asyncio.run(main())


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


def test_no_descriptors_left_is_a_clear_error() -> None:
    async def main() -> None:
        async with running() as host:
            first, _ = await session(host)
            with no_descriptors_left(), pytest.raises(InternalError) as caught:
                await host.spawn(Limits(), Recording())
            assert caught.value.code == "scenario.fork"
            second, _ = await session(host)
            await started(first)
            await end(first, second)

    asyncio.run(main())


def test_spawn_after_close_is_refused() -> None:
    async def main() -> None:
        async with running() as host:
            pass
        with pytest.raises(InternalError):
            await host.spawn(Limits(), Recording())

    asyncio.run(main())


def test_close_while_processes_are_starting_leaves_nothing() -> None:
    async def main() -> None:
        before = children(os.getpid())
        host = ScenarioHost(Clock(asyncio.get_running_loop()), warm=3)
        await host.start()
        await host.close()
        assert children(os.getpid()) == before

    asyncio.run(main())


@contextmanager
def few_descriptors(zygote_pid: int, free: int) -> Iterator[None]:
    """The zygote has only so many descriptors left."""
    held = {int(name) for name in os.listdir(f"/proc/{zygote_pid}/fd")}
    limit = next(top for top in range(1000) if len(set(range(top)) - held) == free)
    before = resource.prlimit(zygote_pid, resource.RLIMIT_NOFILE)
    resource.prlimit(zygote_pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(zygote_pid, resource.RLIMIT_NOFILE, before)


# It has stdio and its control socket; a fork needs the two sockets of the session, then a pipe, then another.
@pytest.mark.parametrize("missing", ["sockets", "pipe", "second_pipe"])
def test_zygote_that_cannot_fork_refuses_new_sessions_and_leaves_running_ones_alone(missing: str) -> None:
    async def main() -> None:
        async with running() as host:
            first, _ = await session(host)
            assert host.zygote_pid is not None
            free = {"sockets": 0, "pipe": 3, "second_pipe": 5}[missing]
            with few_descriptors(host.zygote_pid, free):
                for _ in range(2):
                    with pytest.raises(InternalError) as caught:
                        await host.spawn(Limits(), Recording())
                    assert caught.value.code == "scenario.fork"
                await started(first)
            second, _ = await session(host)
            await started(second)
            await end(first, second)

    asyncio.run(main())


def test_turns_in_flight_are_counted_until_they_are_answered() -> None:
    async def main() -> None:
        async with running() as host:
            clock = Clock(asyncio.get_running_loop())
            assert host.count_slow(0.0) == (0, 0)
            first, _ = await session(host)
            second, _ = await session(host)
            asked = asyncio.ensure_future(started(first))
            await clock.give_way()
            assert host.count_slow(1e-9) == (1, 2)
            assert host.count_slow(3600.0) == (0, 2)
            await asked
            assert host.count_slow(1e-9) == (0, 2)
            await end(first, second)
            assert host.count_slow(0.0) == (0, 0)

    asyncio.run(main())
