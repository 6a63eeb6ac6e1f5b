"""The engine's side of one session process: exchanges turns, hears log lines, sees how it ends.

It trusts no byte of the process: replies and log lines are typed and sized, and what breaks that ends the process.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import Protocol

import msgspec

from voxruntime import platform
from voxruntime.clock import Clock, real_now
from voxruntime.config import Limits
from voxruntime.errors import BudgetExceeded, ProtocolBreach, ScenarioError
from voxruntime.scenario.ends import ScenarioDied, explained
from voxruntime.scenario.replies import AwaitedReply, ReplyTaker, plain_answer
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


class Direction(Enum):
    """Which way a frame of the turn protocol went."""

    TO_SCENARIO = "to_scenario"
    FROM_SCENARIO = "from_scenario"


class ScenarioObserver(Protocol):
    """Hears what a session process says beside its replies.

    Attributes:
        sees_frames: Whether `on_frame` does anything.
    """

    sees_frames: bool

    def on_log(self, line: LogLine) -> None:
        """A line the scenario wrote; all lines of a turn come before its reply."""

    def on_frame(self, direction: Direction, body: bytes) -> None:
        """The bytes of one `Load`, `Turn` or `Reply`, for the event log."""


class _Nobody:
    """The observer of a process that has ended."""

    sees_frames = False

    def on_log(self, line: LogLine) -> None: ...

    def on_frame(self, direction: Direction, body: bytes) -> None: ...


class Forked(msgspec.Struct, frozen=True):
    """A session process that has said hello; `isolation` is what confines it, by name."""

    process: platform.Process
    turn: socket.socket
    log: socket.socket
    isolation: Mapping[str, str]


class ScenarioProcess:
    """One session's process.

    Args:
        forked: The process and its sockets.
        clock: Its work count is held while a turn is in flight; its watchdog guards the turn.
        limits: Of the session.
        observer: Hears log lines and frames.
    """

    __slots__ = (
        "__weakref__", "_announced_log_bytes", "_clock", "_closed", "_is_log_over", "_limits", "_log",
        "_log_bytes", "_log_bytes_allowed", "_log_frames", "_loop", "_n", "_observer", "_plain", "_process",
        "_reason", "_replies", "_reply", "_taker", "_turn", "_unsent", "_watchdog", "asked_at", "isolation",
        "pid",
    )  # fmt: skip

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
        self._watchdog: asyncio.Handle | None = None
        # The turn in flight: who takes its reply, its number, how it is answered most often, and when it was sent.
        self._taker: ReplyTaker | None = None
        self._n = 0
        self._plain: bytes | None = None
        self.asked_at = 0.0
        """When the last turn was sent, in seconds of `real_now`."""
        # A reply that waits for the log lines before it: so many bytes in all, of which so many have been read.
        self._reply: Reply | None = None
        self._announced_log_bytes = 0
        self._reason: ScenarioError | None = None
        self._closed: asyncio.Future[platform.Exited] = self._loop.create_future()
        self._watch()

    @property
    def turn_s(self) -> float | None:
        """Seconds of real time since the turn in flight was sent, 0.0 when there is none; None once it is to end."""
        if self._reason is not None:
            return None
        return 0.0 if self._taker is None else real_now() - self.asked_at

    async def exchange(self, message: Load | Turn) -> Reply:
        """Sends a `Load` or a `Turn` and returns its reply. Cancelling it ends the process.

        Raises:
            BudgetExceeded: The process was stopped for CPU (`limit.cpu`), time (`limit.wall`) or memory
                (`limit.memory`), or the message is too long to send (`limit.message`).
            ProtocolBreach: It sent something else than a reply.
            ScenarioDied: It ended otherwise, before or during the exchange.
        """
        return await self.reply_to(partial(self.ask, message))

    async def reply_to(self, ask: Callable[[ReplyTaker], None]) -> Reply:
        """Lets `ask` have a turn sent and returns its reply; otherwise as `exchange`."""
        awaited = AwaitedReply(self._loop)
        ask(awaited)
        try:
            return await awaited.reply
        finally:
            if awaited.reply.cancelled():
                self.kill()

    def ask(self, message: Load | Turn, taker: ReplyTaker) -> None:
        """Sends a `Load` or a `Turn`; the taker hears its reply or, as `exchange` raises it, why there is none."""
        if self._reason is not None:
            taker.on_failed(self._reason)
            return
        assert self._taker is None, "one turn at a time"
        body = messages.encode(message)
        if len(body) > self._limits.turn_bytes_in:
            limit = self._limits.turn_bytes_in
            text = f"An event has {len(body)} bytes, {limit} are allowed."
            taker.on_failed(BudgetExceeded("limit.message", text))
            return
        self._n = message.n if isinstance(message, Turn) else 0
        if self._observer.sees_frames:
            self._observer.on_frame(Direction.TO_SCENARIO, body)
        elif not self._replies.is_mid_frame:
            self._plain = plain_answer(self._n)
        self.asked_at = real_now()
        if self._watchdog is None:
            self._watchdog = self._clock.watchdog(self._limits.wall_s_per_turn, self._check_answer)
        self._taker = taker
        self._clock.work.begin()
        self._send(framing.frame(body))

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

    def _send(self, octets: bytes) -> None:
        """Sends what the socket takes now, and the rest as soon as it takes more."""
        try:
            sent = self._turn.send(octets)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The process has ended; how, is known when it has been waited for.
            return
        if sent < len(octets):
            self._unsent = memoryview(octets)[sent:]
            self._loop.add_writer(self._turn, self._send_rest)

    def _send_rest(self) -> None:
        try:
            self._unsent = self._unsent[self._turn.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = memoryview(b"")
        if not self._unsent:
            self._loop.remove_writer(self._turn)

    def _on_turn_readable(self) -> None:
        # A reply may be followed by the next turn at once: what was sent before that is no answer to it.
        asked = self._n
        try:
            chunk = _read(self._turn, _READ_BYTES)
            is_plain = chunk == self._plain and self._log_bytes == self._announced_log_bytes
            self._plain = None
            if is_plain:
                self._end_turn(Reply(asked, [], loaded=True))
                return
            for body in self._replies.feed(chunk):
                self._take_answer(body, asked)
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

    def _take_answer(self, body: bytes, asked: int) -> None:
        octets, log_bytes = framing.split_answer(body)
        self._announced_log_bytes += log_bytes
        reply = messages.decode_reply(octets)
        if self._taker is None or not (reply.n == asked == self._n) or self._reply is not None:
            self._end(_breach(f"an answer to turn {reply.n}, which was not asked"))
            return
        if self._observer.sees_frames:
            self._observer.on_frame(Direction.FROM_SCENARIO, octets)
        self._reply = reply
        self._answer_once_log_is_read()

    def _answer_once_log_is_read(self) -> None:
        """Hands on the reply after the log lines before it, which are in their socket by now.

        A wrong count of them is a breach: lines that do not exist cannot be waited for, and lines that are not counted
        would come after their reply.
        """
        may_be_more = self._log_bytes < self._announced_log_bytes and self._read_log()
        if self._reply is None or self._reason is not None:
            return
        if self._log_bytes == self._announced_log_bytes or self._is_log_over:
            reply, self._reply = self._reply, None
            self._end_turn(reply)
        elif may_be_more:
            self._loop.call_soon(self._answer_once_log_is_read)
        else:
            self._end(_breach(f"{self._log_bytes} bytes of log, and says {self._announced_log_bytes}"))

    def _end_turn(self, outcome: Reply | ScenarioError) -> None:
        """Ends the turn in flight, if there is one."""
        taker, self._taker = self._taker, None
        if taker is None:
            return
        self._clock.work.end()
        if isinstance(outcome, Reply):
            taker.on_reply(outcome)
        else:
            taker.on_failed(outcome)

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
        if self._taker is None:
            return
        seconds = self._limits.wall_s_per_turn
        left = self.asked_at + seconds - real_now()
        if left > 0:
            self._watchdog = self._clock.watchdog(left, self._check_answer)
            return
        self._end(
            BudgetExceeded("limit.wall", f"One turn was not done after {seconds:g} s, and was stopped.")
        )

    def _end(self, reason: ScenarioError) -> None:
        """Kills the process; `reason` is what exchanges raise from now on."""
        if self._reason is None and not self._closed.done():
            self._reason = reason
            self._plain = None
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
            self._reason = explained(exited, self._limits)
        self._end_turn(self._reason)
        # Each has the other; without this only the collector would free them.
        self._observer = _Nobody()
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
