"""What a session process does: reads turns, steps Lua, writes replies and log lines."""

from __future__ import annotations

import os
import signal

from lupa.lua54 import LuaError, LuaMemoryError

from voxruntime.scenario import natives
from voxruntime.scenario.isolation import Confinement
from voxruntime.scenario.state import LuaState
from voxruntime.scenario.wire import Hello
from voxruntime.turn import framing, messages
from voxruntime.turn.messages import Fault, Load, LogLine, Reply, Turn

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""The engine caps what it sends; this only keeps a broken stream from filling memory."""

DEFAULT_MEMORY_BYTES = 16 * 1024 * 1024
"""Lua memory when `Load` names no limit."""

DEFAULT_CPU_S = 1.0
DEFAULT_CPU_WARNING_MS = 50.0

_READ_BYTES = 4096
"""Room for most messages; to make more takes longer than the message."""

_WHOLE, _LOG, _NATIVE = b"WLN"
"""What the state asks for; an answer begins with a zero, since it has less than 16 MiB."""


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
        self._uncounted_log_bytes = 0
        self._cpu_s = DEFAULT_CPU_S
        self._cpu_warning_s = DEFAULT_CPU_WARNING_MS / 1000
        self._pieces = framing.FrameReader(MAX_FRAME_BYTES)

    def serve(self) -> None:
        """Says hello, then answers turn after turn; returns when the engine has closed the turn socket."""
        _send(self._turn_fd, framing.frame(messages.encode(Hello(self._confinement.report))))
        frame = os.read(self._turn_fd, _READ_BYTES)
        if frame:
            frame = self._whole(frame)
            self._take_limits(frame)
        # Other processes have had the caches since the last turn, so each function and object more is felt.
        turn_fd, read, write, setitimer = self._turn_fd, os.read, os.write, signal.setitimer
        timer, cpu_s, few_s = signal.ITIMER_PROF, self._cpu_s, self._cpu_s - self._cpu_warning_s
        step, used_bytes = self._state.step, self._state.used_bytes
        # A `Load` may be of any size.
        most_bytes = -1
        while frame:
            try:
                if used_bytes() > most_bytes:
                    self._state.make_room(len(frame))
                    most_bytes = self._state.most_bytes(_READ_BYTES)
                answer = step(frame)
                if answer[0]:
                    if answer[0] == _WHOLE:
                        frame = self._whole(frame)
                        answer = self._step(frame)
                    answer = self._fulfil(answer)
            except LuaError as error:
                self._refuse(frame, error)
                return
            # What is left of this turn's CPU, and that of the next one, which nothing uses before it comes.
            left_s, _ = setitimer(timer, cpu_s)
            if left_s < few_s:
                answer = self._warn_of_cpu(cpu_s - left_s, answer)
            sent = write(turn_fd, answer)
            if sent < len(answer):
                _send(turn_fd, answer[sent:])
            frame = read(turn_fd, _READ_BYTES)

    def _whole(self, frame: bytes) -> bytes:
        """Reads what is missing of a frame.

        Raises:
            ConnectionResetError: It never comes: the engine has closed the turn socket.
        """
        chunk = frame
        while chunk:
            for body in self._pieces.feed(chunk):
                return framing.frame(body)
            chunk = os.read(self._turn_fd, 16 * _READ_BYTES)
        raise ConnectionResetError

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

    def _step(self, message: bytes) -> bytes:
        self._state.make_room(len(message))
        return self._state.step(message)

    def _fulfil(self, asked: bytes) -> bytes:
        """Does what the state asks for, again and again until it gives its answer.

        Raises:
            LuaError: The state is lost.
        """
        while kind := asked[0]:
            if kind == _LOG:
                self._write_log(asked[1:])
                asked = self._step(b"")
            elif kind == _NATIVE:
                asked = self._step(natives.answer(asked[1:]))
            else:
                raise LuaError(f"asks for {asked[:1]!r}")
        return self._count_log(asked)

    def _refuse(self, frame: bytes, error: LuaError) -> None:
        """Answers this turn and each that follows with what went wrong: the state is lost."""
        if isinstance(error, LuaMemoryError):
            fault = Fault("limit.memory", "Lua needed more memory than the session may use.")
        else:
            fault = Fault("internal.sandbox", str(error)[:2000])
        while frame:
            message = messages.decode_to_scenario(self._whole(frame)[framing.HEADER_BYTES :])
            n = message.n if isinstance(message, Turn) else 0
            answer = framing.answer(messages.encode(Reply(n, [], loaded=False, fault=fault)), 0)
            left_s, _ = signal.setitimer(signal.ITIMER_PROF, self._cpu_s)
            if self._cpu_s - left_s > self._cpu_warning_s:
                answer = self._warn_of_cpu(self._cpu_s - left_s, answer)
            _send(self._turn_fd, self._count_log(answer))
            frame = os.read(self._turn_fd, _READ_BYTES)

    def _warn_of_cpu(self, used_s: float, answer: bytes) -> bytes:
        reply, _ = framing.split_answer(answer[framing.HEADER_BYTES :])
        text = f"This turn used {used_s * 1000:.0f} ms of CPU."
        self._write_log(messages.encode(LogLine(messages.decode_reply(reply).n, "warning", text)))
        return self._count_log(answer)

    def _write_log(self, line: bytes) -> None:
        frame = framing.frame(line)
        self._uncounted_log_bytes += len(frame)
        _send(self._log_fd, frame)

    def _count_log(self, answer: bytes) -> bytes:
        """Returns an answer that also counts what has been written to the log since the last count."""
        reply, log_bytes = framing.split_answer(answer[framing.HEADER_BYTES :])
        log_bytes += self._uncounted_log_bytes
        self._uncounted_log_bytes = 0
        return framing.answer(reply, log_bytes)


def _send(descriptor: int, frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[os.write(descriptor, view) :]
