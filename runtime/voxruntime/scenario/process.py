"""The engine's side of one session process: exchanges turns, hears log lines, sees how it ends. Trusts no byte of it."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import msgspec

from voxruntime import platform
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import BudgetExceeded, ProtocolBreach, ScenarioError
from voxruntime.scenario.wire import EXIT_OUT_OF_MEMORY
from voxruntime.turn import messages
from voxruntime.turn.messages import FrameReader, FrameTooLong, Load, LogLine, Reply, Turn

MAX_LOG_FRAME_BYTES = 256 * 1024
"""Longest frame on the log socket: a line of 15,000 characters takes at most 60,000 bytes."""

LOG_OVERHEAD_FACTOR = 4
"""Bytes on the log socket may be this many times the session's log limit, for frames around short lines."""

_READ_BYTES = 256 * 1024


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


@dataclass(frozen=True)
class Forked:
    """A session process that has said hello."""

    process: platform.Process
    turn: socket.socket
    log: socket.socket
    isolation: Mapping[str, str]

    def discard(self) -> None:
        """Ends a process that no session uses."""
        self.process.send_signal(signal.SIGKILL)
        self.turn.close()
        self.log.close()


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
        self._forked = forked
        self._clock = clock
        self._limits = limits
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._replies = FrameReader(limits.turn_bytes_out + messages.FRAME_HEADER.size)
        self._log_frames = FrameReader(MAX_LOG_FRAME_BYTES)
        self._log_bytes_left = limits.log_bytes * LOG_OVERHEAD_FACTOR
        self._unsent = b""
        self._in_flight: tuple[int, asyncio.Future[Reply]] | None = None
        self._reason: ScenarioError | None = None
        self._closed: asyncio.Future[platform.Exited] = self._loop.create_future()
        self._watch()

    async def exchange(self, message: Load | Turn) -> Reply:
        """Sends a `Load` or a `Turn` and returns its reply.

        Raises:
            BudgetExceeded: The process was stopped for CPU (`limit.cpu`), time (`limit.wall`) or memory
                (`limit.memory`), or the message is too long (`limit.message`).
            ProtocolBreach: It sent something else than a reply.
            ScenarioDied: It ended otherwise, before or during the exchange.
        """
        if self._reason is not None:
            raise self._reason
        assert self._in_flight is None, "one turn at a time"
        body = messages.encode(message)
        if len(body) > self._limits.turn_bytes_in:
            raise BudgetExceeded(
                "limit.message",
                f"An event of {len(body)} bytes is longer than the {self._limits.turn_bytes_in} a turn may have.",
            )
        self._observer.on_frame(Direction.TO_SCENARIO, body)
        answered: asyncio.Future[Reply] = self._loop.create_future()
        self._in_flight = (message.n if isinstance(message, Turn) else 0, answered)
        watchdog = self._clock.watchdog(self._limits.wall_s_per_turn, self._on_no_answer)
        try:
            with self._clock.work.token():
                self._send(messages.frame(body))
                return await answered
        finally:
            watchdog.cancel()
            self._in_flight = None

    def kill(self) -> None:
        """Ends the process at once; an exchange in flight raises `ScenarioDied`."""
        self._end(ScenarioDied("scenario.killed", "The scenario process was ended."))

    async def closed(self) -> platform.Exited:
        """Returns how the process ended, once it has."""
        return await asyncio.shield(self._closed)

    def _watch(self) -> None:
        self._loop.add_reader(self._forked.turn, self._on_turn_readable)
        self._loop.add_reader(self._forked.log, self._read_log)
        descriptor = self._forked.process.fileno()
        if descriptor is not None:
            self._loop.add_reader(descriptor, self._on_exit)

    def _send(self, data: bytes) -> None:
        try:
            sent = self._forked.turn.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            # It has ended; the pidfd tells how.
            return
        self._unsent = data[sent:]
        if self._unsent:
            self._loop.add_writer(self._forked.turn, self._on_turn_writable)

    def _on_turn_writable(self) -> None:
        self._loop.remove_writer(self._forked.turn)
        self._send(self._unsent)

    def _on_turn_readable(self) -> None:
        try:
            chunk = self._forked.turn.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._on_turn_closed()
            return
        try:
            for body in self._replies.feed(chunk):
                self._take_reply(body)
        except (FrameTooLong, msgspec.MsgspecError) as error:
            self._end(
                ProtocolBreach("scenario.protocol", f"The scenario process sent no valid reply: {error}.")
            )

    def _on_turn_closed(self) -> None:
        self._loop.remove_reader(self._forked.turn)
        self._forked.process.send_signal(signal.SIGKILL) if self._reason else None
        if self._forked.process.fileno() is None:
            self._on_exit()

    def _take_reply(self, body: bytes) -> None:
        reply = messages.decode_reply(body)
        if self._in_flight is None or self._in_flight[0] != reply.n or self._in_flight[1].done():
            text = f"The scenario process answered turn {reply.n}, which was not asked."
            self._end(ProtocolBreach("scenario.protocol", text))
            return
        # Its log lines were written before it, so they are in the socket by now.
        self._read_log()
        self._observer.on_frame(Direction.FROM_SCENARIO, body)
        self._in_flight[1].set_result(reply)

    def _read_log(self) -> None:
        while True:
            try:
                chunk = self._forked.log.recv(_READ_BYTES)
            except OSError:
                return
            if not chunk:
                self._loop.remove_reader(self._forked.log)
                return
            self._log_bytes_left -= len(chunk)
            try:
                for body in self._log_frames.feed(chunk):
                    self._observer.on_log(messages.decode_log(body))
            except (FrameTooLong, msgspec.MsgspecError) as error:
                self._end(
                    ProtocolBreach(
                        "scenario.protocol", f"The scenario process sent no valid log line: {error}."
                    )
                )
                return
            if self._log_bytes_left < 0:
                self._end(ProtocolBreach("scenario.protocol", "The scenario process passed its log limit."))
                return

    def _on_no_answer(self) -> None:
        seconds = self._limits.wall_s_per_turn
        self._end(BudgetExceeded("limit.wall", f"One turn had no answer for {seconds:g} s."))

    def _end(self, reason: ScenarioError) -> None:
        """Kills the process; `reason` is what exchanges raise from now on."""
        if self._reason is None and not self._closed.done():
            self._reason = reason
            self._forked.process.send_signal(signal.SIGKILL)
            if self._forked.process.fileno() is None:
                self._on_exit()

    def _on_exit(self) -> None:
        exited = self._forked.process.poll()
        if exited is None:
            return
        self._drain()
        self._unwatch()
        if self._reason is None:
            self._reason = self._explain(exited)
        if self._in_flight is not None and not self._in_flight[1].done():
            self._in_flight[1].set_exception(self._reason)
        if not self._closed.done():
            self._closed.set_result(exited)

    def _drain(self) -> None:
        """Reads what the process wrote before it ended: a whole reply still counts."""
        self._on_turn_readable()
        self._read_log()

    def _unwatch(self) -> None:
        descriptor = self._forked.process.fileno()
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
        self._loop.remove_reader(self._forked.turn)
        self._loop.remove_writer(self._forked.turn)
        self._loop.remove_reader(self._forked.log)
        self._forked.turn.close()
        self._forked.log.close()
        self._forked.process.close()

    def _explain(self, exited: platform.Exited) -> ScenarioError:
        if exited.killed_by is signal.SIGPROF:
            seconds = self._limits.cpu_s_per_turn
            return BudgetExceeded("limit.cpu", f"One turn used more than {seconds:g} s of CPU.")
        if exited.status == EXIT_OUT_OF_MEMORY:
            return BudgetExceeded(
                "limit.memory", "The scenario process needed more memory than a session may use."
            )
        how = f"with status {exited.status}" if exited.killed_by is None else f"by {exited.killed_by.name}"
        return ScenarioDied("scenario.died", f"The scenario process ended {how}.")
