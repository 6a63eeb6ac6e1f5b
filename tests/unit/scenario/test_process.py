"""The engine's side of a session process, against a far side that the test plays byte by byte."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from scenario_driver import Recording, make_load
from voxruntime import platform
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import BudgetExceeded, ProtocolBreach, ScenarioError
from voxruntime.scenario.ends import ScenarioDied
from voxruntime.scenario.process import Direction, Forked, ScenarioProcess
from voxruntime.scenario.replies import plain_answer
from voxruntime.scenario.wire import EXIT_OUT_OF_MEMORY
from voxruntime.testing import virtual_loop
from voxruntime.turn import framing, messages
from voxruntime.turn.messages import Fault, LogLine, Reply, Turn

SLEEPER = "import time; time.sleep(600)"
PATIENT = Limits(wall_s_per_turn=60.0)


class FarSide:
    """A process that only sleeps, and the sockets it would have."""

    def __init__(self, limits: Limits, code: str) -> None:
        turn, self.turn = socket.socketpair()
        log, self.log = socket.socketpair()
        for end in (turn, log, self.turn):
            end.setblocking(False)
        arguments = [sys.executable, "-I", "-S", "-c", code]
        self.process = platform.Process(os.posix_spawn(sys.executable, arguments, {}))
        self.log_bytes = 0
        self.heard = Recording()
        self.clock = Clock(asyncio.get_running_loop())
        forked = Forked(self.process, turn, log, {})
        self.scenario = ScenarioProcess(forked, self.clock, limits, self.heard)

    async def receive(self) -> bytes:
        """The next frame from the engine."""
        reader = framing.FrameReader(8 * 1024 * 1024)
        while True:
            chunk = await asyncio.get_running_loop().sock_recv(self.turn, 65536)
            for body in reader.feed(chunk):
                return body

    async def reply(self, reply: Reply) -> None:
        await self.send(self.answer(reply))

    def answer(self, reply: Reply) -> bytes:
        log_bytes, self.log_bytes = self.log_bytes, 0
        return framing.answer(messages.encode(reply), log_bytes)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.turn, data)

    def write_log(self, line: LogLine) -> None:
        self.log_bytes += self.log.send(framing.frame(messages.encode(line)))

    def close(self) -> None:
        self.turn.close()
        self.log.close()


@asynccontextmanager
async def far_side(limits: Limits = PATIENT, code: str = SLEEPER) -> AsyncIterator[FarSide]:
    far = FarSide(limits, code)
    try:
        yield far
    finally:
        far.scenario.kill()
        await far.scenario.closed()
        far.close()


def turn(n: int = 1, **payload: object) -> Turn:
    return Turn(n, 1.0, 1000, 0, "Application.Started", dict(payload))


async def answered(far: FarSide, reply: Reply) -> Reply:
    """Exchanges a turn that the far side answers."""
    asking = asyncio.ensure_future(far.scenario.exchange(turn(reply.n) if reply.n else make_load("")))
    await far.receive()
    await far.reply(reply)
    return await asking


async def failure(far: FarSide, message: Turn | None = None) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        await far.scenario.exchange(message or turn())
    return caught.value


def test_exchange_returns_the_reply_of_its_turn() -> None:
    async def main() -> None:
        async with far_side() as far:
            for n in range(3):
                reply = Reply(n, [messages.Terminate()], loaded=True, fault=Fault("script.error", "x"))
                assert await answered(far, reply) == reply

    asyncio.run(main())


def test_observer_hears_every_frame_of_both_ways() -> None:
    async def main() -> None:
        async with far_side() as far:
            reply = Reply(1, [], loaded=True)
            await answered(far, reply)
            assert far.heard.frames == [
                (Direction.TO_SCENARIO, messages.encode(turn())),
                (Direction.FROM_SCENARIO, messages.encode(reply)),
            ]

    asyncio.run(main())


def test_log_lines_of_a_turn_are_heard_before_its_reply() -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(far.scenario.exchange(turn()))
            await far.receive()
            lines = [LogLine(1, "info", f"line {i}", "main.lua:1") for i in range(50)]
            for line in lines:
                far.write_log(line)
            await far.reply(Reply(1, [], loaded=True))
            await asking
            assert far.heard.log == lines

    asyncio.run(main())


def test_reply_may_arrive_byte_by_byte() -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(far.scenario.exchange(turn()))
            await far.receive()
            for byte in far.answer(Reply(1, [], loaded=True)):
                await far.send(bytes([byte]))
            assert (await asking).n == 1

    asyncio.run(main())


def test_turn_larger_than_the_socket_is_sent_whole() -> None:
    async def main() -> None:
        async with far_side() as far:
            large = turn(1, text="x" * 3_000_000)
            asking = asyncio.ensure_future(far.scenario.exchange(large))
            assert await far.receive() == messages.encode(large)
            await far.reply(Reply(1, [], loaded=True))
            await asking

    asyncio.run(main())


def test_turn_over_its_limit_is_refused_and_the_process_goes_on() -> None:
    async def main() -> None:
        async with far_side(Limits(turn_bytes_in=1000, wall_s_per_turn=60.0)) as far:
            error = await failure(far, turn(1, text="x" * 2000))
            assert isinstance(error, BudgetExceeded)
            assert error.code == "limit.message"
            assert (await answered(far, Reply(1, [], loaded=True))).n == 1

    asyncio.run(main())


def test_work_is_counted_while_a_turn_is_in_flight() -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(far.scenario.exchange(turn()))
            await far.receive()
            assert far.clock.work.running == 1
            await far.reply(Reply(1, [], loaded=True))
            await asking
            assert far.clock.work.running == 0

    asyncio.run(main())


BREACHES = {
    "garbage": framing.answer(b"\x00\x01garbage", 0),
    "no_msgpack": framing.answer(b"\xc1", 0),
    "empty_reply": framing.answer(b"", 0),
    "half_a_count": framing.frame(b"\x00\x00\x00"),
    "empty_frame": framing.frame(b""),
    "too_long": b"\xff\xff\xff\xff",
    "wrong_type": framing.answer(messages.encode(LogLine(1, "info", "x")), 0),
    "wrong_turn": framing.answer(messages.encode(Reply(2, [], loaded=True)), 0),
    "log_that_was_not_written": framing.answer(messages.encode(Reply(1, [], loaded=True)), 1),
    "endless_log": framing.answer(messages.encode(Reply(1, [], loaded=True)), 2**64 - 1),
    "unknown_command": framing.answer(b"\x96\xa5reply\x01\x91\x91\xa5steal\xc3\xc3\xc0", 0),
    "command_of_wrong_types": framing.answer(b"\x96\xa5reply\x01\x91\x92\xa8call.hangup\xc3\xc3\xc3\xc0", 0),
    "trailing_bytes": framing.answer(messages.encode(Reply(1, [], loaded=True)) + b"\x00", 0),
}


@pytest.mark.parametrize("data", BREACHES.values(), ids=BREACHES.keys())
def test_what_is_no_reply_ends_the_process(data: bytes) -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(failure(far))
            await far.receive()
            await far.send(data)
            error = await asking
            assert isinstance(error, ProtocolBreach)
            assert error.code == "scenario.protocol"
            assert (await far.scenario.closed()).killed_by == signal.SIGKILL

    asyncio.run(main())


@pytest.mark.parametrize("counted", [1, -1], ids=["too_much", "too_little"])
def test_reply_that_miscounts_its_log_ends_the_process_once_the_lines_are_heard(counted: int) -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(failure(far))
            await far.receive()
            line = LogLine(1, "info", "x" * 5000)
            far.write_log(line)
            far.log_bytes += counted
            await far.reply(Reply(1, [], loaded=True))
            error = await asking
            assert (type(error), error.code) == (ProtocolBreach, "scenario.protocol")
            assert far.heard.log == [line]

    asyncio.run(main())


def test_reply_after_the_log_was_closed_is_handed_on() -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(far.scenario.exchange(turn()))
            await far.receive()
            far.write_log(LogLine(1, "info", "the last one"))
            far.log_bytes += 100
            far.log.shutdown(socket.SHUT_WR)
            await far.reply(Reply(1, [], loaded=True))
            assert (await asking).n == 1
            assert [line.text for line in far.heard.log] == ["the last one"]

    asyncio.run(main())


class Chatty:
    """Takes replies, and sends the next turn from within."""

    def __init__(self, far: FarSide) -> None:
        self.far = far
        self.replies: list[int] = []
        self.failed: asyncio.Future[ScenarioError] = asyncio.get_running_loop().create_future()

    def on_reply(self, reply: Reply) -> None:
        self.replies.append(reply.n)
        self.far.scenario.ask(turn(reply.n + 1), self)

    def on_failed(self, error: ScenarioError) -> None:
        self.failed.set_result(error)


def test_answers_to_turns_that_follow_at_once_are_taken_one_by_one() -> None:
    async def main() -> None:
        async with far_side() as far:
            chatty = Chatty(far)
            far.scenario.ask(turn(1), chatty)
            for n in (1, 2, 3):
                await far.receive()
                await far.reply(Reply(n, [], loaded=True))
            await far.receive()
            assert chatty.replies == [1, 2, 3]

    asyncio.run(main())


@pytest.mark.parametrize("second", [1, 2], ids=["twice", "ahead_of_its_turn"])
def test_answer_sent_before_its_turn_ends_the_process(second: int) -> None:
    async def main() -> None:
        async with far_side() as far:
            chatty = Chatty(far)
            far.scenario.ask(turn(1), chatty)
            await far.receive()
            await far.send(b"".join(far.answer(Reply(n, [], loaded=True)) for n in (1, second)))
            error = await chatty.failed
            assert (type(error), error.code) == (ProtocolBreach, "scenario.protocol")
            assert chatty.replies == [1]

    asyncio.run(main())


def test_plain_answer_is_taken_as_the_reply_that_it_is() -> None:
    async def main() -> None:
        async with far_side() as far:
            far.heard.sees_frames = False
            for n in (1, 2, 300):
                asking = asyncio.ensure_future(far.scenario.exchange(turn(n)))
                await far.receive()
                await far.send(plain_answer(n))
                assert await asking == Reply(n, [], loaded=True)

    asyncio.run(main())


@pytest.mark.parametrize(
    "pieces",
    [[plain_answer(2)], [b"\0", plain_answer(1)], [plain_answer(1)[:-1] + b"\xc1"]],
    ids=["of_another_turn", "after_half_a_frame", "almost"],
)
def test_what_only_looks_like_a_plain_answer_ends_the_process(pieces: list[bytes]) -> None:
    async def main() -> None:
        async with far_side() as far:
            far.heard.sees_frames = False
            asking = asyncio.ensure_future(failure(far))
            await far.receive()
            for piece in pieces:
                await far.send(piece)
                await far.clock.give_way()
                await far.clock.give_way()
            assert isinstance(await asking, ProtocolBreach)

    asyncio.run(main())


def test_plain_answer_to_no_turn_ends_the_process() -> None:
    async def main() -> None:
        async with far_side() as far:
            far.heard.sees_frames = False
            asking = asyncio.ensure_future(far.scenario.exchange(turn()))
            await far.receive()
            await far.send(plain_answer(1))
            await asking
            await far.send(plain_answer(1))
            assert isinstance(await far.scenario.ended(), ProtocolBreach)

    asyncio.run(main())


def test_plain_answer_that_miscounts_its_log_ends_the_process() -> None:
    async def main() -> None:
        async with far_side() as far:
            far.heard.sees_frames = False
            far.write_log(LogLine(1, "info", "uncounted"))
            while not far.heard.log:
                await far.clock.give_way()
            asking = asyncio.ensure_future(failure(far))
            await far.receive()
            await far.send(plain_answer(1))
            assert isinstance(await asking, ProtocolBreach)

    asyncio.run(main())


def test_reply_to_no_turn_ends_the_process() -> None:
    async def main() -> None:
        async with far_side() as far:
            await far.reply(Reply(0, [], loaded=True))
            await far.scenario.closed()
            assert isinstance(await failure(far), ProtocolBreach)

    asyncio.run(main())


LOG_BREACHES = {
    "garbage": framing.frame(b"\x00\x01garbage"),
    "too_long": b"\xff\xff\xff\xff",
    "reply": framing.frame(messages.encode(Reply(1, [], loaded=True))),
    "flood": framing.frame(messages.encode(LogLine(1, "info", "x" * 500))) * 20,
}


@pytest.mark.parametrize("data", LOG_BREACHES.values(), ids=LOG_BREACHES.keys())
def test_what_is_no_log_line_ends_the_process(data: bytes) -> None:
    async def main() -> None:
        async with far_side(Limits(log_bytes=1000, wall_s_per_turn=60.0)) as far:
            far.log.send(data)
            await far.scenario.closed()
            assert isinstance(await failure(far), ProtocolBreach)

    asyncio.run(main())


ENDS = {
    "cpu": (f"import os; os.kill(os.getpid(), {int(signal.SIGPROF)})", BudgetExceeded, "limit.cpu"),
    "memory": (f"import os; os._exit({EXIT_OUT_OF_MEMORY})", BudgetExceeded, "limit.memory"),
    "crash": (f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})", ScenarioDied, "scenario.died"),
    "signal_without_a_name": ("import os; os.kill(os.getpid(), 40)", ScenarioDied, "scenario.died"),
    "exit": ("raise SystemExit(3)", ScenarioDied, "scenario.died"),
}


@pytest.mark.parametrize(("code", "kind", "error_code"), ENDS.values(), ids=ENDS.keys())
def test_end_of_the_process_is_explained(code: str, kind: type[ScenarioError], error_code: str) -> None:
    async def main() -> None:
        async with far_side(code=code) as far:
            error = await failure(far)
            assert type(error) is kind
            assert error.code == error_code
            assert await failure(far) is error

    asyncio.run(main())


def test_process_that_closes_its_turn_socket_is_ended() -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(failure(far))
            await far.receive()
            far.turn.close()
            assert isinstance(await asking, ScenarioDied)
            assert (await far.scenario.closed()).killed_by == signal.SIGKILL

    asyncio.run(main())


def test_turn_without_an_answer_ends_by_the_watchdog_in_real_and_virtual_time() -> None:
    async def main() -> None:
        async with far_side(Limits(wall_s_per_turn=0.05)) as far:
            before = far.clock.now()
            error = await failure(far)
            assert isinstance(error, BudgetExceeded)
            assert error.code == "limit.wall"
            if far.clock.is_virtual:
                assert far.clock.now() == before

    asyncio.run(main())
    virtual_loop.run(main())


def test_kill_ends_an_exchange_in_flight() -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(failure(far))
            await far.receive()
            far.scenario.kill()
            error = await asking
            assert (type(error), error.code) == (ScenarioDied, "scenario.killed")
            far.scenario.kill()

    asyncio.run(main())


def test_cancelled_exchange_ends_the_process() -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(far.scenario.exchange(turn()))
            await far.receive()
            asking.cancel()
            assert (await far.scenario.closed()).killed_by == signal.SIGKILL
            assert far.clock.work.running == 0

    asyncio.run(main())


def test_reply_written_just_before_the_end_counts() -> None:
    async def main() -> None:
        async with far_side() as far:
            asking = asyncio.ensure_future(far.scenario.exchange(turn()))
            await far.receive()
            far.write_log(LogLine(1, "info", "last words"))
            far.turn.send(far.answer(Reply(1, [], loaded=True)))
            end_and_wait(far.scenario.pid, signal.SIGSEGV)
            assert (await asking).n == 1
            assert [line.text for line in far.heard.log] == ["last words"]

    asyncio.run(main())


def end_and_wait(pid: int, number: signal.Signals) -> None:
    """Returns once the process has ended, before the loop can see it."""
    os.kill(pid, number)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
