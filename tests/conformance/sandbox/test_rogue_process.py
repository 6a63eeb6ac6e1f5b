"""A scenario process that was taken over may send anything: its own session fails with a code, no other notices."""

from __future__ import annotations

import asyncio
import math
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from session_stand import Seen
from voxruntime import platform
from voxruntime.call.leg import Leg
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.engine import Engine
from voxruntime.errors import InternalError
from voxruntime.files.client import FileProcess
from voxruntime.providers.interface import Spawn
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.scenario.host import ScenarioHost
from voxruntime.scenario.process import Forked, ScenarioObserver, ScenarioProcess
from voxruntime.session.records import Outcome
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.turn import messages as turn
from voxruntime.turn.framing import FrameReader, answer, frame
from voxruntime.turn.messages import LogLine, Reply, SourceFile, encode

LIMITS = Limits(wall_s_per_turn=0.3, log_bytes=20_000)
HUGE = 2**62

LOG, TURN = "log", "turn"
Sent = tuple[str, bytes]


def reply(n: int, *commands: turn.Command, loaded: bool = True, log_bytes: int = 0) -> Sent:
    return TURN, answer(encode(Reply(n, list(commands), loaded)), log_bytes)  # type: ignore[arg-type]  # any command at all


def does(*commands: turn.Command) -> list[list[Sent]]:
    """Answers the first message with these commands."""
    return [[reply(0, *commands)]]


def line(text: str, level: str = "info") -> Sent:
    return LOG, frame(encode(LogLine(0, level, text)))  # type: ignore[arg-type]  # any level at all


MEDIA = Path("/nowhere")

