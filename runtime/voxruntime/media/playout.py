"""Provider audio on its way to the caller: queued, played in frames, accounted to the sample.

A provider sends audio much faster than it can be heard. What counts for the conversation is what was heard:
the position in each item's audio, which is what truncation asks for. So audio waits here at the provider's
rate, and a position counts the provider's own samples.
"""

from __future__ import annotations

from collections import OrderedDict, deque

import msgspec
import numpy as np

from voxruntime.audio.pcm import FRAME_S, PCM16, RATES, frame_samples
from voxruntime.errors import InternalError
from voxruntime.media.heard import Heard, Part
from voxruntime.media.spare import QUIET_PEAK, SpareAudio

ENDED_AFTER_S = 1.0
"""Seconds of silence after which the media has ended (VoxEngine, `WebSocketMediaEnded`)."""

_UNITS_PER_S = 7_056_000
"""The least common multiple of RATES: durations at any of them are whole numbers, so that none drifts."""

_FRAME_UNITS = round(_UNITS_PER_S * FRAME_S)

_REMEMBERED = 256
"""Items whose position, or cancellation, is remembered. Hours of conversation; far beyond any late delta."""


class PlayoutStarted(msgspec.Struct, frozen=True):
    """Audio begins to play after silence."""


class PlayoutEnded(msgspec.Struct, frozen=True):
    """Nothing has played for ENDED_AFTER_S.

    Attributes:
        duration_s: Seconds of audio played since `PlayoutStarted`, without the silence between.
    """

    duration_s: float


class PlayoutCounters(msgspec.Struct, frozen=True):
    """What happened to the audio so far.

    Attributes:
        played_s: Seconds handed to the graph.
        underruns: How often an item paused because its next audio had not come.
        underrun_s: Seconds of those pauses.
        overflow_s: Seconds dropped because the queue was full.
        cancelled_s: Seconds dropped because their item was cancelled.
        spare_s: Seconds of silence left out because they only made a live stream late.
    """

    played_s: float
    underruns: int
    underrun_s: float
    overflow_s: float
    cancelled_s: float
    spare_s: float


