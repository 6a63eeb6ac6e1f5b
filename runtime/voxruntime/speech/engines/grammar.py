"""Recognition of a dialogue's own phrases: pocketsphinx with a grammar of nothing else, and a check behind it.

The acoustic model was trained on sound up to 8 kHz; a telephone has 4 kHz. `telephone_band.mllr` moves the model's
means to where the lower band puts them (a linear regression of cepstra of one over the other; Leggetter and Woodland,
"Maximum likelihood linear regression", 1995). Measured on 8 kHz recordings it halves the errors. All sound, whatever
its rate, is brought to the telephone band first, so that there is one model and one set of thresholds.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voxruntime.audio import pcm as samples
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.resample import convert
from voxruntime.speech.engines import rejection
from voxruntime.speech.engines.phones import LANGUAGES, from_ipa
from voxruntime.speech.engines.rejection import Segment
from voxruntime.speech.engines.voice import WINDOW_MS, VoiceStreams
from voxruntime.speech.interface import Heard, SpeechUnavailable
from voxruntime.speech.phrases import words

BAND_RATE = 8000
"""Hz: all sound is reduced to the telephone's band."""

MODEL_RATE = 16000
"""Hz of the acoustic model."""

MAX_SECONDS = 30.0
"""Longest utterance looked at; the rest is left out."""

MAX_GRAMMARS = 64
"""Grammars kept ready; a dialogue has one for each state."""

NOTHING = Heard(text="", confidence=0.0, is_match=False)

_MARGIN_S = 0.25
_EDGE_DB = 30.0
_STREAM = 0
_FRAME_MS = 1000 // rejection.FRAMES_PER_S
_TOKEN = "phrase-word-"
_ALTERNATIVE = re.compile(r"\(\d+\)$")
# pocketsphinx reports the scores of its one-pass search divided by 2^10 (SENSCR_SHIFT in hmm.h).
_SCORE_SCALE = 1024

Ipa = Callable[[str, str], str]
"""Takes a word and a language tag, returns IPA with phonemes parted by `_`. May raise SpeechUnavailable."""


_Spellings = dict[tuple[str, ...], str]
"""Phrases as they were offered, by the tokens of their words."""


class _Word(Protocol):
    """What pocketsphinx tells of a word in its result."""

    word: str
    start_frame: int
    end_frame: int
    ascore: float