ROGUES: dict[str, tuple[list[list[Sent]], set[str]]] = {
    # Replies.
    "silence": ([[]], {"limit.wall"}),
    "garbage": ([[(TURN, answer(os.urandom(300), 0))]], {"scenario.protocol"}),
    "no_frame": ([[(TURN, b"\xff" * 64)]], {"scenario.protocol"}),
    "empty_frame": ([[(TURN, frame(b""))]], {"scenario.protocol"}),
    "empty_reply": ([[(TURN, answer(b"", 0))]], {"scenario.protocol"}),
    "half_a_message": ([[(TURN, reply(0)[1][:-2])]], {"limit.wall"}),
    "half_a_header": ([[(TURN, b"\x00\x00")]], {"limit.wall"}),
    "oversized": ([[(TURN, b"\x7f\xff\xff\xff" + b"x" * 1000)]], {"scenario.protocol"}),
    "wrong_number": ([[reply(7)]], {"scenario.protocol"}),
    "negative_number": ([[reply(-1)]], {"scenario.protocol"}),
    "duplicate": ([[reply(0), reply(0)]], {"scenario.protocol"}),
    "reordered": ([[reply(1), reply(0)]], {"scenario.protocol"}),
    "before_it_was_asked": ([[reply(0), reply(1), reply(2)]], {"scenario.protocol"}),
    "late": ([[reply(0)], [reply(0)]], {"scenario.protocol"}),
    "many_replies": ([[reply(0)] * 5000], {"scenario.protocol"}),
    "unknown_command": ([[(TURN, answer(b"\x96\xa5reply\x00\x91\x91\xa5steal\xc3\xc3\xc0", 0))]], {"scenario.protocol"}),
    "command_of_the_engine": (
        [[(TURN, answer(encode(turn.Turn(0, 0.0, 0, 0, "Application.Started")), 0))]], {"scenario.protocol"},
    ),
    "deep_nesting": ([[(TURN, answer(b"\x91" * 500_000, 0))]], {"scenario.protocol"}),
    "no_utf8": ([[(TURN, answer(b"\x96\xa5reply\x00\x91\x93\xabcustom_data\x00\xa1\xff\xc3\xc3\xc0", 0))]],
                {"scenario.protocol"}),
    "too_many_commands": (does(*[turn.Terminate()] * 1001), {"scenario.protocol"}),
    "fault_with_control_characters": (
        [[(TURN, answer(encode(Reply(0, [], False, True, turn.Fault("x\x1b[2J", "y"))), 0))]], {"scenario.protocol"},
    ),
    # Handles that are not its own.
    "answer_of_another_call": (does(turn.AnswerCall(-99)), {"protocol.handle"}),
    "reject_of_another_call": (does(turn.RejectCall(-99, 486)), {"protocol.handle"}),
    "hangup_of_another_call": (does(turn.HangUpCall(HUGE)), {"protocol.handle"}),
    "record_of_another_call": (does(turn.RecordCall(-99, "name")), {"protocol.handle"}),
    "data_of_another_call": (does(turn.SetCustomData(-99, "x")), {"protocol.handle"}),
    "media_of_others": (does(turn.SendMedia(-98, -99)), {"protocol.handle"}),
    "media_to_the_session": (does(turn.SendMedia(0, 0)), {"protocol.handle"}),
    "stop_media_of_others": (does(turn.StopMedia(-98, -99)), {"protocol.handle"}),
    "clear_of_others": (does(turn.ClearMedia(5)), {"protocol.handle"}),
    "send_of_others": (does(turn.SendRealtime(5, "session.update", "{}")), {"protocol.handle"}),
    "truncate_of_others": (does(turn.TruncateRealtime(5, "item")), {"protocol.handle"}),
    "interrupt_of_others": (does(turn.InterruptRealtime(5, 1)), {"protocol.handle"}),
    "quiet_of_others": (does(turn.WatchQuiet(5, 1, 0.0)), {"protocol.handle"}),
    "close_of_others": (does(turn.CloseRealtime(5)), {"protocol.handle"}),
    "call_under_a_handle_of_the_engine": (does(turn.StartCall(-1, "id", "pstn", "1")), {"scenario.protocol"}),
    "call_as_the_session": (does(turn.StartCall(0, "id", "pstn", "1")), {"scenario.protocol"}),
    "call_twice": (does(*[turn.StartCall(1, "id", "pstn", "1")] * 2), {"protocol.handle"}),
    "client_as_a_call": (
        does(turn.StartCall(1, "id", "pstn", "1"), turn.ConnectRealtime(1, "i", "s", "Yandex", 1, "k", "f", "m")),
        {"protocol.handle"},
    ),
    # Values that no scenario could bring about.
    "record_outside_its_folder": (does(turn.RecordCall(-1, "../../etc/cron.d/x")), {"scenario.protocol"}),
    "trace_outside_its_folder": (
        does(turn.ConnectRealtime(1, "../../etc/x", "s", "Yandex", 1, "k", "f", "m", False, True)),
        {"scenario.protocol"},
    ),
    "record_to_an_absolute_path": (does(turn.RecordCall(-1, "/etc/x")), {"scenario.protocol"}),
    "record_with_a_zero_byte": (does(turn.RecordCall(-1, "a\x00b")), {"scenario.protocol"}),
    "record_without_a_name": (does(turn.RecordCall(-1, "")), {"scenario.protocol"}),
    "timer_of_nan": (does(turn.StartTimer(1, math.nan, False)), {"scenario.protocol"}),
    "timer_of_a_negative_time": (does(turn.StartTimer(1, -math.inf, False)), {"scenario.protocol"}),
    "timers": (does(*[turn.StartTimer(i, 1.0, False) for i in range(101)]), {"protocol.timer"}),
    "timer_twice": (does(*[turn.StartTimer(1, 1.0, False)] * 2), {"protocol.timer"}),
    "call_with_a_timeout_of_nan": (
        does(turn.StartCall(1, "id", "pstn", "1", timeout_s=math.nan)), {"scenario.protocol"},
    ),
    "rate_that_no_frame_has": (does(turn.SendRealtime(1, "session.update", "{}", 7, 7)), {"scenario.protocol"}),
    "rate_below_zero": (does(turn.SendRealtime(1, "session.update", "{}", -8000, 0)), {"scenario.protocol"}),
    "headers": (does(turn.AnswerCall(-1, {str(i): "x" for i in range(51)})), {"scenario.protocol"}),
    "places": (does(turn.Listen(0, "x", ["p"] * 21)), {"scenario.protocol"}),
    "long_event_name": (does(turn.Listen(0, "x" * 101, ["p"])), {"scenario.protocol"}),
    "calls": (does(*[turn.StartCall(i + 1, "id", "pstn", "1") for i in range(51)]), {"protocol.calls"}),
    "listening": (
        [[reply(n, *[turn.Listen(0, f"{n} {i}", ["p"]) for i in range(999)], turn.StartTimer(n, 0.0, False))]
         for n in range(12)],
        {"protocol.listen"},
    ),
    # The log.
    "log_garbage": ([[(LOG, frame(os.urandom(300))), reply(0)]], {"scenario.protocol"}),
    "log_oversized": ([[(LOG, b"\x7f\xff\xff\xff"), reply(0)]], {"scenario.protocol"}),
    "log_level": ([[line("x", "critical"), reply(0)]], {"scenario.protocol"}),
    "log_control_characters": ([[line("\x1b[2J"), reply(0)]], {"scenario.protocol"}),
    # On a busy machine the time of the turn may be over before the flood has been read.
    "log_flood": ([[*[line("x")] * 20_000, reply(0)]], {"scenario.protocol", "limit.wall"}),
    "log_that_is_not_there": ([[line("x"), reply(0, log_bytes=2**63)]], {"scenario.protocol"}),
    "log_that_is_not_counted": ([[line("x"), reply(0)], [line("x"), reply(1)]], {"scenario.protocol"}),
    "log_of_a_reply": ([[(LOG, reply(0)[1])]], {"scenario.protocol"}),
}  # fmt: skip


