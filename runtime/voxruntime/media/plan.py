"""What the two stages of a tick do, laid out in lists so that they take as few steps as possible.

The plan holds while the graph is not edited. Streams that need the same rate conversion form a group, whose
frames are converted in one call; the others are handed through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import compress
from operator import attrgetter

from voxruntime.audio.pcm import PCM16, frame_samples, silent_frame
from voxruntime.audio.resample import Resampler
from voxruntime.errors import FrameMismatch
from voxruntime.media.ports import Sink, Source, Stage

Observer = Callable[[PCM16 | None, PCM16 | None], None]
"""Called after each tick with the frame a source gave and the frame a sink took."""

_RATE: Callable[[Source | Sink], int] = attrgetter("rate")


class Edge:
    """One stream from a source to a sink, and what its conversion hears while their rates differ."""

    __slots__ = ("before", "group", "in_index", "out_index", "sink", "source")

    def __init__(self, source: Source, sink: Sink) -> None:
        self.source = source
        self.sink = sink
        self.in_index = 0
        self.out_index = 0
        self.group: _Group | None = None
        self.before = silent_frame(source.rate)
        """The last frame, while no group has the edge laid out."""

    def silence(self) -> float:
        """Drops what the stream still holds of its source's sound; returns how many seconds that is."""
        return 0.0 if self.group is None else self.group.silence(self)


class _Group:
    """The edges between one pair of rates."""

    def __init__(self, in_rate: int, out_rate: int) -> None:
        self.edges: list[Edge] = []
        self._resampler = Resampler(in_rate, out_rate)
        self._silence = silent_frame(in_rate)
        self._in_indexes: list[int] = []
        self._out_indexes: list[int] = []
        # The frames of the last tick.
        self._before: list[PCM16] = []

    def take(self, edge: Edge) -> None:
        """Makes an edge one of the group's, which has heard nothing yet."""
        edge.group = self
        edge.before = self._silence

    def lay_out(self, edges: list[Edge]) -> None:
        """Takes the edges of the ticks to come, all of them taken."""
        for edge, before in zip(self.edges, self._before, strict=True):
            edge.before = before
        self.edges = edges
        self._before = [edge.before for edge in edges]
        self._in_indexes = [edge.in_index for edge in edges]
        self._out_indexes = [edge.out_index for edge in edges]

    def silence(self, edge: Edge) -> float:
        """Forgets the end of a sound that the filter still hears, and returns how many seconds of it that is."""
        edges = self.edges
        self.lay_out([])
        held_s = 0.0 if edge.before is self._silence else self._resampler.delay_s
        edge.before = self._silence
        self.lay_out(edges)
        return held_s

    def convert(self, pulled: list[PCM16 | None], pushed: list[PCM16 | None], *, are_whole: bool) -> None:
        """Gives each sink its frame: None where the source is silent, and nothing of its sound is left."""
        silence, before, places = self._silence, self._before, self._out_indexes
        frames = [silence if (frame := pulled[index]) is None else frame for index in self._in_indexes]
        self._before = frames
        if not are_whole:
            # One frame of silence outlasts every filter: after it there is nothing left to hear.
            sound = [
                frame is not silence or last is not silence
                for last, frame in zip(before, frames, strict=True)
            ]
            before, frames = list(compress(before, sound)), list(compress(frames, sound))
            places = list(compress(places, sound))
        for place, converted in zip(places, self._resampler.process(before, frames), strict=True):
            pushed[place] = converted


