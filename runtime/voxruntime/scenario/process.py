"""The engine's side of one session process: exchanges turns, hears log lines, sees how it ends.

It trusts no byte of the process: replies and log lines are typed and sized, and what breaks that ends the process.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from enum import Enum
from typing import Protocol

import msgspec

from voxruntime import platform
from voxruntime.clock import Clock, real_now
from voxruntime.config import Limits
from voxruntime.errors import BudgetExceeded, ProtocolBreach, ScenarioError
from voxruntime.scenario.wire import EXIT_OUT_OF_MEMORY
from voxruntime.turn import framing, messages
from voxruntime.turn.framing import FrameReader, FrameTooLong
from voxruntime.turn.messages import Load, LogLine, Reply, Turn

REPLY_MARGIN_BYTES = 128 * 1024
"""What a reply may hold beside its commands: a fault with its traceback."""

MAX_LOG_FRAME_BYTES = 256 * 1024
"""Longest frame on the log socket: a line of 15,000 characters takes at most 60,000 bytes."""

LOG_OVERHEAD_FACTOR = 4
"""Bytes on the log socket may be this many times the session's log limit, for frames around short lines."""

_READ_BYTES = 32 * 1024
"""Room for more takes the allocator longer than the read takes."""

_LOG_READ_BYTES = 1024
"""Log lines are taken in small portions, so that a flood of them makes no media tick late."""


class ScenarioDied(ScenarioError):
    """The session process ended, and no limit explains it."""


class Direction(Enum):
    """Which way a frame of the turn protocol went."""

    TO_SCENARIO = "to_scenario"
    FROM_SCENARIO = "from_scenario"


class ScenarioObserver(Protocol):
    """Hears what a session process says beside its replies."""

    def on_log(self, line: LogLine) -> None:
        """A line the scenario wrote; all lines of a turn come before its reply."""

    def on_frame(self, direction: Direction, body: bytes) -> None:
        """The bytes of one `Load`, `Turn` or `Reply`, for the event log."""


class Forked(msgspec.Struct, frozen=True):
    """A session process that has said hello; `isolation` is what confines it, by name."""

    process: platform.Process
    turn: socket.socket
    log: socket.socket
    isolation: Mapping[str, str]


class _InFlight(msgspec.Struct):
    """A turn that is not answered yet; `reply` waits for the log lines before it, `log_bytes` since the start."""

    n: int
    answered: asyncio.Future[Reply]
    reply: Reply | None = None
    log_bytes: int = 0


