"""What the capacity measurements of all systems share: frames on an absolute clock, a pulse a second, and their delay."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

FRAME_S = 0.02
FRAMES_PER_S = 50
LOUD = 3000
PULSE_HZ, PULSE_LEVEL, REST_LEVEL = 1000, 12000, 20
HOLDS_LATE_MS, HOLDS_RATIO, HOLDS_GROWTH_MS = 20.0, 0.985, 10.0


class PulseTrack:
    """One leg: gives a frame each 20 ms, one in a second a pulse, and takes what comes back.

    Args:
        rate: Hz.
        number: Of the session; spreads the pulses over the second.
    """

    def __init__(self, rate: int, number: int) -> None:
        self.rate = rate
        samples = np.arange(rate // FRAMES_PER_S)
        self._pulse = (PULSE_LEVEL * np.sin(2 * np.pi * PULSE_HZ * samples / rate)).astype(np.int16)
        self._rest = np.full(len(samples), REST_LEVEL, dtype=np.int16)
        self._phase = number % FRAMES_PER_S
        # Two samples a quarter of the tone apart, behind the filters' delay: one of them is loud in a pulse.
        self._probes = (len(samples) * 5 // 8, len(samples) * 5 // 8 + rate // PULSE_HZ // 4)
        self.is_measured = False
        self.came: list[float] = []
        self.went: list[float] = []
        self.heard = 0
        self._returned: list[tuple[int, float]] = []
        self._was_loud = False

    def give(self, now: float) -> np.ndarray:
        """Returns the next frame, which was due about now."""
        if not self.is_measured:
            return self._rest
        number = len(self.came)
        self.came.append(now)
        return self._pulse if number % FRAMES_PER_S == self._phase else self._rest

    def take(self, frame: np.ndarray | None, now: float) -> None:
        """Takes a frame that came back, or None for silence."""
        if not self.is_measured:
            return
        self.went.append(now)
        if frame is None:
            return
        self.heard += 1
        first, second = self._probes
        is_loud = abs(int(frame[first])) > LOUD or abs(int(frame[second])) > LOUD
        if is_loud and not self._was_loud:
            self._returned.append((len(self.came), now))
        self._was_loud = is_loud

    def delays_ms(self, due: float) -> list[float]:
        """Returns the delay of each pulse that came back; `due` is when frame 0 was."""
        delays = []
        for came, moment in self._returned:
            # The newest pulse that had been given by then.
            number = (came - 1 - self._phase) // FRAMES_PER_S * FRAMES_PER_S + self._phase
            if number >= 0:
                delays.append((moment - due - number * FRAME_S) * 1000)
        return delays


def behind(moments: Sequence[float]) -> np.ndarray:
    """Returns what each moment is after an absolute timetable that begins with 0."""
    return np.array(moments) - np.arange(len(moments)) * FRAME_S


def figures(tracks: Sequence[PulseTrack], seconds: float) -> dict[str, object]:
    """Returns what the legs saw in some seconds."""
    came = [behind(track.came) for track in tracks]
    in_late = np.concatenate([moments - moments.min() for moments in came]) * 1000
    out_late = np.concatenate([behind(track.went) - behind(track.went).min() for track in tracks]) * 1000
    first, second = [], []
    for track, moments in zip(tracks, came, strict=True):
        delays = track.delays_ms(float(moments.min()))
        first += delays[: len(delays) // 2]
        second += delays[len(delays) // 2 :]
    ratio = sum(track.heard for track in tracks) / (len(tracks) * seconds * FRAMES_PER_S)
    found = {
        "in_late_p50": percentile(in_late, 50),
        "in_late_p99": percentile(in_late, 99),
        "out_late_p99": percentile(out_late, 99),
        "late_max": round(float(max(in_late.max(), out_late.max())), 2),
        "lat_p50": percentile(first + second, 50),
        "lat_p99": percentile(first + second, 99),
        "lat_growth": round(statistics.median(second) - statistics.median(first), 2),
        "audio_out_ratio": round(ratio, 4),
    }
    holds = (
        max(found["in_late_p99"], found["out_late_p99"]) < HOLDS_LATE_MS
        and ratio > HOLDS_RATIO
        and found["lat_growth"] < HOLDS_GROWTH_MS
    )
    return {"holds": holds, **found}


def percentile(values_ms: Sequence[float] | np.ndarray, share: float) -> float:
    return round(float(np.percentile(values_ms, share)), 2)