class Playout:
    """Queue of one realtime client's audio, and the graph's source for it.

    Audio plays in the order in which it was fed. Where the queue runs dry, the frame is filled up with
    silence, and further frames are None until more audio comes. Delay that a stream in real time has picked up is taken
    out again, where it is silent.

    Args:
        rate: Hz of the audio that will be fed, one of RATES.
        limit_s: Seconds the queue holds; beyond it the oldest audio is dropped and counted.
    """

    # What every frame touches lies side by side.
    __slots__ = (
        "__dict__",
        "_fed",
        "_fed_units",
        "_gone_units",
        "_limit_units",
        "_offset",
        "_queue",
        "_sounding",
        "_spare",
        "_steady",
        "goes_on",
        "rate",
    )

    def __init__(self, rate: int, *, limit_s: float = 120.0) -> None:
        self.rate = self._feed_rate = _checked(rate)
        """Hz of the frame that `pull` gave last, or will give first."""
        self.goes_on = False
        """Whether the last frame did no more than go on with a response. Whoever has seen it sets it back."""
        self._limit_units = round(limit_s * _UNITS_PER_S)
        # Chunks: a part, where in it the chunk begins, and its samples; of the first, `_offset` samples are gone.
        self._queue: deque[tuple[Part, int, PCM16]] = deque()
        self._offset = 0
        self._parts: OrderedDict[tuple[str, int], Part] = OrderedDict()
        self._cancelled: OrderedDict[str, None] = OrderedDict()
        # The part fed last; the one played last; the same while `pull` has nothing to do but hand its frames over.
        self._fed: Part | None = None
        self._current: Part | None = None
        self._steady: Part | None = None
        self._sounding: Part | None = None
        self._is_playing = False
        # Since when, in played units, parts have played that can be taken back.
        self._turns: deque[tuple[Part, int]] = deque(maxlen=_REMEMBERED)
        self._stretch_begin = self._silent_units = self._underruns = self._underrun_units = 0
        self._events: list[PlayoutStarted | PlayoutEnded] = []
        # What was fed; of it, what has left the queue; of that, what was not played.
        self._fed_units = self._gone_units = self._dropped_units = 0
        self._overflow_units = self._cancelled_units = self._spare_units = 0
        self._spare = SpareAudio(_FRAME_UNITS)

    def set_rate(self, rate: int) -> None:
        """Says that content parts which begin after now are fed at `rate` Hz."""
        if rate != self._feed_rate:
            self._feed_rate = _checked(rate)

    @property
    def queued_s(self) -> float:
        """Seconds of audio that wait to be played."""
        return (self._fed_units - self._gone_units) / _UNITS_PER_S

    def feed(self, item_id: str, content_index: int, response_id: str, pcm: PCM16) -> None:
        """Queues the next audio of an item.

        Args:
            item_id: Conversation item; audio of a cancelled one is dropped.
            content_index: Content part of the item.
            response_id: Response that the item belongs to.
            pcm: int16 of shape (samples,), any length, changed by no one from now on.
        """
        part = self._fed
        if part is None or part.item_id != item_id or part.content_index != content_index:
            part = self._part(item_id, content_index, response_id)
            if item_id in self._cancelled:
                self._cancelled_units += len(pcm) * part.sample_units
                return
            self._fed = part
        samples = len(pcm)
        if not samples:
            return
        waiting = self._fed_units - self._gone_units
        if waiting < self._spare.least and self._is_playing:
            self._spare.least = waiting
        self._queue.append((part, part.fed, pcm))
        part.fed += samples
        self._fed_units += samples * part.sample_units
        if (excess := self._fed_units - self._gone_units - self._limit_units) > 0:
            self._overflow_units += self._drop_first(excess)

    def pull(self) -> PCM16 | None:
        """Returns the next 20 ms; None when there is nothing to play."""
        if not self._queue:
            return self._pull_any()
        part, start, pcm = self._queue[0]
        begin = self._offset
        end = begin + part.frame_samples
        left = len(pcm) - end
        if part is not self._steady or left < 0:
            return self._pull_any()
        # The common case: a whole frame of what played before.
        if left:
            self._offset = end
        else:
            self._queue.popleft()
            self._offset = 0
        part.position = start + end
        self._gone_units += _FRAME_UNITS
        if self._gone_units >= self._spare.due:
            self._spare.judge(self._fed_units - self._gone_units)
            if self._spare.amount:
                self._steady = None
        self._sounding = part
        self.goes_on = True
        return pcm[begin:end] if begin or left else pcm

    def _pull_any(self) -> PCM16 | None:
        self.goes_on, self._sounding, self._steady = False, None, None
        if self._queue and self._spare.amount:
            self._leave_out()
        if not self._queue:
            if self._is_playing:
                self._pass_silence(_FRAME_UNITS)
            return None
        pieces: list[PCM16] = []
        part = self._queue[0][0]
        self.rate, missing = part.rate, part.frame_samples
        while missing and self._queue and self._queue[0][0].rate == self.rate:
            piece = self._take(missing)
            pieces.append(piece)
            missing -= len(piece)
        if self._gone_units >= self._spare.due:
            self._spare.judge(self._fed_units - self._gone_units)
        if not missing:
            self._steady = None if self._spare.amount else self._current
            return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        self._pass_silence(missing * part.sample_units)
        return np.concatenate([*pieces, np.zeros(missing, dtype=np.int16)])

    def clear(self, unheard_s: float = 0.0) -> list[Heard]:
        """Drops everything that waits, and tells how far each part that is concerned has been heard.

        Args:
            unheard_s: Seconds, silence included, that were pulled last and dropped on their way to the ear.

        Returns:
            In the order of playing: what was pulled and never heard, the part that is being played, those that wait.
            A part is being played until the media has ended, since the rest of its audio may be on the way.
        """
        parts = dict.fromkeys(self._take_back(unheard_s))
        if self._current is not None:
            parts[self._current] = None
        parts |= dict.fromkeys(part for part, _, _ in self._queue)
        self._queue.clear()
        self._offset = 0
        self._drop(self._fed_units - self._gone_units)
        self._current = self._steady = None
        return [part.heard() for part in parts]

    def cancel(self, item_id: str) -> None:
        """Drops what waits of an item, and whatever of it is fed later."""
        self._cancelled[item_id] = None
        if len(self._cancelled) > _REMEMBERED:
            self._cancelled.popitem(last=False)
        self._fed = None
        if self._queue:
            part, start, pcm = self._queue[0]
            self._queue[0] = (part, start + self._offset, pcm[self._offset :])
            self._offset = 0
        cancelled = [chunk for chunk in self._queue if chunk[0].item_id == item_id]
        if cancelled:
            units = sum(len(pcm) * part.sample_units for part, _, pcm in cancelled)
            self._queue = deque(chunk for chunk in self._queue if chunk[0].item_id != item_id)
            self._drop(units)
            self._cancelled_units += units
        if self._current is not None and self._current.item_id == item_id:
            self._current = self._steady = None

    def heard_ms(self, item_id: str, content_index: int = 0) -> int | None:
        """Returns how far an item's audio has been played, as `Heard` says; None for an item never fed."""
        part = self._parts.get((item_id, content_index))
        return None if part is None else part.heard().heard_ms

    def drain_sounding(self) -> str | None:
        """Hands over which response the last frame ends with; None for silence, and until the next `pull`."""
        sounding, self._sounding = self._sounding, None
        return None if sounding is None else sounding.response_id

    def drain_events(self) -> list[PlayoutStarted | PlayoutEnded]:
        """Hands over what happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def counters(self) -> PlayoutCounters:
        """Returns the sums since the playout was made."""
        return PlayoutCounters(
            played_s=(self._gone_units - self._dropped_units) / _UNITS_PER_S,
            underruns=self._underruns,
            underrun_s=self._underrun_units / _UNITS_PER_S,
            overflow_s=self._overflow_units / _UNITS_PER_S,
            cancelled_s=self._cancelled_units / _UNITS_PER_S,
            spare_s=self._spare_units / _UNITS_PER_S,
        )

    def _part(self, item_id: str, content_index: int, response_id: str) -> Part:
        if (known := self._parts.get((item_id, content_index))) is not None:
            return known
        rate = self._feed_rate
        part = Part(item_id, content_index, response_id, rate, frame_samples(rate), _UNITS_PER_S // rate)
        self._parts[item_id, content_index] = part
        if len(self._parts) > _REMEMBERED:
            self._parts.popitem(last=False)
        return part

    def _take(self, most: int) -> PCM16:
        """Plays up to `most` samples of the first chunk."""
        part = self._queue[0][0]
        played = self._gone_units - self._dropped_units
        if not self._is_playing:
            self._is_playing = True
            self._stretch_begin = played
            self._events.append(PlayoutStarted())
        elif self._silent_units and part is self._current:
            self._underruns += 1
            self._underrun_units += self._silent_units
        self._silent_units = 0
        self._current = self._sounding = part
        if not self._turns or self._turns[-1][0] is not part:
            self._turns.append((part, played))
        place = self._queue[0][1] + self._offset
        piece = self._cut(most)
        part.position = place + len(piece)
        self._gone_units += len(piece) * part.sample_units
        return piece

    def _take_back(self, unheard_s: float) -> list[Part]:
        """Moves positions back before what was never heard; returns the parts it was of, in the order of playing."""
        units = round(unheard_s * _UNITS_PER_S) - self._silent_units
        end = self._gone_units - self._dropped_units
        parts: list[Part] = []
        while units > 0 and self._turns:
            part, begin = self._turns.pop()
            unheard = min((end - begin) // part.sample_units, -(-units // part.sample_units))
            part.position = max(0, part.position - unheard)
            units -= unheard * part.sample_units
            parts.insert(0, part)
            end = begin
        self._turns.clear()
        return parts

    def _cut(self, most: int) -> PCM16:
        """Takes up to `most` samples off the first chunk."""
        pcm = self._queue[0][2]
        piece = pcm[self._offset : self._offset + most]
        self._offset += len(piece)
        if self._offset == len(pcm):
            self._queue.popleft()
            self._offset = 0
        return piece

    def _drop(self, units: int) -> None:
        """Accounts for what leaves the queue without being played."""
        self._gone_units += units
        self._dropped_units += units
        self._spare.dropped(units)

    def _leave_out(self) -> None:
        """Drops the next frame, which is spare, if it is silent, in however many chunks it came."""
        first = self._queue[0][0]
        missing, begin = first.frame_samples, self._offset
        for part, _, pcm in self._queue:
            piece = pcm[begin : begin + missing]
            if part.rate != first.rate or not len(piece):
                break
            if max(int(piece.max()), -int(piece.min())) > QUIET_PEAK:
                return
            missing, begin = missing - len(piece), 0
        units = self._drop_first((first.frame_samples - missing) * first.sample_units)
        self._spare.left_out(units)
        self._spare_units += units

    def _drop_first(self, least: int) -> int:
        """Drops so much of what waits, in whole samples; returns how much that is."""
        units = 0
        while units < least:
            part = self._queue[0][0]
            units += len(self._cut(-(-(least - units) // part.sample_units))) * part.sample_units
        self._drop(units)
        return units

    def _pass_silence(self, units: int) -> None:
        self._silent_units += units
        if self._silent_units >= ENDED_AFTER_S * _UNITS_PER_S:
            played = self._gone_units - self._dropped_units
            self._events.append(PlayoutEnded((played - self._stretch_begin) / _UNITS_PER_S))
            self._is_playing = False
            self._current = None
            self._turns.clear()


def _checked(rate: int) -> int:
    if rate not in RATES:
        raise InternalError("internal.rate", f"Provider audio of {rate} Hz cannot be played.")
    return rate
