"""The voice: espeak-ng from the package `espeakng-loader`, called through ctypes.

espeak-ng is GPL-3. It is loaded by the speech process and by nothing else. Names and numbers are those of its
`speak_lib.h`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Protocol

import numpy as np

from voxruntime.audio.pcm import PCM16
from voxruntime.audio.resample import convert
from voxruntime.speech.interface import SpeechUnavailable
from voxruntime.speech.messages import SYNTHESIS_RATE

MAX_CHARS = 1000
"""Longest text of one call: a minute of speech, made in some 50 ms."""

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_PHONEMES_IPA = 2
_PHONEME_SEPARATOR = "_"
_RATE = 1
_OK = 0

_BUFFER_MS = 60
_WORDS_PER_MINUTE = 175
_SLOWEST, _FASTEST = 80, 450

_OnSamples = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """Speaks and pronounces with espeak-ng, which keeps its state in globals: one object in a process.

    Raises:
        SpeechUnavailable: The package is missing or does not load here.
    """

    def __init__(self) -> None:
        try:
            import espeakng_loader  # noqa: PLC0415  # belongs to an extra

            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            folder: str = espeakng_loader.get_data_path()
        except (ImportError, OSError, RuntimeError) as error:
            raise SpeechUnavailable(f"espeakng-loader does not load: {error}") from None
        self._on_samples: Callable[[PCM16], None] | None = None
        # Kept here: the library holds a bare pointer to it.
        self._callback = _OnSamples(self._take)
        self._rate: int = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, folder.encode(), _INITIALIZE_DONT_EXIT
        )
        if self._rate <= 0:
            raise SpeechUnavailable(f"espeak-ng does not start with the data in {folder}")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def synthesize(
        self, text: str, on_audio: Callable[[PCM16], None], *, language: str, voice: str, speed: float
    ) -> None:
        """Speaks; returns when all is spoken.

        Args:
            text: At most MAX_CHARS characters.
            on_audio: Told each piece of sound at SYNTHESIS_RATE, as soon as it is there.
            language: BCP-47 tag.
            voice: A voice of espeak-ng; one that it does not have is the language's own.
            speed: 1.0 is 175 words a minute; the result is kept within 80 and 450.

        Raises:
            SpeechUnavailable: The language is unknown, or the text is too long.
        """
        if len(text) > MAX_CHARS:
            raise SpeechUnavailable(
                f"a text of {len(text)} characters is too long for the voice ({MAX_CHARS})"
            )
        self._choose_voice(voice, language)
        words_per_minute = min(max(round(_WORDS_PER_MINUTE * speed), _SLOWEST), _FASTEST)
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        octets = text.replace("\0", " ").encode()
        converter = _Converter(self._rate, on_audio)
        self._on_samples = converter.feed
        status = self._library.espeak_Synth(
            octets, len(octets) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        self._on_samples = None
        converter.finish()
        if status != _OK:
            raise SpeechUnavailable(f"espeak-ng failed with status {status}")

    def ipa(self, text: str, language: str) -> str:
        """Returns how one clause is pronounced: IPA, its phonemes parted by `_` and its words by spaces.

        Args:
            text: What follows the first clause is left out.
            language: BCP-47 tag.

        Raises:
            SpeechUnavailable: The language is unknown.
        """
        self._choose_voice("", language)
        rest = ctypes.c_char_p(text.replace("\0", " ").encode())
        phonemes: bytes | None = self._library.espeak_TextToPhonemes(
            ctypes.byref(rest), _CHARS_UTF8, _PHONEMES_IPA | ord(_PHONEME_SEPARATOR) << 8
        )
        return (phonemes or b"").decode().strip()

    def _choose_voice(self, voice: str, language: str) -> None:
        """Takes the first that espeak-ng has: the voice, the tag, the tag's language."""
        for name in (voice, language, language.partition("-")[0].lower()):
            # espeak-ng reads a name with a slash as a file.
            if name and "/" not in name and self._library.espeak_SetVoiceByName(name.encode()) == _OK:
                return
        raise SpeechUnavailable(f"espeak-ng does not speak {language or 'a language without a name'}")

    def _take(self, samples: _Pointer, count: int, _events: int | None) -> int:
        if samples and count > 0 and self._on_samples is not None:
            self._on_samples(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0


class _Pointer(Protocol):
    """A pointer to samples, which ctypes types at run time."""

    def __bool__(self) -> bool: ...

    def __getitem__(self, index: int) -> int: ...


class _Converter:
    """Brings a stream to SYNTHESIS_RATE as if it were converted in one piece.

    Each piece is converted with a margin on both sides, which is then cut off; margin and piece are whole numbers of
    samples at both rates.
    """

    _PIECES_PER_S = 5
    _MARGINS_PER_S = 150

    def __init__(self, rate: int, on_audio: Callable[[PCM16], None]) -> None:
        self._rate = rate
        self._on_audio = on_audio
        self._piece = rate // self._PIECES_PER_S
        self._margin = rate // self._MARGINS_PER_S
        self._cut = SYNTHESIS_RATE // self._MARGINS_PER_S
        self._waiting: PCM16 = np.zeros(self._margin, dtype=np.int16)

    def feed(self, pcm: PCM16) -> None:
        self._waiting = np.concatenate((self._waiting, pcm))
        while len(self._waiting) >= self._piece + 2 * self._margin:
            self._convert(self._waiting[: self._piece + 2 * self._margin])
            self._waiting = self._waiting[self._piece :]

    def finish(self) -> None:
        if len(self._waiting) > self._margin:
            self._convert(np.concatenate((self._waiting, np.zeros(self._margin, dtype=np.int16))))

    def _convert(self, padded: PCM16) -> None:
        self._on_audio(convert(padded, self._rate, SYNTHESIS_RATE)[self._cut : -self._cut])
