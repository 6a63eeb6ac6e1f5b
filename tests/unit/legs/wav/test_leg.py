"""A file as the far end: every sample in its place, then silence, then the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leg_driver import PARTY, Reports, joined, leg_context, loud, tick, ticks, write_wav
from voxruntime.audio.tones import sine
from voxruntime.call.state import Direction
from voxruntime.errors import ConfigError
from voxruntime.legs.wav.leg import ANSWER_AFTER_S, open_wav
from voxruntime.testing.virtual_loop import run


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_calling_file_plays_from_the_answer_on_sample_by_sample(tmp_path: Path, rate: int) -> None:
    sound = sine(440.0, 0.5, rate)
    write_wav(tmp_path / "c.wav", sound, rate)

    async def main() -> None:
        async with leg_context(tmp_path, hangup_after_s=1.0) as context:
            leg = await open_wav("c.wav", Direction.INCOMING, context)
            reports = Reports()
            assert leg.rate == rate
            leg.open(PARTY, reports)
            leg.answer({})
            assert np.array_equal(joined(ticks(leg, 25, loud(rate)), rate), sound)
            assert ticks(leg, 50) == [None] * 50
            assert reports.lines == []
            tick(leg)
            assert reports.lines == ["hung up 200"]

    run(main())


def test_a_rate_that_ports_do_not_know_becomes_the_next_above(tmp_path: Path) -> None:
    write_wav(tmp_path / "c.wav", sine(440.0, 0.5, 11025), 11025)

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            leg = await open_wav("c.wav", Direction.INCOMING, context)
            assert leg.rate == 16000

    run(main())


def test_a_called_file_rings_and_plays(tmp_path: Path) -> None:
    write_wav(tmp_path / "c.wav", sine(440.0, 0.1, 8000), 8000)

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            leg = await open_wav("c.wav", Direction.OUTGOING, context)
            reports, begun = Reports(), context.clock.now()
            leg.open(PARTY, reports)
            assert await reports.next() == "answered"
            assert context.clock.now() - begun == pytest.approx(ANSWER_AFTER_S)
            assert tick(leg) is not None
            assert reports.lines == ["ringing", "answered"]

    run(main())


def test_a_file_that_cannot_be_played_is_told_before_the_call(tmp_path: Path) -> None:
    (tmp_path / "c.wav").write_bytes(b"ID3 is how MP3 files begin")

    async def main() -> None:
        async with leg_context(tmp_path) as context:
            with pytest.raises(ConfigError, match="MP3"):
                await open_wav("c.wav", Direction.INCOMING, context)

    run(main())
