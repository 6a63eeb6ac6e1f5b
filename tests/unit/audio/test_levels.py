import numpy as np
import pytest

from voxruntime.audio.levels import SILENCE_DBFS, dbfs, rms, rms_of_dbfs, rms_of_each


def test_full_scale_square_wave_is_0_dbfs() -> None:
    assert dbfs(np.full(160, -32768, dtype=np.int16)) == 0.0


def test_full_scale_sine_is_3_db_below() -> None:
    sine = np.rint(32767 * np.sin(2 * np.pi * np.arange(800) / 8)).astype(np.int16)
    assert dbfs(sine) == pytest.approx(-3.01, abs=0.01)


def test_ten_times_less_is_20_db_less() -> None:
    noise = np.random.default_rng(1).integers(-30000, 30000, 8000).astype(np.int16)
    assert dbfs(noise) - dbfs((noise // 10).astype(np.int16)) == pytest.approx(20, abs=0.05)


@pytest.mark.parametrize("samples", [0, 160])
def test_silence_and_no_samples_have_the_least_level(samples: int) -> None:
    assert dbfs(np.zeros(samples, dtype=np.int16)) == SILENCE_DBFS


def test_no_signal_is_below_the_least_level() -> None:
    pcm = np.zeros(10_000_000, dtype=np.int16)
    pcm[0] = 1
    assert dbfs(pcm) == SILENCE_DBFS


@pytest.mark.parametrize("level_dbfs", [0.0, -3.5, -40.0])
def test_rms_of_dbfs_is_the_inverse_of_dbfs(level_dbfs: float) -> None:
    square = np.full(1000, -round(rms_of_dbfs(level_dbfs)), dtype=np.int16)
    assert dbfs(square) == pytest.approx(level_dbfs, abs=0.05)


@pytest.mark.parametrize("samples", [1, 160, 480, 960])
def test_levels_measured_together_are_those_measured_alone(samples: int) -> None:
    rng = np.random.default_rng(samples)
    frames = np.rint(rng.uniform(-1, 1, (50, samples)) * np.geomspace(1, 32767, 50)[:, None]).astype(np.int16)
    frames[3], frames[-1] = 0, -32768
    alone = [rms(frame) for frame in frames]
    assert rms_of_each(frames) == pytest.approx(alone, rel=1e-6)
    assert (alone[3], alone[-1]) == (0.0, 32768.0)
    assert [20 * np.log10(each / 32768) for each in alone if each] == pytest.approx(
        [dbfs(frame) for frame in frames if frame.any()]
    )