class ScenarioProcess:
    """One session's process.

    Args:
        forked: The process and its sockets.
        clock: Its work count is held while a turn is in flight; its watchdog guards the turn.
        limits: Of the session.
        observer: Hears log lines and frames.
    """

    def __init__(self, forked: Forked, clock: Clock, limits: Limits, observer: ScenarioObserver) -> None:
        self.pid = forked.process.pid
        self.isolation = forked.isolation
        self._process = forked.process
        self._turn = forked.turn
        self._log = forked.log
        self._clock = clock
        self._limits = limits
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._replies = FrameReader(limits.turn_bytes_out + REPLY_MARGIN_BYTES)
        self._log_frames = FrameReader(MAX_LOG_FRAME_BYTES)
        self._log_bytes_allowed = limits.log_bytes * LOG_OVERHEAD_FACTOR
        self._log_bytes = 0
        self._is_log_over = False
        self._unsent = memoryview(b"")
        self._is_writer_added = False
        self._watchdog: asyncio.Handle | None = None
        self._answer_due = 0.0
        self._in_flight: _InFlight | None = None
        self._reason: ScenarioError | None = None
        self._closed: asyncio.Future[platform.Exited] = self._loop.create_future()
        self._watch()

    async def exchange(self, message: Load | Turn) -> Reply:
        """Sends a `Load` or a `Turn` and returns its reply. Cancelling it ends the process.

        Raises:
            BudgetExceeded: The process was stopped for CPU (`limit.cpu`), time (`limit.wall`) or memory
                (`limit.memory`), or the message is too long to send (`limit.message`).
            ProtocolBreach: It sent something else than a reply.
            ScenarioDied: It ended otherwise, before or during the exchange.
        """
        if self._reason is not None:
            raise self._reason
        assert self._in_flight is None, "one turn at a time"
        body = messages.encode(message)
        if len(body) > self._limits.turn_bytes_in:
            limit = self._limits.turn_bytes_in
            raise BudgetExceeded("limit.message", f"An event has {len(body)} bytes, {limit} are allowed.")
        self._observer.on_frame(Direction.TO_SCENARIO, body)
        n = message.n if isinstance(message, Turn) else 0
        turn = self._in_flight = _InFlight(n, self._loop.create_future())
        self._answer_due = real_now() + self._limits.wall_s_per_turn
        if self._watchdog is None:
            self._watchdog = self._clock.watchdog(self._limits.wall_s_per_turn, self._check_answer)
        try:
            with self._clock.work.token():
                self._unsent = memoryview(framing.frame(body))
                self._send()
                return await turn.answered
        finally:
            self._in_flight = None
            if turn.answered.cancelled():
                self.kill()

    def kill(self) -> None:
        """Ends the process at once; an exchange in flight raises `ScenarioDied` (`scenario.killed`)."""
        self._end(ScenarioDied("scenario.killed", "The scenario process was ended."))

    async def ended(self) -> ScenarioError:
        """Returns, once the process has ended, what exchanges raise because of it."""
        await self.closed()
        assert self._reason is not None
        return self._reason

    async def closed(self) -> platform.Exited:
        """Returns how the process ended, once it has."""
        return await asyncio.shield(self._closed)

    def _watch(self) -> None:
        self._loop.add_reader(self._turn, self._on_turn_readable)
        self._loop.add_reader(self._log, self._read_log)
        descriptor = self._process.fileno()
        if descriptor is not None:
            self._loop.add_reader(descriptor, self._on_exit)

    def _send(self) -> None:
        """Sends what is left of a turn, now and whenever the socket takes more."""
        if self._is_writer_added:
            self._is_writer_added = False
            self._loop.remove_writer(self._turn)
        try:
            self._unsent = self._unsent[self._turn.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            # The process has ended; how, is known when it has been waited for.
            return
        if self._unsent:
            self._is_writer_added = True
            self._loop.add_writer(self._turn, self._send)

    def _on_turn_readable(self) -> None:
        try:
            for body in self._replies.feed(_read(self._turn, _READ_BYTES)):
                self._take_reply(body)
                if self._reason is not None:
                    return
        except EOFError:
            self._on_turn_closed()
        except (FrameTooLong, msgspec.MsgspecError) as error:
            self._end(_breach(f"no valid reply ({error})"))

    def _on_turn_closed(self) -> None:
        if self._closed.done():
            return
        self._loop.remove_reader(self._turn)
        # A process that is ending already does not mind; one that goes on without its socket has no session.
        self._process.send_signal(signal.SIGKILL)
        if self._process.fileno() is None:
            self._finish(platform.Exited())

    def _take_reply(self, body: bytes) -> None:
        octets, log_bytes = framing.split_answer(body)
        reply = messages.decode_reply(octets)
        turn = self._in_flight
        if turn is None or turn.n != reply.n or turn.reply is not None or turn.answered.done():
            self._end(_breach(f"an answer to turn {reply.n}, which was not asked"))
            return
        self._observer.on_frame(Direction.FROM_SCENARIO, octets)
        turn.reply, turn.log_bytes = reply, log_bytes
        self._answer_once_log_is_read()

    def _answer_once_log_is_read(self) -> None:
        """Hands on the reply after the log lines before it, which are in their socket by now.

        A wrong count of them is a breach: lines that do not exist cannot be waited for, and lines that are not counted
        would come after their reply.
        """
        turn = self._in_flight
        if turn is None or turn.reply is None or turn.answered.done():
            return
        may_be_more = self._log_bytes < turn.log_bytes and self._read_log()
        if self._reason is not None:
            return
        if self._log_bytes == turn.log_bytes or self._is_log_over:
            turn.answered.set_result(turn.reply)
        elif may_be_more:
            self._loop.call_soon(self._answer_once_log_is_read)
        else:
            self._end(_breach(f"{self._log_bytes} bytes of log, and says {turn.log_bytes}"))

    def _read_log(self) -> bool:
        """Takes a portion of the log; returns whether there may be more."""
        if self._is_log_over:
            return False
        try:
            chunk = _read(self._log, _LOG_READ_BYTES)
            self._log_bytes += len(chunk)
            for body in self._log_frames.feed(chunk):
                self._observer.on_log(messages.decode_log(body))
        except EOFError:
            self._stop_log()
            return False
        except (FrameTooLong, msgspec.MsgspecError) as error:
            self._stop_log()
            self._end(_breach(f"no valid log line ({error})"))
            return False
        if self._log_bytes > self._log_bytes_allowed:
            self._stop_log()
            self._end(_breach("more log lines than a session may write"))
        return bool(chunk)

    def _stop_log(self) -> None:
        self._is_log_over = True
        self._loop.remove_reader(self._log)

    def _check_answer(self) -> None:
        """Guards all turns with one timer, which most of them do not live to see."""
        self._watchdog = None
        if self._in_flight is None:
            return
        left = self._answer_due - real_now()
        if left > 0:
            self._watchdog = self._clock.watchdog(left, self._check_answer)
            return
        seconds = self._limits.wall_s_per_turn
        self._end(
            BudgetExceeded("limit.wall", f"One turn was not done after {seconds:g} s, and was stopped.")
        )

    def _end(self, reason: ScenarioError) -> None:
        """Kills the process; `reason` is what exchanges raise from now on."""
        if self._reason is None and not self._closed.done():
            self._reason = reason
            self._process.send_signal(signal.SIGKILL)
            if self._process.fileno() is None:
                self._finish(platform.Exited(killed_by=signal.SIGKILL))

    def _on_exit(self) -> None:
        exited = self._process.poll()
        if exited is not None and not self._closed.done():
            # What was written before the end still counts; the sockets hold no more than their buffers.
            self._on_turn_readable()
            while self._read_log():
                pass
            self._answer_once_log_is_read()
            self._finish(exited)

    def _finish(self, exited: platform.Exited) -> None:
        self._unwatch()
        if self._reason is None:
            self._reason = self._explain(exited)
        if self._in_flight is not None and not self._in_flight.answered.done():
            self._in_flight.answered.set_exception(self._reason)
        if not self._closed.done():
            self._closed.set_result(exited)

    def _unwatch(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        descriptor = self._process.fileno()
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
        self._loop.remove_reader(self._turn)
        self._loop.remove_writer(self._turn)
        self._loop.remove_reader(self._log)
        self._turn.close()
        self._log.close()
        self._process.close()

    def _explain(self, exited: platform.Exited) -> ScenarioError:
        if exited.killed_by == signal.SIGPROF:
            seconds = self._limits.cpu_s_per_turn
            return BudgetExceeded(
                "limit.cpu", f"One turn used more than {seconds:g} s of CPU, and was stopped."
            )
        if exited.killed_by == signal.SIGSYS:
            return ScenarioDied(
                "scenario.breakout",
                "The scenario process asked the system for what no scenario can ask for, and was stopped: "
                "something in it has left the sandbox. Please report it, with the scenario.",
            )
        if exited.status == EXIT_OUT_OF_MEMORY:
            return BudgetExceeded("limit.memory", "The scenario process needed more memory than it may have.")
        return ScenarioDied("scenario.died", f"The scenario process ended {exited}.")


def _breach(what: str) -> ProtocolBreach:
    return ProtocolBreach("scenario.protocol", f"The scenario process sent {what}.")


def _read(stream: socket.socket, size: int) -> bytes:
    """Returns what has arrived, at most `size` bytes; empty when nothing has.

    Raises:
        EOFError: The far side has closed the stream, or it broke.
    """
    try:
        chunk = stream.recv(size)
    except BlockingIOError:
        return b""
    except OSError:
        chunk = b""
    if not chunk:
        raise EOFError
    return chunk
