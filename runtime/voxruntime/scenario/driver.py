"""What a session process does: reads turns, steps Lua, writes replies and log lines."""

from __future__ import annotations

import os
import signal

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

DEFAULT_CPU_S = 1.0
DEFAULT_CPU_WARNING_MS = 50.0

_READ_BYTES = 16 * 1024
_LOG, _NATIVE, _OUT_OF_MEMORY, _FAILED = b"L", b"N", b"M", b"E"
_REQUESTS = _LOG + _NATIVE + _OUT_OF_MEMORY + _FAILED
"""No reply begins with one of them."""


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
        self._cpu_s = DEFAULT_CPU_S
        self._cpu_warning_s = DEFAULT_CPU_WARNING_MS / 1000
        self._pieces = framing.FrameReader(MAX_FRAME_BYTES)
        self._fault: Fault | None = None

    def serve(self) -> None:
        """Says hello, then answers turn after turn; returns when the engine has closed the turn socket."""
        _send(self._turn_fd, framing.frame(messages.encode(Hello(self._confinement.report))))
        while frame := self._receive():
            self._turn += 1
            if self._turn == 0:
                self._take_limits(frame)
            answer = framing.answer(self._reply(frame), self._log_bytes)
            sent = os.write(self._turn_fd, answer)
            if sent < len(answer):
                _send(self._turn_fd, answer[sent:])

    def _receive(self) -> bytes:
        """Returns the next frame; nothing once the engine has closed the turn socket."""
        chunk = os.read(self._turn_fd, _READ_BYTES)
        # Most come in one piece, and the next one comes after the reply to it.
        if len(chunk) - framing.HEADER_BYTES == int.from_bytes(chunk[: framing.HEADER_BYTES]):
            return chunk
        while chunk:
            for body in self._pieces.feed(chunk):
                return framing.frame(body)
            chunk = os.read(self._turn_fd, _READ_BYTES)
        return chunk

    def _take_limits(self, frame: bytes) -> None:
        load = messages.decode_to_scenario(frame[framing.HEADER_BYTES :])
        limits = load.limits if isinstance(load, Load) else {}
        self._cpu_s = limits.get("cpu_s_per_turn", self._cpu_s)
        self._cpu_warning_s = limits.get("cpu_warning_ms", DEFAULT_CPU_WARNING_MS) / 1000
        memory_bytes = int(limits.get("memory_bytes", DEFAULT_MEMORY_BYTES))
        self._state.limit_memory(memory_bytes)
        self._confinement.limit_address_space(memory_bytes)
        # Default action: the kernel ends this process where no Lua hook counts (patterns, big sorts).
        signal.setitimer(signal.ITIMER_PROF, self._cpu_s)

    def _reply(self, frame: bytes) -> bytes:
        reply = b""
        if self._fault is None:
            try:
                reply = self._state.step(frame)
                if reply[0] in _REQUESTS:
                    reply = self._fulfil(reply)
            except OutOfLuaMemory:
                self._fault = Fault("limit.memory", "Lua needed more memory than the session may use.")
            except LoopFailed as error:
                self._fault = Fault("internal.sandbox", str(error)[:2000])
        # What is left of this turn's CPU, and that of the next one, which nothing uses before it comes.
        left_s, _ = signal.setitimer(signal.ITIMER_PROF, self._cpu_s)
        if self._cpu_s - left_s > self._cpu_warning_s:
            self._warn_of_cpu(self._cpu_s - left_s)
        return reply or messages.encode(Reply(self._turn, [], loaded=False, fault=self._fault))

    def _fulfil(self, out: bytes) -> bytes:
        """Does what the state asks for, again and again until it gives its reply."""
        while out[0] in _REQUESTS:
            kind, rest = out[:1], out[1:]
            if kind == _LOG:
                self._write_log(rest)
                out = self._state.step(b"")
            elif kind == _NATIVE:
                out = self._state.step(natives.answer(rest))
            elif kind == _OUT_OF_MEMORY:
                raise OutOfLuaMemory
            else:
                raise LoopFailed(rest.decode(errors="replace"))
        return out

    def _warn_of_cpu(self, used_s: float) -> None:
        line = LogLine(self._turn, "warning", f"This turn used {used_s * 1000:.0f} ms of CPU.")
        self._write_log(messages.encode(line))

    def _write_log(self, line: bytes) -> None:
        frame = framing.frame(line)
        self._log_bytes += len(frame)
        _send(self._log_fd, frame)


def _send(descriptor: int, frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[os.write(descriptor, view) :]