class GrammarRecognizer:
    """Hears which of the offered phrases was said, in English and (experimentally) in Russian.

    Args:
        ipa: Pronounces words that the English dictionary does not have.

    Raises:
        SpeechUnavailable: pocketsphinx is missing or does not load.
    """

    def __init__(self, ipa: Ipa) -> None:
        try:
            import pocketsphinx  # noqa: PLC0415  # belongs to an extra
        except (ImportError, OSError) as error:
            raise SpeechUnavailable(f"pocketsphinx does not load: {error}") from None
        model = Path(pocketsphinx.get_model_path()) / "en-us"
        config = pocketsphinx.Config(
            hmm=str(model / "en-us"),
            dict=str(model / "cmudict-en-us.dict"),
            lm=None,
            mllr=str(Path(__file__).with_name("telephone_band.mllr")),
            # The second pass over the lattice loses one Russian phrase in eight.
            bestpath=False,
            loglevel="FATAL",
        )
        try:
            self._decoder = pocketsphinx.Decoder(config)
        except RuntimeError as error:
            raise SpeechUnavailable(f"pocketsphinx does not start: {error}") from None
        self._ipa = ipa
        self._voices = VoiceStreams()
        self._tokens: dict[tuple[str, str], str] = {}
        self._grammars: OrderedDict[tuple[str, ...], _Spellings] = OrderedDict()

    def recognize(self, pcm: PCM16, rate: int, phrases: Sequence[str], language: str) -> Heard:
        """Returns the phrase that was said, or nothing.

        Args:
            pcm: int16 of shape (samples,): one utterance.
            rate: Hz.
            phrases: What may have been said.
            language: BCP-47 tag; English and Russian are known.

        Raises:
            SpeechUnavailable: The language is another one.
        """
        primary = language.partition("-")[0].lower()
        if primary not in LANGUAGES:
            raise SpeechUnavailable(f"the recogniser knows {' and '.join(LANGUAGES)}, not {language!r}")
        band = _cut_edges(convert(pcm[: int(MAX_SECONDS * rate)], rate, BAND_RATE))
        spellings = self._use_grammar(phrases, primary)
        if band is None or not spellings:
            return NOTHING
        sound = convert(band, BAND_RATE, MODEL_RATE)
        found = self._decode(sound)
        phrase = spellings.get(tuple(token for token, _ in found))
        if phrase is None:
            return NOTHING
        placed = [segment for _, segment in found]
        levels = rejection.levels_dbfs(band, BAND_RATE)
        verdict = rejection.judge(placed, levels, self._voice(sound), primary)
        return Heard(phrase if verdict.is_match else "", verdict.confidence, verdict.is_match)

    def _use_grammar(self, phrases: Sequence[str], language: str) -> _Spellings:
        """Makes the phrases the decoder's grammar; returns them by their tokens, none when none can be pronounced."""
        key = (language, *phrases)
        spellings = self._grammars.pop(key, None)
        if spellings is None:
            spellings = self._spell(phrases, language)
            if spellings:
                rules = " | ".join(" ".join(tokens) for tokens in spellings)
                name = _search_name(key)
                self._decoder.add_jsgf_string(name, f"#JSGF V1.0; grammar g; public <phrase> = {rules};")
        self._grammars[key] = spellings
        if len(self._grammars) > MAX_GRAMMARS:
            oldest, unused = self._grammars.popitem(last=False)
            if unused:
                self._decoder.remove_search(_search_name(oldest))
        if spellings:
            self._decoder.activate_search(_search_name(key))
        return spellings

    def _spell(self, phrases: Sequence[str], language: str) -> _Spellings:
        spellings: _Spellings = {}
        for phrase in phrases:
            tokens = tuple(self._token(word, language) for word in words(phrase))
            if tokens and all(tokens):
                spellings.setdefault(tokens, phrase)
        return spellings

    def _token(self, word: str, language: str) -> str:
        """Returns the decoder's name of a word, put into its dictionary when it is new; empty when unpronounceable.

        Words have names of their own there: a grammar gives a meaning to some characters of real ones.
        """
        token = self._tokens.get((language, word))
        if token is None:
            pronunciations = self._pronounce(word, language)
            token = f"{_TOKEN}{len(self._tokens)}" if pronunciations else ""
            for number, phones in enumerate(pronunciations, start=1):
                name = token if number == 1 else f"{token}({number})"
                self._decoder.add_word(name, phones, False)
            self._tokens[language, word] = token
        return token

    def _pronounce(self, word: str, language: str) -> list[str]:
        found: list[str] = []
        if language == "en":
            name = word
            while phones := self._decoder.lookup_word(name):
                found.append(phones)
                name = f"{word}({len(found) + 1})"
        if not found:
            phones = from_ipa(self._ipa(word, language), language)
            found = [phones] if phones else []
        return found

    def _decode(self, pcm: PCM16) -> list[tuple[str, Segment]]:
        """Returns the words of the grammar that fit best, and where they are; nothing when none fit at all."""
        decoder = self._decoder
        decoder.start_utt()
        decoder.process_raw(samples.encode(pcm), no_search=False, full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return []
        placed = ((_ALTERNATIVE.sub("", part.word), _segment(part)) for part in decoder.seg())
        return [(token, segment) for token, segment in placed if token.startswith(_TOKEN)]

    def _voice(self, pcm: PCM16) -> NDArray[np.float64] | None:
        """Returns the speech probability of each frame; None where there is no voice detector."""
        try:
            windows = self._voices.process(_STREAM, pcm, MODEL_RATE)
        except SpeechUnavailable:
            return None
        finally:
            self._voices.close(_STREAM)
        frames = np.arange(len(windows) * WINDOW_MS // _FRAME_MS) * _FRAME_MS // WINDOW_MS
        return np.asarray(windows, dtype=np.float64)[frames]


def _segment(part: _Word) -> Segment:
    nats = math.log(part.ascore) * _SCORE_SCALE
    return Segment(part.start_frame, part.end_frame + 1, nats)


def _search_name(key: Sequence[str]) -> str:
    return repr(key).encode().hex()


def _cut_edges(pcm: PCM16) -> PCM16 | None:
    """Returns the sound from a little before its first loud frame to a little after its last; None for silence.

    The decoder levels its input over the whole of it, so long silence would shift what speech looks like.
    """
    levels = rejection.levels_dbfs(pcm, BAND_RATE)
    if not len(levels) or levels.max() < rejection.QUIET_DBFS:
        return None
    loud = np.flatnonzero(levels > levels.max() - _EDGE_DB)
    frame = BAND_RATE // rejection.FRAMES_PER_S
    margin = int(_MARGIN_S * BAND_RATE)
    return pcm[max(0, int(loud[0]) * frame - margin) : (int(loud[-1]) + 1) * frame + margin]
