import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxruntime.audio.levels import dbfs, rms_of_dbfs
from voxruntime.audio.pcm import PCM16, RATES
from voxruntime.audio.resample import StreamResampler, convert
from voxruntime.audio.tones import DTMF_DIGITS, dtmf, silence, sine
from voxruntime.audio.tonewords import GAP_S, decode, encode

ENGLISH = "Hello, how may I help you today?"
RUSSIAN = "Здравствуйте, чем могу помочь?"


def white_noise(samples: int, rms: float, seed: int = 1) -> PCM16:
    return np.rint(np.random.default_rng(seed).normal(0, rms, samples)).astype(np.int16)


def burst(tones: list[int]) -> PCM16:
    return np.concatenate([sine(500 + 125 * tone, 0.008, 8000) for tone in tones])


@pytest.mark.parametrize("text", [ENGLISH, RUSSIAN, "a", "0", "\x00", "🙂 ok", "x" * 200])
@pytest.mark.parametrize("rate", [*RATES, 11025])
def test_text_survives_at_every_rate(text: str, rate: int) -> None:
    pcm = encode(text, rate)
    assert pcm.dtype == np.int16
    assert decode(pcm, rate) == text


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=30), st.sampled_from(RATES))
def test_any_text_comes_back_with_its_words_apart(text: str, rate: int) -> None:
    words = " ".join(text.split()).encode("utf-8", errors="replace").decode()
    assert decode(encode(text, rate), rate) == (words or None)


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_text_without_words_is_no_audio(text: str) -> None:
    assert encode(text, 8000).shape == (0,)


def test_spoken_text_runs_at_least_20_bytes_a_second() -> None:
    for text in (ENGLISH, RUSSIAN):
        assert len(text.encode()) / (len(encode(text, 8000)) / 8000) > 20


def test_words_stand_apart_by_silence() -> None:
    pcm = encode("one two", 8000)
    word = len(encode("one", 8000))
    gap = round(GAP_S * 8000)
    assert not pcm[word : word + gap].any()
    assert np.array_equal(pcm[:word], encode("one", 8000))
    assert np.array_equal(pcm[word + gap :], encode("two", 8000))


def test_tones_are_as_loud_as_speech_and_stay_in_the_telephone_band() -> None:
    pcm = encode("abracadabra", 48000)
    power = np.abs(np.fft.rfft(pcm.astype(float))) ** 2
    hz = np.fft.rfftfreq(len(pcm), 1 / 48000)
    assert dbfs(pcm) == pytest.approx(-15, abs=0.5)
    assert power[(hz > 300) & (hz < 3400)].sum() / power.sum() > 0.995


@pytest.mark.parametrize("lead", [0, 1, 7, 50, 97, 160, 1603])
def test_words_are_found_at_any_place_in_silence(lead: int) -> None:
    for rate in (8000, 44100):
        around = np.concatenate([np.zeros(lead, np.int16), encode(ENGLISH, rate), silence(0.3, rate)])
        assert decode(around, rate) == ENGLISH


@pytest.mark.parametrize("in_rate", RATES)
@pytest.mark.parametrize("out_rate", RATES)
def test_words_survive_resampling_through_8_khz(in_rate: int, out_rate: int) -> None:
    pcm = np.concatenate([silence(0.0131, in_rate), encode(RUSSIAN, in_rate), silence(0.1, in_rate)])
    telephone = pcm if in_rate == 8000 else StreamResampler(in_rate, 8000).process(pcm)
    heard = telephone if out_rate == 8000 else StreamResampler(8000, out_rate).process(telephone)
    assert decode(heard, out_rate) == RUSSIAN


@pytest.mark.parametrize("rate", [8000, 24000, 48000])
@pytest.mark.parametrize("seed", range(5))
def test_words_survive_20_db_less_level_and_noise_12_db_below_them(rate: int, seed: int) -> None:
    pcm = np.concatenate([silence(0.05, rate), encode(ENGLISH, rate), silence(0.05, rate)]) // 10
    noise = white_noise(len(pcm), rms_of_dbfs(-35 - 12), seed)
    assert decode(pcm + noise, rate) == ENGLISH


def test_words_survive_a_clock_that_runs_1_in_500_fast() -> None:
    slow = convert(encode(ENGLISH, 8000), 8000, 8016)
    assert decode(slow, 8000) == ENGLISH


def test_words_survive_clipping() -> None:
    loud = np.clip(encode(ENGLISH, 8000).astype(np.int32) * 20, -32768, 32767).astype(np.int16)
    assert decode(loud, 8000) == ENGLISH


