"""The jitter buffer: packets that come when they come, a frame at every tick.

A packet carries the place of its first sample in the sender's time (RFC 3550, "timestamp"). How late each comes, beside
the fastest of the last seconds, says how long sound must wait here so that nearly all of it is there when it is played.
What comes too late or never is concealed. The wait is changed by whole periods of the voice.
"""

from __future__ import annotations

import msgspec
import numpy as np

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import FRAME_S, PCM16, frame_samples
from voxruntime.audio.pitch import LONGEST_S, Concealer, put_in, take_out

IN_TIME = 0.97
"""Part of the packets that the wait is long enough for."""

FORGET = 0.99
"""What a packet's lateness counts for after each further packet: half after 70, which are 1.4 s."""

FASTEST_OF_S = 10.0
"""Seconds among whose packets the fastest is looked for."""

SLACK_S = 0.01
"""How far the wait may be from what is wanted before it is changed."""

ALIKE = 0.7
"""Correlation of two periods from which on one of them can be left out or played twice."""

QUIET_DBFS = -45.0
"""Sounds below this level may be changed whatever they are like."""

JUMP_S = 2.0
"""A timestamp this far from the last one begins a new stream."""

_BIN_S = 0.005
_TIMESTAMPS = 1 << 32


class JitterCounters(msgspec.Struct):
    """What happened to a stream so far.

    Attributes:
        packets: Packets that came.
        late: Of them, those whose place had been played already.
        duplicates: Of them, those that were there already.
        concealed_s: Seconds that were made up.
        put_in_s: Seconds by which sound was made longer, so that it waits more.
        taken_out_s: Seconds by which it was made shorter, so that it waits less.
    """

    packets: int = 0
    late: int = 0
    duplicates: int = 0
    concealed_s: float = 0.0
    put_in_s: float = 0.0
    taken_out_s: float = 0.0


class _Lateness:
    """How late packets come, and the wait that nearly all of them need."""

    def __init__(self, least_s: float, most_s: float) -> None:
        self._least_s, self._most_s = least_s, most_s
        self._shares = np.zeros(round(most_s / _BIN_S) + 1)
        self._fastest = (np.inf, np.inf)
        self._window_end = 0.0
        self.fastest_s = np.inf
        """The transit of the fastest packet of the last seconds."""
        self.wanted_s = least_s
        """How long sound should wait."""

    def observe(self, transit_s: float, now: float) -> None:
        """Takes a packet's time of arrival less its place in seconds: two clocks with two beginnings."""
        before, latest = self._fastest
        if now >= self._window_end:
            before, latest = latest, np.inf
            self._window_end = now + FASTEST_OF_S / 2
        self._fastest = before, min(latest, transit_s)
        self.fastest_s = min(self._fastest)
        self._shares *= FORGET
        late = int((transit_s - self.fastest_s) / _BIN_S)
        self._shares[min(late, len(self._shares) - 1)] += 1 - FORGET
        summed = self._shares.cumsum()
        bins = int(summed.searchsorted(IN_TIME * summed[-1])) + 1
        # A frame ends in a packet that is sent up to a frame later than the one it begins in.
        self.wanted_s = min(max(bins * _BIN_S + FRAME_S, self._least_s), self._most_s)


