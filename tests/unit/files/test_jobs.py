"""Replies of the io process become results or errors."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from voxruntime.audio.pcm import encode
from voxruntime.errors import ConfigError, InternalError, MediaError, RemoteError, VoxrtError
from voxruntime.files.jobs import PendingJob, addresses_of, audio_collector, text_of
from voxruntime.files.messages import AudioBlock, AudioHead, JobFailed, Resolved, Side, TextRead
from voxruntime.testing.virtual_loop import run


def test_blocks_join_to_one_sound() -> None:
    expected = np.arange(1000, dtype=np.int16)
    collect = audio_collector()

    assert collect(AudioHead(1, 16000, 1000)) is None
    assert collect(AudioBlock(1, encode(expected[:700]))) is None
    audio = collect(AudioBlock(1, encode(expected[700:])))

    assert audio is not None
    assert audio.rate == 16000
    assert np.array_equal(audio.pcm, expected)


def test_a_sound_without_samples_is_complete_with_its_head() -> None:
    audio = audio_collector()(AudioHead(1, 8000, 0))

    assert audio is not None
    assert audio.pcm.shape == (0,)


def test_text_and_addresses_are_results_even_when_empty() -> None:
    async def main() -> None:
        text = PendingJob(text_of)
        text.take(TextRead(1, ""))
        addresses = PendingJob(addresses_of)
        addresses.take(Resolved(2, []))
        assert await text.result == ""
        assert await addresses.result == []

    run(main())


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        (
            JobFailed(1, Side.OPERATOR, "file.encoding", "Not UTF-8.", "s.lua", 3),
            ConfigError("file.encoding", "Not UTF-8.", file="s.lua", line=3),
        ),
        (
            JobFailed(1, Side.REMOTE, "net.dns", "No such host.", retryable=True),
            RemoteError("net.dns", "No such host.", retryable=True),
        ),
        (JobFailed(1, Side.VOXRT, "internal.io", "Odd."), InternalError("internal.io", "Odd.")),
    ],
)
def test_a_failure_raises_the_error_of_its_side(failed: JobFailed, expected: VoxrtError) -> None:
    async def main() -> None:
        job = PendingJob(text_of)
        job.take(failed)
        with pytest.raises(VoxrtError) as caught:
            await job.result
        assert type(caught.value) is type(expected)
        assert vars(caught.value) == vars(expected)

    run(main())


def test_replies_after_the_end_change_nothing() -> None:
    async def main() -> None:
        job = PendingJob(text_of)
        job.take(TextRead(1, "first"))
        job.take(TextRead(1, "second"))
        job.fail(MediaError("file.process_ended", "Gone."))
        assert await job.result == "first"

        cancelled = PendingJob(text_of)
        waiter = asyncio.ensure_future(cancelled.result)
        waiter.cancel()
        cancelled.fail(MediaError("file.process_ended", "Gone."))
        assert cancelled.result.cancelled()

    run(main())
