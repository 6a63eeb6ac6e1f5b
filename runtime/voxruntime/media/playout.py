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
from voxruntime.media.spare import QUIET_PEAK, SpareAudio

ENDED_AFTER_S = 1.0
"""Seconds of silence after which the media has ended (VoxEngine, `WebSocketMediaEnded`)."""

_UNITS_PER_S = 7_056_000
"""The least common multiple of RATES: durations at any of them are whole numbers, so that none drifts."""

_FRAME_UNITS = round(_UNITS_PER_S * FRAME_S)

_PLAYED_PIECES = 64
"""Pieces played last that can be taken back: more than a second, and no path to an ear is longer."""

_REMEMBERED = 256
"""Items whose position, or cancellation, is remembered. Hours of conversation; far beyond any late delta."""


class Heard(msgspec.Struct, frozen=True):
    """How far one item's audio has been sent to the caller.

    Attributes:
        item_id: Conversation item.
        content_index: Content part of the item.
        heard_samples: Place in the part's audio up to which it was played, in samples at the provider's rate.
            What was cleared before that place counts as well.
        heard_ms: The same in whole ms, rounded down, so that it never lies beyond the audio.
        response_id: Response that the item belongs to.
        received_ms: All of the part's audio that has come, in whole ms.
        is_whole: Whether all of it was played.
    """

    item_id: str
    content_index: int
    heard_samples: int
    heard_ms: int
    response_id: str
    received_ms: int
    is_whole: bool


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


