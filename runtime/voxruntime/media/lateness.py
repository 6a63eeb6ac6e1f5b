"""How punctual the ticks are, over all time and lately, and how busy the engine is with them. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

RECENT_S = 5
"""Seconds that count as lately."""

LEAST_TICKS = 50
"""Fewer ticks than these say nothing."""

BOUNDS_MS = (0.5, 1, 2, 5, 10, 20, 50, 100)
"""Of the histogram that is shown."""

_BIN_MS = 0.1
_BINS = 1000
_RECENT_BIN_MS = 1.0
_RECENT_BINS = 100


class _Second(msgspec.Struct):
    """The ticks of one second, by their lateness in whole ms."""

    number: int
    bins: list[int]


class Lateness:
    """How late ticks began, as a histogram of 0.1 ms up to 100 ms. `now` is in seconds of the engine's clock."""

    def __init__(self) -> None:
        self._bins = [0] * (_BINS + 1)
        self._seconds: deque[_Second] = deque(maxlen=RECENT_S + 1)
        self.ticks = 0
        self.skipped = 0
        self.max_ms = 0.0

    def add(self, late_s: float, *, now: float) -> None:
        """Counts one tick."""
        late_ms = max(0.0, late_s * 1000)
        self.ticks += 1
        self.max_ms = max(self.max_ms, late_ms)
        self._bins[min(_BINS, int(late_ms / _BIN_MS))] += 1
        if not self._seconds or self._seconds[-1].number != int(now):
            self._seconds.append(_Second(int(now), [0] * (_RECENT_BINS + 1)))
        self._seconds[-1].bins[min(_RECENT_BINS, int(late_ms / _RECENT_BIN_MS))] += 1

    def percentile_ms(self, share: float) -> float:
        """Returns the lateness in ms that `share` (0.0 to 1.0) of the ticks did not pass; `max_ms` for any over 100."""
        late_ms = _percentile(self._bins, share, _BIN_MS)
        return min(late_ms, self.max_ms) if late_ms <= _BINS * _BIN_MS else self.max_ms

    def recent_percentile_ms(self, share: float, *, now: float) -> float:
        """Returns the same of the last RECENT_S seconds, in whole ms, 101 for all over 100; 0.0 of too few ticks."""
        recent = [second.bins for second in self._seconds if second.number >= int(now) - RECENT_S]
        bins = [sum(counts) for counts in zip(*recent, strict=True)]
        return _percentile(bins, share, _RECENT_BIN_MS) if sum(bins) >= LEAST_TICKS else 0.0

    def histogram(self) -> dict[str, int]:
        """Returns how many ticks were late by how many ms: `<0.5`, `<1` (and not below 0.5) to `>=100`."""
        edges = [0, *(round(bound / _BIN_MS) for bound in BOUNDS_MS), len(self._bins)]
        names = [*(f"<{bound:g}" for bound in BOUNDS_MS), f">={BOUNDS_MS[-1]:g}"]
        return {name: sum(self._bins[edges[i] : edges[i + 1]]) for i, name in enumerate(names)}

    def summary(self) -> dict[str, float]:
        """Returns the figures for the run's result."""
        return {
            "ticks": self.ticks,
            "skipped_ticks": self.skipped,
            "late_p50_ms": round(self.percentile_ms(0.5), 2),
            "late_p99_ms": round(self.percentile_ms(0.99), 2),
            "late_max_ms": round(self.max_ms, 2),
        }


def _percentile(bins: list[int], share: float, bin_ms: float) -> float:
    wanted, seen = share * sum(bins), 0
    for index, count in enumerate(bins):
        seen += count
        if seen >= wanted:
            return round((index + 1) * bin_ms, 1)
    return round(len(bins) * bin_ms, 1)


class LoadMeter:
    """The share of its time that the engine computes. Call `sample` often; it measures once a second."""

    def __init__(self) -> None:
        self._since: tuple[float, float] | None = None
        self.share = 0.0
        """Of the last second measured: 0.0 to 1.0."""
        self.max_share = 0.0

    def sample(self, cpu: Callable[[], float], *, now: float) -> None:
        """Takes the time, and asks for the CPU seconds used so far when a second has passed: that is a system call."""
        if self._since is None:
            self._since = now, cpu()
        elif now - self._since[0] >= 1.0:
            used = cpu()
            self.share = min(1.0, (used - self._since[1]) / (now - self._since[0]))
            self.max_share = max(self.max_share, self.share)
            self._since = now, used