class JitterBuffer:
    """One stream of packets, put in order and evened out.

    Order of calls: `put` as packets arrive, `pull` at every tick.

    Args:
        rate: Hz of the sound, and of the timestamps.
        least_s: Shortest wait, seconds.
        most_s: Longest wait, seconds.
    """

    def __init__(self, rate: int, *, least_s: float = 0.02, most_s: float = 0.2) -> None:
        self.rate = rate
        self.counters = JitterCounters()
        self._samples = frame_samples(rate)
        self._ahead = self._samples + round(LONGEST_S * rate)
        self._bounds_s = (least_s, most_s)
        self._lateness = _Lateness(least_s, most_s)
        self._concealer = Concealer(rate)
        self._sounds: dict[int, PCM16] = {}
        self._newest: int | None = None
        self._head: int | None = None
        self._made_up_ahead = 0

    @property
    def wanted_s(self) -> float:
        """Seconds that sound should wait, as packets come now."""
        return self._lateness.wanted_s

    def put(self, timestamp: int, sound: PCM16, now: float) -> None:
        """Takes a packet.

        Args:
            timestamp: Place of its first sample, modulo 2^32.
            sound: int16 of shape (samples,), any length.
            now: Seconds, when it came.
        """
        self.counters.packets += 1
        place = self._place_of(timestamp)
        self._lateness.observe(now - place / self.rate, now)
        if place in self._sounds:
            self.counters.duplicates += 1
        elif self._head is not None and place + len(sound) <= self._head:
            self.counters.late += 1
        elif len(sound):
            self._sounds[place] = sound

    def pull(self, now: float) -> PCM16 | None:
        """Returns the next 20 ms; None while there is nothing to hear.

        Args:
            now: Seconds, the time of the tick.
        """
        if self._head is None:
            self._head = self._beginning(now)
            if self._head is None:
                return None
        if not self._sounds:
            return self._pass_time()
        self._make_up_for_time()
        waited_s = self._waited_s(now)
        if waited_s > self._bounds_s[1] + SLACK_S:
            # A flood, or a route that became faster at once: too much to be taken out bit by bit.
            self._head += round((waited_s - self.wanted_s) * self.rate)
            self._concealer.make_up(0)
            self._forget_played()
        adapted = self._adapted(waited_s - self.wanted_s)
        return self._play(self._samples) if adapted is None else adapted

    def _place_of(self, timestamp: int) -> int:
        """Returns a place that goes on where timestamps begin anew at 2^32."""
        if self._newest is None:
            place = timestamp
        else:
            ahead = (timestamp - self._newest) % _TIMESTAMPS
            place = self._newest + ahead - (_TIMESTAMPS if ahead >= _TIMESTAMPS // 2 else 0)
            if abs(place - self._newest) > JUMP_S * self.rate:
                place = timestamp
                self._sounds, self._head, self._newest = {}, None, None
                self._lateness = _Lateness(*self._bounds_s)
        self._newest = place if self._newest is None else max(place, self._newest)
        return place

    def _due(self, now: float) -> int:
        """Returns the place that should be played now."""
        return round((now - self._lateness.fastest_s - self.wanted_s) * self.rate)

    def _waited_s(self, now: float) -> float:
        assert self._head is not None
        return now - self._lateness.fastest_s - self._head / self.rate

    def _beginning(self, now: float) -> int | None:
        """Returns where to begin once the first sound is due within this frame."""
        if not self._sounds:
            return None
        first, due = min(self._sounds), self._due(now)
        return min(first, due) if due > first - self._samples else None

    def _pass_time(self) -> PCM16 | None:
        """Nothing is here: the next packet may be late, or lost, or there is nothing to send."""
        if self._concealer.has_faded:
            self._head = None
            self._made_up_ahead = 0
            return None
        self._made_up_ahead += self._samples
        return self._make_up(self._samples)

    def _make_up_for_time(self) -> None:
        """Counts what was made up while nothing was here as the packet that turns out to be lost."""
        assert self._head is not None
        if self._made_up_ahead:
            gap = min(self._sounds) - self._head
            self._head += min(max(gap, 0), self._made_up_ahead)
            self._made_up_ahead = 0

    def _adapted(self, surplus_s: float) -> PCM16 | None:
        """Returns the next frame made of more or less sound than itself; None where that would be heard."""
        assert self._head is not None
        if abs(surplus_s) <= SLACK_S or self._concealer.is_making_up:
            return None
        ready = self._ready(self._ahead)
        if surplus_s > 0 and len(ready) == self._ahead:
            changed, alike = take_out(ready, self.rate)
        elif surplus_s < 0 and len(ready) >= self._samples:
            changed, alike = put_in(self._concealer.heard, ready, self.rate)
        else:
            return None
        if alike < ALIKE and dbfs(ready) > QUIET_DBFS:
            return None
        gained = len(ready) - len(changed)
        self.counters.taken_out_s += max(gained, 0) / self.rate
        self.counters.put_in_s += max(-gained, 0) / self.rate
        self._head += self._samples + gained
        self._forget_played()
        return self._concealer.pass_on(changed[: self._samples])

    def _ready(self, most: int) -> PCM16:
        """Returns the sound that is here from the head on, up to the first gap."""
        assert self._head is not None
        place, found = self._head, [np.zeros(0, dtype=np.int16)]
        for begin in sorted(self._sounds):
            sound = self._sounds[begin]
            if begin > place or place >= self._head + most:
                break
            if begin + len(sound) > place:
                found.append(sound[place - begin :])
                place = begin + len(sound)
        return np.concatenate(found)[:most]

    def _play(self, samples: int) -> PCM16:
        """Returns the next samples, made up where they are not here."""
        assert self._head is not None
        end = self._head + samples
        frame: list[PCM16] = []
        while self._head < end:
            ready = self._ready(end - self._head)
            if len(ready):
                frame.append(self._concealer.pass_on(ready))
                self._head += len(ready)
            else:
                following = min((place for place in self._sounds if place > self._head), default=end)
                gap = min(following, end) - self._head
                frame.append(self._make_up(gap))
                self._head += gap
        self._forget_played()
        return np.concatenate(frame)

    def _make_up(self, samples: int) -> PCM16:
        if not self._concealer.has_faded:
            self.counters.concealed_s += samples / self.rate
        return self._concealer.make_up(samples)

    def _forget_played(self) -> None:
        assert self._head is not None
        head = self._head
        self._sounds = {place: sound for place, sound in self._sounds.items() if place + len(sound) > head}
