"""What the two stages of a tick do, laid out in lists so that they take as few steps as possible.

The plan holds while the graph is not edited. Streams that need the same rate conversion form a group, whose
frames are converted in one call; the others are handed through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.audio.resample import Resampler
from voxruntime.errors import FrameMismatch
from voxruntime.media.ports import Sink, Source, Stage

Observer = Callable[[PCM16 | None, PCM16 | None], None]
"""Called after each tick with the frame a source gave and the frame a sink took."""


class Edge:
    """One stream from a source to a sink, and its place in a resampler while their rates differ."""

    __slots__ = ("group", "in_index", "out_index", "ringing", "row", "sink", "source")

    def __init__(self, source: Source, sink: Sink) -> None:
        self.source = source
        self.sink = sink
        self.in_index = 0
        self.out_index = 0
        self.group: _Group | None = None
        self.row = 0
        self.ringing = False
        """Whether the resampler still holds the end of a sound."""

    def silence(self) -> float:
        """Drops what the stream still holds of its source's sound; returns how many seconds that is."""
        return 0.0 if self.group is None else self.group.silence(self)


class _Group:
    """The edges between one pair of rates."""

    def __init__(self, in_rate: int, out_rate: int) -> None:
        self.edges: list[Edge] = []
        self._resampler = Resampler(in_rate, out_rate)
        self._silence = np.zeros(frame_samples(in_rate), dtype=np.int16)

    def open(self, edge: Edge) -> None:
        edge.group = self
        edge.row = self._resampler.open_row()
        edge.ringing = False

    def close(self, edge: Edge) -> None:
        self._resampler.close_row(edge.row)
        edge.group = None

    def silence(self, edge: Edge) -> float:
        """Forgets the end of a sound that the filter still holds, and returns how many seconds of it that is."""
        if not edge.ringing:
            return 0.0
        self._resampler.reset_row(edge.row)
        edge.ringing = False
        return self._resampler.delay_s

    def convert(self, pulled: list[PCM16 | None], pushed: list[PCM16 | None]) -> None:
        rows: list[int] = []
        frames: list[PCM16] = []
        places: list[int] = []
        for edge in self.edges:
            frame = pulled[edge.in_index]
            if frame is not None:
                edge.ringing = True
            elif edge.ringing:
                # One frame of silence outlasts every filter: after it there is nothing left to hear.
                frame = self._silence
                edge.ringing = False
            else:
                continue
            frames.append(frame)
            rows.append(edge.row)
            places.append(edge.out_index)
        if rows:
            stacked = np.concatenate(frames).reshape(len(rows), -1)
            for place, converted in zip(places, self._resampler.process(rows, stacked), strict=True):
                pushed[place] = converted


class _Half:
    """One stage of the ticks: its sources and sinks, and the streams that end in it."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.sinks: list[Sink] = []
        self.edges: list[Edge] = []
        self.direct: list[Edge] = []
        self.groups: dict[tuple[int, int], _Group] = {}
        self.out_rates: list[int] = []

    def group_edges(self, in_rates: list[int], out_rates: list[int]) -> None:
        """Sorts the streams by what has to be done to them."""
        self.out_rates = out_rates
        self.direct = []
        for group in self.groups.values():
            group.edges = []
        for edge in self.edges:
            rates = in_rates[edge.in_index], out_rates[edge.out_index]
            wanted = None if rates[0] == rates[1] else self._group(rates)
            if edge.group is not wanted:
                if edge.group is not None:
                    edge.group.close(edge)
                if wanted is not None:
                    wanted.open(edge)
            (self.direct if wanted is None else wanted.edges).append(edge)

    def push(self, pulled: list[PCM16 | None]) -> list[PCM16 | None]:
        """Gives every sink its frame, and returns those frames."""
        pushed: list[PCM16 | None] = [None] * len(self.sinks)
        for edge in self.direct:
            pushed[edge.out_index] = pulled[edge.in_index]
        for group in self.groups.values():
            if group.edges:
                group.convert(pulled, pushed)
        for sink, frame in zip(self.sinks, pushed, strict=True):
            sink.push(frame)
        return pushed

    def _group(self, rates: tuple[int, int]) -> _Group:
        if rates not in self.groups:
            self.groups[rates] = _Group(*rates)
        return self.groups[rates]


class Plan:
    """Runs the ticks of one layout after another. Order of calls: `lay_out`, then `take_in` and `give_out` for each tick."""

    def __init__(self) -> None:
        self._halves = (_Half(), _Half())
        self._taps: list[tuple[Observer, int, Stage, int]] = []
        self._rates: list[int] = []
        self._has_other_rates = [True, True]
        self._pulled: list[PCM16 | None] = []
        self._pushed: list[PCM16 | None] | None = None

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
        staying = set(edges)
        for edge in (edge for half in self._halves for edge in half.edges):
            if edge not in staying and edge.group is not None:
                edge.group.close(edge)
        # No sink is served before what it hears.
        late = {edge.sink for edge in edges if sources[edge.source] is Stage.OUT}
        stages = {sink: Stage.OUT if sink in late else stage for sink, stage in sinks.items()}
        for stage, half in zip(Stage, self._halves, strict=True):
            half.sources = [source for source, when in sources.items() if when is stage]
            half.sinks = [sink for sink, when in stages.items() if when is stage]
            half.edges = [edge for edge in edges if stages[edge.sink] is stage]
        in_index = {s: i for i, s in enumerate(s for half in self._halves for s in half.sources)}
        out_index = {sink: index for half in self._halves for index, sink in enumerate(half.sinks)}
        for edge in edges:
            edge.in_index = in_index[edge.source]
            edge.out_index = out_index[edge.sink]
        self._taps = [
            (tap, in_index[source], stages[sink], out_index[sink]) for tap, (source, sink) in taps.items()
        ]
        self._rates = []
        self._pushed = None
        self._has_other_rates = [True, True]

    def take_in(self) -> None:
        """Moves the frames of the first stage.

        Raises:
            FrameMismatch: A source gave a frame that is not 20 ms long.
        """
        self._pushed = None
        self._pulled = []
        self._pushed = self._run(Stage.IN)

    def give_out(self) -> None:
        """Moves the frames of the second stage, and shows both to the observers; nothing without the first.

        Raises:
            FrameMismatch: A source gave a frame that is not 20 ms long.
        """
        if self._pushed is None:
            return
        pushed = self._pushed, self._run(Stage.OUT)
        self._pushed = None
        for observe, in_index, stage, out_index in self._taps:
            observe(self._pulled[in_index], pushed[stage][out_index])

    def _run(self, stage: Stage) -> list[PCM16 | None]:
        half, first = self._halves[stage], len(self._pulled)
        self._pulled += [source.pull() for source in half.sources]
        rates = [source.rate for source in half.sources]
        if rates != self._rates[first : first + len(rates)]:
            self._rates[first:] = rates
            self._has_other_rates = [True, True]
        for index, frame in enumerate(self._pulled[first:]):
            if frame is not None and len(frame) * 50 != rates[index]:
                source = type(half.sources[index]).__name__
                raise FrameMismatch(f"20 ms at {rates[index]} Hz from {source}", frame.shape)
        out_rates = [sink.rate for sink in half.sinks]
        if self._has_other_rates[stage] or out_rates != half.out_rates:
            self._has_other_rates[stage] = False
            half.group_edges(self._rates, out_rates)
        return half.push(self._pulled)
