"""What a session process does: reads turns, steps Lua, writes replies and log lines."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator

from voxruntime.scenario import natives
from voxruntime.scenario.isolation import Confinement
from voxruntime.scenario.state import LuaState, OutOfLuaMemory
from voxruntime.scenario.wire import Hello
from voxruntime.turn import framing, messages
from voxruntime.turn.messages import Fault, Load, LogLine, Reply

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""The engine caps what it sends; this only keeps a broken stream from filling memory."""

DEFAULT_MEMORY_BYTES = 16 * 1024 * 1024
"""Lua memory when `Load` names no limit."""

_READ_BYTES = 64 * 1024
_REPLY, _LOG, _NATIVE, _OUT_OF_MEMORY = b"R", b"L", b"N", b"M"


class LoopFailed(Exception):
    """The trusted part of the Lua state broke: a fault of voxrt."""


class Driver:
    """Serves one session over its two sockets until the engine closes them.

    Args:
        turn_fd: Stream of turns and replies.
        log_fd: Stream of log lines.
        state: A fresh Lua state.
        confinement: What was done to this process.
    """

    def __init__(self, turn_fd: int, log_fd: int, state: LuaState, confinement: Confinement) -> None:
        self._turn_fd = turn_fd
        self._log_fd = log_fd
        self._state = state
        self._confinement = confinement
        self._turn = -1
        self._log_bytes = 0
        self._cpu_s = 1.0
        self._cpu_warning_ms = 50.0
        self._fault: Fault | None = None

    def serve(self) -> None:
        """Says hello, then answers turn after turn; returns when the engine has closed the turn socket."""
        self._send(self._turn_fd, framing.frame(messages.encode(Hello(self._confinement.report))))
        for body in self._frames():
            self._turn += 1
            if self._turn == 0:
                self._take_limits(body)
            reply = self._answer(body)
            self._send(self._turn_fd, framing.answer(reply, self._log_bytes))

    def _frames(self) -> Iterator[bytes]:
        reader = framing.FrameReader(MAX_FRAME_BYTES)
        while chunk := os.read(self._turn_fd, _READ_BYTES):
            yield from reader.feed(chunk)

    def _take_limits(self, body: bytes) -> None:
        load = messages.decode_to_scenario(body)
        limits = load.limits if isinstance(load, Load) else {}
        self._cpu_s = limits.get("cpu_s_per_turn", self._cpu_s)
        self._cpu_warning_ms = limits.get("cpu_warning_ms", self._cpu_warning_ms)
        memory_bytes = int(limits.get("memory_bytes", DEFAULT_MEMORY_BYTES))
        self._state.limit_memory(memory_bytes)
        self._confinement.limit_address_space(memory_bytes)

    def _answer(self, body: bytes) -> bytes:
        if self._fault is None:
            cpu_before = _cpu_ms()
            # Default action: the kernel ends this process where no Lua hook counts (patterns, big sorts).
            signal.setitimer(signal.ITIMER_PROF, self._cpu_s)
            try:
                return self._step_to_reply(body)
            except OutOfLuaMemory:
                self._fault = Fault("limit.memory", "Lua needed more memory than the session may use.")
            except LoopFailed as error:
                self._fault = Fault("internal.sandbox", str(error)[:2000])
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                self._warn_of_cpu(_cpu_ms() - cpu_before)
        return messages.encode(Reply(self._turn, [], loaded=False, fault=self._fault))

    def _step_to_reply(self, body: bytes) -> bytes:
        out = self._state.step(body)
        while True:
            kind, rest = out[:1], out[1:]
            if kind == _REPLY:
                return rest
            if kind == _LOG:
                self._write_log(rest)
                out = self._state.step(b"")
            elif kind == _NATIVE:
                out = self._state.step(natives.answer(rest))
            elif kind == _OUT_OF_MEMORY:
                raise OutOfLuaMemory
            else:
                raise LoopFailed(rest.decode(errors="replace"))

    def _warn_of_cpu(self, used_ms: float) -> None:
        if used_ms > self._cpu_warning_ms:
            line = LogLine(self._turn, "warning", f"This turn used {used_ms:.0f} ms of CPU.")
            self._write_log(messages.encode(line))

    def _write_log(self, line: bytes) -> None:
        frame = framing.frame(line)
        self._log_bytes += len(frame)
        self._send(self._log_fd, frame)

    @staticmethod
    def _send(descriptor: int, frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[os.write(descriptor, view) :]


def _cpu_ms() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1000
