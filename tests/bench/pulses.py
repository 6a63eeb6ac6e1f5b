"""What the capacity measurements of all systems share: frames on an absolute clock, a pulse a second, and their delay."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from time import monotonic

import numpy as np

FRAME_S = 0.02
FRAMES_PER_S = 50
LOUD = 3000
PULSE_HZ, PULSE_LEVEL, REST_LEVEL = 1000, 12000, 20
HOLDS_LATE_MS, HOLDS_RATIO, HOLDS_GROWTH_MS = 20.0, 0.985, 10.0
BUNCH_S = 0.2
"""As much as a system without an output clock may give at once."""


class PulseTrack:
    """One leg: gives a frame each 20 ms, one in a second a pulse, and takes what comes back.

    Both cost the measured process about 0.2 us a frame, most of it to read the time.

    Args:
        rate: Hz.
        number: Of the session; spreads the pulses over the second.
    """

    def __init__(self, rate: int, number: int) -> None:
        self.rate = rate
        samples = np.arange(rate // FRAMES_PER_S)
        self._pulse = (PULSE_LEVEL * np.sin(2 * np.pi * PULSE_HZ * samples / rate)).astype(np.int16)
        self._rest = np.full(len(samples), REST_LEVEL, dtype=np.int16)
        self._next_pulse = self._phase = number % FRAMES_PER_S
        # Two samples a quarter of the tone apart, behind the filters' delay: one of them is loud in a pulse.
        self._probes = (len(samples) * 5 // 8, len(samples) * 5 // 8 + rate // PULSE_HZ // 4)
        self._is_awaited = False
        self.is_measured = False
        self.came = array("d")
        """When frames were given, s."""
        self.went = array("d")
        """When frames were taken, silent ones too."""
        self.silent = 0
        """How many of those taken were none."""
        self._returned = array("d")
        self._given_then = array("l")

    def give(self) -> np.ndarray:
        """Returns the next frame, which is due about now."""
        if not self.is_measured:
            return self._rest
        number = len(self.came)
        self.came.append(monotonic())
        if number != self._next_pulse:
            return self._rest
        self._next_pulse += FRAMES_PER_S
        self._is_awaited = True
        return self._pulse

    def take(self, frame: np.ndarray | None) -> None:
        """Takes a frame that came back, or None for silence."""
        if not self.is_measured:
            return
        self.went.append(monotonic())
        if frame is None:
            self.silent += 1
        elif self._is_awaited and any(abs(frame.item(probe)) > LOUD for probe in self._probes):
            # Once found it is not looked for until the next is given.
            self._is_awaited = False
            self._returned.append(self.went[-1])
            self._given_then.append(len(self.came))

    def delays_ms(self, due: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns when the pulses that came back were due, in s, and their delays; `due` is when frame 0 was."""
        # The newest pulse that had been given by then.
        numbers = (np.array(self._given_then) - 1 - self._phase) // FRAMES_PER_S * FRAMES_PER_S + self._phase
        moments = due + numbers * FRAME_S
        return moments, (np.array(self._returned) - moments) * 1000


def behind(moments: Sequence[float]) -> np.ndarray:
    """Returns what each moment is after an absolute timetable that begins with 0."""
    return np.array(moments) - np.arange(len(moments)) * FRAME_S


def figures(
    tracks: Sequence[PulseTrack], seconds: float, *, has_output_clock: bool = True
) -> dict[str, object]:
    """Returns what the legs saw in some seconds; None where there was nothing to measure.

    Without an output clock frames come in bunches, which may fall to either side of the beginning and the end.
    """
    came = [behind(track.came) for track in tracks if track.came]
    went = [behind(track.went) for track in tracks if track.went]
    in_late = joined([moments - moments.min() for moments in came]) * 1000
    out_late = joined([moments - moments.min() for moments in went]) * 1000
    pulses = [track.delays_ms(float(behind(track.came).min())) for track in tracks if track.came]
    due, delays = joined([moments for moments, _ in pulses]), joined([delay for _, delay in pulses])
    middle = (due.min() + due.max()) / 2 if len(due) else 0.0
    heard = sum(len(track.went) - track.silent for track in tracks)
    growth = difference(delays[due > middle], delays[due <= middle])
    found = {
        "in_late_p50": percentile(in_late, 50),
        "in_late_p99": percentile(in_late, 99),
        "out_late_p99": percentile(out_late, 99),
        "late_max": percentile(joined([in_late, out_late]), 100),
        "lat_p50": percentile(delays, 50),
        "lat_p99": percentile(delays, 99),
        "lat_growth": growth,
        "audio_out_ratio": round(heard / (len(tracks) * seconds * FRAMES_PER_S), 4),
    }
    bunch_s = 0.0 if has_output_clock else BUNCH_S
    late = [found["in_late_p99"]] + ([found["out_late_p99"]] if has_output_clock else [])
    holds = (
        all(ms is not None and ms < HOLDS_LATE_MS for ms in late)
        and found["audio_out_ratio"] > HOLDS_RATIO - bunch_s / seconds
        and (growth is None or growth < HOLDS_GROWTH_MS + bunch_s * 1000)
    )
    return {"holds": holds, **found}


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0)


def difference(later: np.ndarray, earlier: np.ndarray) -> float | None:
    """Returns by how much the median has grown; None when one of them is empty, as in a run of a second."""
    return round(float(np.median(later) - np.median(earlier)), 2) if len(later) and len(earlier) else None


def percentile(values_ms: np.ndarray, share: float) -> float | None:
    return round(float(np.percentile(values_ms, share)), 2) if len(values_ms) else None
