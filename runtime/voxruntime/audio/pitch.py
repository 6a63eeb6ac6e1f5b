"""The pitch of speech, and what can be made of its last periods: sound for what was lost, and time more or less.

Waveform substitution as in ITU-T G.711 Appendix I: a lost stretch is filled with the last periods of the sound before
it, fading out. Time is put in, or taken out, one whole period at a time, cross-faded (W. Verhelst and M. Roelands,
WSOLA, 1993).
"""

from __future__ import annotations

import numpy as np

from voxruntime.audio.pcm import PCM16

LONGEST_S = 0.015
"""Longest period looked for: a voice of 67 Hz."""

SHORTEST_S = 0.0025
"""Shortest period: 400 Hz. A higher voice is found at a multiple of its period."""

FULL_S = 0.01
"""Seconds that a substitute is as loud as the sound before it."""

SILENT_AFTER_S = 0.06
"""Seconds after which a substitute has faded out: what went on longer would be made up."""

_VOICED = 0.5
"""Correlation of two periods from which on a sound has a pitch."""

_JOINT_S = 0.004
"""Cross-fade from a substitute to the sound that follows it."""

_STEP_S = 0.001
"""Seconds in which the step at the beginning of a substitute is spread."""


def period(sound: PCM16, rate: int) -> tuple[int, float]:
    """Returns the period at the end of a sound, and how much its last two are alike.

    Args:
        sound: int16 of shape (samples,), at least two LONGEST_S long.
        rate: Hz.

    Returns:
        Samples of the period, and the normalised correlation from -1.0 to 1.0, which is 0.0 for silence.
    """
    shortest, longest = round(SHORTEST_S * rate), round(LONGEST_S * rate)
    heard = sound[-2 * longest :].astype(np.float64)
    pattern = heard[longest:]
    # Both from the shift of one sample up to the longest period.
    products = np.correlate(heard[:-1], pattern)[::-1]
    sums = np.concatenate([[0.0], np.cumsum(heard**2)])
    energies = (sums[longest:-1] - sums[:longest])[::-1]
    alike = products / np.sqrt(np.maximum(energies * (pattern @ pattern), 1.0))
    best = shortest + int(np.argmax(alike[shortest - 1 :]))
    return best, float(alike[best - 1])


def put_in(before: PCM16, sound: PCM16, rate: int) -> tuple[PCM16, float]:
    """Returns a sound with the period before it put in once more, and how much the two are alike.

    Args:
        before: What was played before, at least LONGEST_S long.
        sound: int16 of shape (samples,), at least LONGEST_S long.
        rate: Hz.
    """
    longest = round(LONGEST_S * rate)
    length, alike = period(np.concatenate([before[-longest:], sound[:longest]]), rate)
    return np.concatenate([cross_fade(sound[:length], before[-length:]), sound]), alike


def take_out(sound: PCM16, rate: int) -> tuple[PCM16, float]:
    """Returns a sound with one period less, and how much that one is like the next.

    Args:
        sound: int16 of shape (samples,), at least two LONGEST_S long.
        rate: Hz.
    """
    longest = round(LONGEST_S * rate)
    length, alike = period(sound[: 2 * longest], rate)
    begin = longest - length
    joint = cross_fade(sound[begin:longest], sound[longest : longest + length])
    return np.concatenate([sound[:begin], joint, sound[longest + length :]]), alike


def cross_fade(old: PCM16, new: PCM16) -> PCM16:
    """Returns a sound that begins as `old` and ends as `new`, both of one length."""
    share = np.arange(1, len(new) + 1, dtype=np.float32) / (len(new) + 1)
    return np.rint(old + share * (new.astype(np.float32) - old)).astype(np.int16)


class Concealer:
    """Fills what is missing of one stream, and joins it to what follows.

    Args:
        rate: Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._longest = round(LONGEST_S * rate)
        self._heard = np.zeros(3 * self._longest, dtype=np.int16)
        # Before the first sound there was silence, and nothing of it to make up.
        self._made: PCM16 | None = np.zeros(1, dtype=np.int16)
        self._place = round(SILENT_AFTER_S * rate)
        self._step = 0

    @property
    def heard(self) -> PCM16:
        """The last sounds that were passed on or made up; three times LONGEST_S."""
        return self._heard

    @property
    def is_making_up(self) -> bool:
        """Whether the last sound was made up."""
        return self._made is not None

    @property
    def has_faded(self) -> bool:
        """Whether what is made up now is silence."""
        return self._made is not None and self._place >= round(SILENT_AFTER_S * self._rate)

    def pass_on(self, sound: PCM16) -> PCM16:
        """Returns a sound that has come, its beginning faded in from what was made up before it."""
        if self._made is not None:
            joint = min(len(sound), round(_JOINT_S * self._rate))
            sound = np.concatenate([cross_fade(self._make(joint), sound[:joint]), sound[joint:]])
            self._made = None
        self._remember(sound)
        return sound

    def make_up(self, samples: int) -> PCM16:
        """Returns a substitute for samples that have not come, the continuation of the last one if it goes on."""
        if self._made is None:
            self._begin()
        sound = self._make(samples)
        self._remember(sound)
        return sound

    def _begin(self) -> None:
        length, alike = period(self._heard, self._rate)
        if alike < _VOICED:
            # Noise repeated at a short period would hum.
            length = self._longest
        made, joint = self._heard[-length:].copy(), length // 4
        made[-joint:] = cross_fade(self._heard[-joint:], self._heard[-length - joint : -length])
        self._made, self._place = made, 0
        self._step = int(self._heard[-1]) - int(self._heard[-length - 1])

    def _make(self, samples: int) -> PCM16:
        assert self._made is not None
        places = np.arange(self._place, self._place + samples)
        self._place += samples
        seconds = places / self._rate
        gain = np.clip((SILENT_AFTER_S - seconds) / (SILENT_AFTER_S - FULL_S), 0.0, 1.0)
        step = self._step * np.clip(1.0 - seconds / _STEP_S, 0.0, 1.0)
        sound = self._made[places % len(self._made)] * gain + step
        return np.rint(np.clip(sound, -32768, 32767)).astype(np.int16)

    def _remember(self, sound: PCM16) -> None:
        self._heard = np.concatenate([self._heard, sound])[-3 * self._longest :]