def sleeper() -> platform.Process:
    return platform.Process(os.posix_spawn("/bin/sleep", ["sleep", "600"], {}))


COUNTING = """
local count = 0
setInterval(function()
  count = count + 1
  if count == 8 then
    print("whole")
    VoxEngine.terminate()
  end
end, 100)
"""


class RogueHost(ScenarioHost):
    """Starts processes that only sleep, and answers in their place."""

    def __init__(self, clock: Clock, answers: Sequence[Sequence[Sent]]) -> None:
        super().__init__(clock, warm=0)
        self._rogue_clock = clock
        self._answers = answers
        self._talking: asyncio.Task[None] | None = None

    async def spawn(self, limits: Limits, observer: ScenarioObserver) -> ScenarioProcess:
        ours, theirs = socket.socketpair()
        our_log, their_log = socket.socketpair()
        for end in (ours, theirs, our_log, their_log):
            end.setblocking(False)
        process = sleeper()
        self._talking = asyncio.get_running_loop().create_task(self._talk(theirs, their_log))
        return ScenarioProcess(Forked(process, ours, our_log, {}), self._rogue_clock, limits, observer)

    async def _talk(self, turns: socket.socket, log: socket.socket) -> None:
        loop, reader, heard = asyncio.get_running_loop(), FrameReader(8 * 1024 * 1024), 0
        with turns, log, suppress(OSError):
            while chunk := await loop.sock_recv(turns, 65536):
                for _ in reader.feed(chunk):
                    for channel, data in self._answers[heard] if heard < len(self._answers) else ():
                        await loop.sock_sendall(log if channel == LOG else turns, data)
                    heard += 1

    async def end(self) -> None:
        if self._talking is not None:
            await self._talking


async def nobody(_command: turn.StartCall) -> Leg | None:
    return None


def refuse(_spawn: Spawn, _command: turn.ConnectRealtime, _events: ClientEvents) -> RealtimeClient:
    raise InternalError("test.connect", "No provider here.")


async def run(engine: Engine, text: str) -> Outcome:
    plan = SessionPlan("test-session", [SourceFile("s.lua", text)], {}, 1, RecordingPlan(MEDIA))
    session = engine.open_session(plan, Seen())
    try:
        return await session.run()
    finally:
        engine.release_session(session)


@pytest.mark.parametrize(("answers", "codes"), ROGUES.values(), ids=ROGUES.keys())
def test_rogue_process_ends_its_own_session_with_a_code(
    answers: Sequence[Sequence[Sent]], codes: set[str]
) -> None:
    async def main() -> Outcome:
        clock = Clock(asyncio.get_running_loop())
        rogues = RogueHost(clock, answers)
        engine = Engine(clock, LIMITS, FileProcess(clock), rogues, nobody, refuse)
        outcome = await run(engine, "")
        engine.close()
        await rogues.end()
        return outcome

    outcome = asyncio.run(main())
    assert outcome.result == "failed"
    assert outcome.error is not None
    assert outcome.error.code in codes


def test_other_sessions_of_the_engine_go_on() -> None:
    said: list[str] = []

    class Lines(Seen):
        def on_log(self, now: float, level: str, text: str, place: str) -> None:
            said.append(text)

    async def main() -> tuple[Outcome, list[Outcome]]:
        clock = Clock(asyncio.get_running_loop())
        honest = ScenarioHost(clock, warm=0)
        await honest.start()
        engine = Engine(clock, Limits(), FileProcess(clock), honest, nobody, refuse)
        plan = SessionPlan("honest", [SourceFile("s.lua", COUNTING)], {}, 1, RecordingPlan(MEDIA))
        session = engine.open_session(plan, Lines())
        running = asyncio.ensure_future(session.run())
        ended = []
        for name in ("garbage", "silence", "log_flood", "hangup_of_another_call"):
            rogues = RogueHost(clock, ROGUES[name][0])
            others = Engine(clock, LIMITS, FileProcess(clock), rogues, nobody, refuse)
            ended.append(await run(others, ""))
            others.close()
            await rogues.end()
        outcome = await running
        engine.release_session(session)
        engine.close()
        await honest.close()
        return outcome, ended

    outcome, ended = asyncio.run(main())
    assert outcome.result == "terminated"
    assert "whole" in said
    assert [end.result for end in ended] == ["failed"] * 4
