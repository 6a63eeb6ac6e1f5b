"""The engine's side of jobs: what the io process was asked and has not answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec
import numpy as np

from voxruntime.audio.pcm import PCM16, decode
from voxruntime.errors import ConfigError, InternalError, RemoteError, VoxrtError
from voxruntime.files.messages import AudioBlock, AudioHead, JobFailed, JobReply, Resolved, Side, TextRead

T = TypeVar("T")

Collect = Callable[[JobReply], T | None]
"""Takes the replies of one job in order; returns its result with the last one."""


class Audio(msgspec.Struct, frozen=True):
    """Sound from a file.

    Attributes:
        rate: Hz.
        pcm: int16 of shape (samples,).
    """

    rate: int
    pcm: PCM16


class Unanswered(Protocol):
    """A job whose result is awaited."""

    def take(self, reply: JobReply) -> None:
        """Takes the next reply."""

    def fail(self, error: VoxrtError) -> None:
        """Ends the job without a result."""


class PendingJob(Generic[T]):
    """A job whose result is awaited; what comes after its end, or after nobody awaits it, is dropped.

    Args:
        collect: Makes the result.
    """

    def __init__(self, collect: Collect[T]) -> None:
        self._collect = collect
        self.result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def take(self, reply: JobReply) -> None:
        """Takes the next reply."""
        if isinstance(reply, JobFailed):
            self.fail(_error_of(reply))
        elif not self.result.done():
            result = self._collect(reply)
            if result is not None:
                self.result.set_result(result)

    def fail(self, error: VoxrtError) -> None:
        """Ends the job without a result."""
        if not self.result.done():
            self.result.set_exception(error)


def audio_collector() -> Collect[Audio]:
    """Returns what joins the blocks of one sound."""
    head: AudioHead | None = None
    pcm: PCM16 = np.zeros(0, dtype=np.int16)
    filled = 0

    def collect(reply: JobReply) -> Audio | None:
        nonlocal head, pcm, filled
        if isinstance(reply, AudioHead):
            head, pcm = reply, np.empty(reply.samples, dtype=np.int16)
        elif isinstance(reply, AudioBlock):
            block = decode(reply.pcm)
            pcm[filled : filled + len(block)] = block
            filled += len(block)
        return Audio(head.rate, pcm) if head is not None and filled == head.samples else None

    return collect


def text_of(reply: JobReply) -> str | None:
    """Returns the text that was read."""
    return reply.text if isinstance(reply, TextRead) else None


def addresses_of(reply: JobReply) -> list[tuple[int, str]] | None:
    """Returns the addresses that were found."""
    return reply.addresses if isinstance(reply, Resolved) else None


def _error_of(failed: JobFailed) -> VoxrtError:
    match failed.side:
        case Side.OPERATOR:
            return ConfigError(failed.code, failed.message, file=failed.file, line=failed.line)
        case Side.REMOTE:
            return RemoteError(failed.code, failed.message, retryable=failed.retryable)
        case Side.VOXRT:
            return InternalError(failed.code, failed.message)