class _Half:
    """One stage of the ticks: its sources and sinks, and the streams that end in it."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.sinks: list[Sink] = []
        self.edges: list[Edge] = []
        self.in_rates: list[int] = []
        self.are_whole = True
        """Whether every source gave a frame in the last tick."""
        self.is_sorted = False
        """Whether the streams are sorted for the rates that their ports had last."""
        self._pulls: list[Callable[[], PCM16 | None]] = []
        self._pushes: list[Callable[[PCM16 | None], None]] = []
        self._samples: list[int] = []
        self._out_rates: list[int] = []
        self._direct: list[Edge] = []
        self._groups: dict[tuple[int, int], _Group] = {}

    def lay_out(self, sources: list[Source], sinks: list[Sink], edges: list[Edge]) -> None:
        """Takes the ports and streams of the ticks to come."""
        self.sources, self.sinks, self.edges = sources, sinks, edges
        self._pulls = [source.pull for source in sources]
        self._pushes = [sink.push for sink in sinks]
        self.in_rates = []
        self._samples = []
        self.are_whole = True
        self.is_sorted = False
        # They are sorted at the next tick, if there is one: until then nothing that is gone is held.
        self._let_go()

    def pull(self) -> list[PCM16 | None]:
        """Takes a frame from every source; `in_rates` are theirs afterwards, and `are_whole` says if all gave one.

        Raises:
            FrameMismatch: One of the frames is not 20 ms long.
        """
        pulled = [pull() for pull in self._pulls]
        # A frame of another rate has another length.
        samples = [0 if frame is None else len(frame) for frame in pulled]
        if samples != self._samples:
            self._look_at(pulled)
            self._samples = samples
        return pulled

    def _look_at(self, pulled: list[PCM16 | None]) -> None:
        rates = list(map(_RATE, self.sources))
        for source, frame, rate in zip(self.sources, pulled, rates, strict=True):
            if frame is not None and len(frame) != frame_samples(rate):
                raise FrameMismatch(f"20 ms at {rate} Hz from {type(source).__name__}", frame.shape)
        self.are_whole = all(frame is not None for frame in pulled)
        if rates != self.in_rates:
            self.in_rates = rates

    def fits_sinks(self) -> bool:
        """Returns whether the streams are sorted for the rates that the sinks have now."""
        out_rates = list(map(_RATE, self.sinks))
        if out_rates != self._out_rates:
            self._out_rates = out_rates
            self.is_sorted = False
        return self.is_sorted

    def sort(self, in_rates: list[int]) -> None:
        """Sorts the streams by what has to be done to them, given the rates of all sources."""
        self.is_sorted = True
        self._let_go()
        grouped: dict[_Group, list[Edge]] = {group: [] for group in self._groups.values()}
        for edge in self.edges:
            rates = in_rates[edge.in_index], self._out_rates[edge.out_index]
            wanted = None if rates[0] == rates[1] else self._group(rates)
            if wanted is None:
                edge.group = None
            elif edge.group is not wanted:
                wanted.take(edge)
            (self._direct if wanted is None else grouped.setdefault(wanted, [])).append(edge)
        for group, edges in grouped.items():
            group.lay_out(edges)

    def push(self, pulled: list[PCM16 | None], *, are_whole: bool) -> list[PCM16 | None]:
        """Gives every sink its frame, and returns those frames."""
        pushed: list[PCM16 | None] = [None] * len(self.sinks)
        for edge in self._direct:
            pushed[edge.out_index] = pulled[edge.in_index]
        for group in self._groups.values():
            if group.edges:
                group.convert(pulled, pushed, are_whole=are_whole)
        for push, frame in zip(self._pushes, pushed, strict=True):
            push(frame)
        return pushed

    def _let_go(self) -> None:
        self._direct = []
        for group in self._groups.values():
            group.lay_out([])

    def _group(self, rates: tuple[int, int]) -> _Group:
        if rates not in self._groups:
            self._groups[rates] = _Group(*rates)
        return self._groups[rates]


class Plan:
    """Runs the ticks of one layout after another. Order of calls: `lay_out`, then `take_in` and `give_out` for each tick."""

    def __init__(self) -> None:
        self._halves = (_Half(), _Half())
        self._taps: list[tuple[Observer, int, Stage, int]] = []
        self._pulled: list[PCM16 | None] = []
        self._pushed: list[PCM16 | None] | None = None
        self._are_whole = False

    def lay_out(
        self,
        sources: Mapping[Source, Stage],
        sinks: Mapping[Sink, Stage],
        edges: list[Edge],
        taps: Mapping[Observer, tuple[Source, Sink]],
    ) -> None:
        """Takes the ports, streams and observers of the ticks to come.

        Edges that were there before keep their resampler's history. Edges and taps name listed ports only.
        """
        # No sink is served before what it hears.
        out = Stage.OUT
        late = {edge.sink for edge in edges if sources[edge.source] is out}
        stages = {sink: out if sink in late else stage for sink, stage in sinks.items()}
        for stage, half in zip(Stage, self._halves, strict=True):
            half.lay_out(
                [source for source, when in sources.items() if when is stage],
                [sink for sink, when in stages.items() if when is stage],
                [edge for edge in edges if stages[edge.sink] is stage],
            )
        in_index = {s: i for i, s in enumerate(s for half in self._halves for s in half.sources)}
        out_index = {sink: index for half in self._halves for index, sink in enumerate(half.sinks)}
        for edge in edges:
            edge.in_index = in_index[edge.source]
            edge.out_index = out_index[edge.sink]
        self._taps = [
            (tap, in_index[source], stages[sink], out_index[sink]) for tap, (source, sink) in taps.items()
        ]
        self._pushed = None

    def take_in(self) -> None:
        """Moves the frames of the first stage.

        Raises:
            FrameMismatch: A source gave a frame that is not 20 ms long.
        """
        self._pushed = None
        self._pulled, self._are_whole = [], True
        self._pushed = self._run(self._halves[Stage.IN])

    def give_out(self) -> None:
        """Moves the frames of the second stage, and shows both to the observers; nothing without the first.

        Raises:
            FrameMismatch: A source gave a frame that is not 20 ms long.
        """
        if self._pushed is None:
            return
        pushed = self._pushed, self._run(self._halves[Stage.OUT])
        self._pushed = None
        for observe, in_index, stage, out_index in self._taps:
            observe(self._pulled[in_index], pushed[stage][out_index])

    def _run(self, half: _Half) -> list[PCM16 | None]:
        known = half.in_rates
        pulled = half.pull()
        if half.in_rates is not known:
            for each in self._halves:
                each.is_sorted = False
        self._are_whole = half.are_whole and self._are_whole
        self._pulled += pulled
        if not half.fits_sinks():
            half.sort([rate for each in self._halves for rate in each.in_rates])
        return half.push(self._pulled, are_whole=self._are_whole)