class _Part(msgspec.Struct, eq=False):
    """One content part of one item."""

    item_id: str
    content_index: int
    response_id: str
    rate: int
    fed: int = 0
    position: int = 0

    def units(self, samples: int) -> int:
        return samples * (_UNITS_PER_S // self.rate)

    def heard(self) -> Heard:
        return Heard(
            self.item_id,
            self.content_index,
            self.position,
            self.position * 1000 // self.rate,
            self.response_id,
            self.fed * 1000 // self.rate,
            is_whole=self.position == self.fed,
        )


class _Chunk(msgspec.Struct, eq=False):
    part: _Part
    start: int
    pcm: PCM16


class Playout:
    """Queue of one realtime client's audio, and the graph's source for it.

    Audio plays in the order in which it was fed. Where the queue runs dry, the frame is filled up with
    silence, and further frames are None until more audio comes. Delay that a stream in real time has picked up is taken
    out again, where it is silent.

    Args:
        rate: Hz of the audio that will be fed, one of RATES.
        limit_s: Seconds the queue holds; beyond it the oldest audio is dropped and counted.
    """

    def __init__(self, rate: int, *, limit_s: float = 120.0) -> None:
        self._rate = self._feed_rate = _checked(rate)
        self._limit_units = round(limit_s * _UNITS_PER_S)
        self._queue: deque[_Chunk] = deque()
        self._queued_units = 0
        self._parts: OrderedDict[tuple[str, int], _Part] = OrderedDict()
        self._cancelled: OrderedDict[str, None] = OrderedDict()
        self._played: deque[tuple[_Part, int]] = deque(maxlen=_PLAYED_PIECES)
        self._current: _Part | None = None
        self._sounding: _Part | None = None
        self._is_playing = False
        self._silent_units = 0
        self._stretch_units = 0
        self._events: list[PlayoutStarted | PlayoutEnded] = []
        self._played_units = 0
        self._underruns = 0
        self._underrun_units = 0
        self._overflow_units = 0
        self._cancelled_units = 0
        self._spare_units = 0
        self._spare = SpareAudio(_FRAME_UNITS)

    @property
    def rate(self) -> int:
        """Hz of the frame that `pull` gave last, or will give first."""
        return self._rate

    def set_rate(self, rate: int) -> None:
        """Says that content parts which begin after now are fed at `rate` Hz."""
        if rate != self._feed_rate:
            self._feed_rate = _checked(rate)

    @property
    def queued_s(self) -> float:
        """Seconds of audio that wait to be played."""
        return self._queued_units / _UNITS_PER_S

    def feed(self, item_id: str, content_index: int, response_id: str, pcm: PCM16) -> None:
        """Queues the next audio of an item.

        Args:
            item_id: Conversation item; audio of a cancelled one is dropped.
            content_index: Content part of the item.
            response_id: Response that the item belongs to.
            pcm: int16 of shape (samples,), any length, changed by no one from now on.
        """
        part = self._parts.get((item_id, content_index)) or self._new_part(
            item_id, content_index, response_id
        )
        samples = len(pcm)
        units = part.units(samples)
        if item_id in self._cancelled:
            self._cancelled_units += units
        elif units:
            self._queue.append(_Chunk(part, part.fed, pcm))
            part.fed += samples
            self._queued_units += units
            self._spare.fed(units)
            if self._queued_units > self._limit_units:
                self._drop_overflow()

    def pull(self) -> PCM16 | None:
        """Returns the next 20 ms; None when there is nothing to play."""
        self._sounding = None
        if self._spare.amount:
            self._leave_out()
        if not self._queue:
            self._pass_silence(_FRAME_UNITS)
            return None
        pieces: list[PCM16] = []
        self._rate = self._queue[0].part.rate
        missing = frame_samples(self._rate)
        while missing and self._queue and self._queue[0].part.rate == self._rate:
            piece = self._take(missing)
            pieces.append(piece)
            missing -= len(piece)
        self._spare.pulled(self._queued_units)
        if not missing:
            return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        self._pass_silence(missing * (_UNITS_PER_S // self._rate))
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
        parts |= dict.fromkeys(chunk.part for chunk in self._queue)
        self._queue.clear()
        self._queued_units = 0
        self._current = None
        return [part.heard() for part in parts]

    def cancel(self, item_id: str) -> None:
        """Drops what waits of an item, and whatever of it is fed later."""
        self._cancelled[item_id] = None
        if len(self._cancelled) > _REMEMBERED:
            self._cancelled.popitem(last=False)
        dropped = sum(c.part.units(len(c.pcm)) for c in self._queue if c.part.item_id == item_id)
        self._queue = deque(chunk for chunk in self._queue if chunk.part.item_id != item_id)
        self._queued_units -= dropped
        self._cancelled_units += dropped
        if self._current is not None and self._current.item_id == item_id:
            self._current = None

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
            played_s=self._played_units / _UNITS_PER_S,
            underruns=self._underruns,
            underrun_s=self._underrun_units / _UNITS_PER_S,
            overflow_s=self._overflow_units / _UNITS_PER_S,
            cancelled_s=self._cancelled_units / _UNITS_PER_S,
            spare_s=self._spare_units / _UNITS_PER_S,
        )

    def _new_part(self, item_id: str, content_index: int, response_id: str) -> _Part:
        part = _Part(item_id, content_index, response_id, self._feed_rate)
        self._parts[item_id, content_index] = part
        if len(self._parts) > _REMEMBERED:
            self._parts.popitem(last=False)
        return part

    def _take(self, most: int) -> PCM16:
        """Plays up to `most` samples of the first chunk."""
        chunk = self._queue[0]
        part = chunk.part
        if not self._is_playing:
            self._is_playing = True
            self._events.append(PlayoutStarted())
        elif self._silent_units and part is self._current:
            self._underruns += 1
            self._underrun_units += self._silent_units
        self._silent_units = 0
        self._current = self._sounding = part
        piece = self._cut(most)
        part.position = chunk.start
        self._played.append((part, len(piece)))
        units = part.units(len(piece))
        self._played_units += units
        self._stretch_units += units
        return piece

    def _take_back(self, unheard_s: float) -> list[_Part]:
        """Moves positions back before what was never heard; returns the parts it was of, in the order of playing."""
        units = round(unheard_s * _UNITS_PER_S) - self._silent_units
        parts: list[_Part] = []
        while units > 0 and self._played:
            part, samples = self._played.pop()
            unheard = min(samples, -(-units // part.units(1)))
            part.position = max(0, part.position - unheard)
            units -= part.units(unheard)
            parts.insert(0, part)
        self._played.clear()
        return parts

    def _cut(self, most: int) -> PCM16:
        """Takes up to `most` samples off the first chunk."""
        chunk = self._queue[0]
        piece = chunk.pcm
        if len(piece) > most:
            piece, chunk.pcm = piece[:most], piece[most:]
        else:
            self._queue.popleft()
        chunk.start += len(piece)
        self._queued_units -= chunk.part.units(len(piece))
        return piece

    def _leave_out(self) -> None:
        """Drops a frame of the first chunk that is spare, if it is silent."""
        if not self._queue:
            return
        chunk = self._queue[0]
        frame = chunk.pcm[: frame_samples(chunk.part.rate)]
        if np.abs(frame).max() <= QUIET_PEAK:
            units = chunk.part.units(len(self._cut(len(frame))))
            self._spare.dropped(units)
            self._spare_units += units

    def _drop_overflow(self) -> None:
        while self._queued_units > self._limit_units:
            excess = self._queued_units - self._limit_units
            part = self._queue[0].part
            self._overflow_units += part.units(len(self._cut(-(-excess // part.units(1)))))

    def _pass_silence(self, units: int) -> None:
        self._silent_units += units
        if self._is_playing and self._silent_units >= ENDED_AFTER_S * _UNITS_PER_S:
            self._events.append(PlayoutEnded(self._stretch_units / _UNITS_PER_S))
            self._is_playing = False
            self._stretch_units = 0
            self._current = None


def _checked(rate: int) -> int:
    if rate not in RATES:
        raise InternalError("internal.rate", f"Provider audio of {rate} Hz cannot be played.")
    return rate