def test_utterances_after_each_other_are_one_text() -> None:
    pcm = np.concatenate([encode("press one", 8000), silence(1.0, 8000), encode("or two", 8000)])
    assert decode(pcm, 8000) == "press one or two"


def test_word_that_is_cut_off_is_left_out() -> None:
    whole, begun = encode("keep this", 8000), encode("not", 8000)
    gap = silence(GAP_S, 8000)
    assert decode(np.concatenate([whole, gap, begun[: len(begun) - 100]]), 8000) == "keep this"
    assert decode(np.concatenate([begun[100:], gap, whole]), 8000) == "keep this"


@pytest.mark.parametrize("lost_ms", [4, 20])
def test_word_that_lost_a_piece_is_left_out(lost_ms: int) -> None:
    pcm = encode("transmission", 8000)
    middle = len(pcm) // 2
    assert decode(np.concatenate([pcm[:middle], pcm[middle + lost_ms * 8 :]]), 8000) is None


def test_word_with_a_wrong_tone_is_left_out() -> None:
    step = 64
    right, other = encode("abcdef", 8000), encode("abcdeg", 8000)
    # The last letter's low half is the twelfth tone after the opening one.
    mixed_up = np.concatenate([right[: 12 * step], other[12 * step : 13 * step], right[13 * step :]])
    assert decode(mixed_up, 8000) is None


def formant_speech(rate: int, seed: int) -> PCM16:
    """Voiced sound that glides between vowels, with fricative noise between syllables."""
    random = np.random.default_rng(seed)
    pieces = []
    for _ in range(20):
        samples = int(rate * random.uniform(0.08, 0.25))
        seconds = np.arange(samples) / rate
        pitch = random.uniform(90, 220) * (1 + 0.1 * seconds / seconds[-1])
        wave = np.zeros(samples)
        for formant, width in ((random.uniform(300, 800), 90), (random.uniform(900, 2300), 120), (2600, 160)):
            for harmonic in range(1, 25):
                hz = harmonic * pitch
                wave += np.sin(2 * np.pi * np.cumsum(hz) / rate) / (1 + ((hz - formant) / width) ** 2)
        pieces += [wave * np.hanning(samples), random.normal(0, 0.05, int(rate * 0.05))]
    joined = np.concatenate(pieces)
    return np.rint(12000 * joined / np.abs(joined).max()).astype(np.int16)


def melody(rate: int, seed: int) -> PCM16:
    random = np.random.default_rng(seed)
    notes = [440 * 2 ** (n / 12) for n in random.integers(-12, 24, 60)]
    return np.concatenate([sine(hz, 0.06, rate) + sine(hz * 1.5, 0.06, rate, level_dbfs=-18) for hz in notes])


@pytest.mark.parametrize("rate", [8000, 24000])
@pytest.mark.parametrize("seed", range(5))
def test_speech_music_and_noise_are_no_words(rate: int, seed: int) -> None:
    assert decode(formant_speech(rate, seed), rate) is None
    assert decode(melody(rate, seed), rate) is None
    assert decode(white_noise(5 * rate, 3000, seed), rate) is None


@pytest.mark.parametrize("rate", [8000, 48000])
def test_dtmf_and_steady_tones_are_no_words(rate: int) -> None:
    assert decode(dtmf(DTMF_DIGITS, rate), rate) is None
    for hz in (425, 500, 1000, 2500, 2625):
        assert decode(sine(hz, 1.0, rate), rate) is None


def test_bursts_of_the_right_tones_in_random_order_are_no_words() -> None:
    random = np.random.default_rng(7)
    for _ in range(50):
        tones = [16, *random.integers(0, 16, 2 * random.integers(3, 9)), 17]
        assert decode(burst(tones), 8000) is None


def test_noise_whose_loudest_tones_have_a_right_checksum_is_no_word() -> None:
    # Five hours of noise were searched for these 40 s, which hold a burst by chance.
    assert decode(white_noise(40 * 8000, 3000, seed=481), 8000) is None


def test_checksum_of_no_bytes_is_no_word() -> None:
    pcm = np.concatenate([burst([16, 1, 13, 0, 15, 17]), silence(GAP_S, 8000), encode("word", 8000)])
    assert decode(pcm, 8000) == "word"


def test_opening_tone_within_a_word_is_no_zero() -> None:
    pcm = encode("\x01", 8000)
    assert decode(np.concatenate([burst([16, 16]), pcm[128:]]), 8000) is None


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-32768, 32767), max_size=3000))
def test_arbitrary_samples_are_no_words(samples: list[int]) -> None:
    assert decode(np.array(samples, dtype=np.int16), 8000) is None
