"""Contract of speech/worker.py, beyond what the client's tests show: its bounds."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import ExitStack

import pytest

from speech_extra import speech_extra
from voxruntime.clock import Clock
from voxruntime.speech.interface import SpeechUnavailable
from voxruntime.speech.messages import Detect, Probabilities, Recognize, Role
from voxruntime.speech.worker import MAX_BACKLOG_BYTES, MAX_JOBS, Worker

__all__ = ["speech_extra"]

pytestmark = pytest.mark.usefixtures("speech_extra")


async def started() -> tuple[Worker, Clock]:
    clock = Clock(asyncio.get_running_loop())
    worker = Worker(Role.VOICE, clock, lambda _reason: None)
    await worker.start()
    return worker, clock


def test_jobs_begun_before_the_process_is_ready_are_answered() -> None:
    async def main() -> None:
        worker, _ = await started()
        assert worker.is_being_replaced()
        with worker.job(lambda job: Detect(job, 1, bytes(2048), 16000)) as job:
            reply = await job.reply()
        assert isinstance(reply, Probabilities)
        assert not worker.is_being_replaced()
        await worker.close()

    asyncio.run(main())


def test_jobs_are_bounded() -> None:
    async def main() -> None:
        worker, clock = await started()
        with ExitStack() as jobs:
            for _ in range(MAX_JOBS):
                jobs.enter_context(worker.job(lambda job: Detect(job, 1, b"", 16000)))
            with pytest.raises(SpeechUnavailable, match="too much waits"):
                jobs.enter_context(worker.job(lambda job: Detect(job, 1, b"", 16000)))
        assert clock.work.running == 0
        await worker.close()

    asyncio.run(main())


def test_a_process_that_reads_nothing_is_asked_nothing_more() -> None:
    async def main() -> None:
        worker, clock = await started()
        await worker.ready()
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGSTOP)
        block = bytes(MAX_BACKLOG_BYTES // 4)
        with ExitStack() as jobs:
            for _ in range(5):
                jobs.enter_context(worker.job(lambda job: Recognize(job, block, 16000, [], "en-US")))
            with pytest.raises(SpeechUnavailable, match="too much waits"):
                jobs.enter_context(worker.job(lambda job: Recognize(job, block, 16000, [], "en-US")))
        os.kill(worker.pid, signal.SIGKILL)
        await worker.close()
        assert clock.work.running == 0

    asyncio.run(main())


def test_a_process_that_stops_understanding_is_replaced() -> None:
    async def main() -> None:
        lost: list[str] = []
        worker = Worker(Role.VOICE, Clock(asyncio.get_running_loop()), lost.append)
        await worker.start()
        await worker.ready()
        first = worker.pid
        # Longer than any message may be: the process refuses its length and ends.
        with (
            pytest.raises(SpeechUnavailable, match="ended unexpectedly"),
            worker.job(lambda job: Detect(job, 1, bytes(20 * 2**20), 16000)) as job,
        ):
            await job.reply()
        with worker.job(lambda job: Detect(job, 1, b"", 16000)) as job:
            await job.reply()
        assert worker.pid != first
        assert len(lost) == 1
        await worker.close()

    asyncio.run(main())
