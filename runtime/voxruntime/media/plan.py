"""What one tick of the graph does, laid out in lists so that it takes as few steps as possible.

The plan holds while the graph is not edited. Streams that need the same rate conversion form a group, whose
frames are converted in one call; the others are handed through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.audio.resample import Resampler
from voxruntime.errors import FrameMismatch
from voxruntime.media.ports import Sink, Source

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


class Plan:
    """Runs the ticks of one layout after another. Order of calls: `lay_out`, then any number of `tick`."""

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._sinks: list[Sink] = []
        self._edges: list[Edge] = []
        self._direct: list[Edge] = []
        self._groups: dict[tuple[int, int], _Group] = {}
        self._taps: list[tuple[Observer, int, int]] = []
        self._in_rates: list[int] = []
        self._out_rates: list[int] = []

    def lay_out(
        self,
        sources: list[Source],
        sinks: list[Sink],
        edges: list[Edge],
        taps: Mapping[Observer, tuple[Source, Sink]],
    ) -> None:
        """Takes the ports, streams and observers of the ticks to come.

        Edges that were there before keep their resampler's history. Edges and taps name listed ports only.
        """
        staying = set(edges)
        for edge in self._edges:
            if edge not in staying and edge.group is not None:
                edge.group.close(edge)
        self._sources, self._sinks, self._edges = sources, sinks, edges
        in_index = {source: index for index, source in enumerate(self._sources)}
        out_index = {sink: index for index, sink in enumerate(self._sinks)}
        for edge in self._edges:
            edge.in_index = in_index[edge.source]
            edge.out_index = out_index[edge.sink]
        self._taps = [(tap, in_index[source], out_index[sink]) for tap, (source, sink) in taps.items()]
        self._in_rates = [source.rate for source in self._sources]
        self._out_rates = [sink.rate for sink in self._sinks]
        self._group_edges()

    def tick(self) -> None:
        """Moves one frame from every source, to every sink.

        Raises:
            FrameMismatch: A source gave a frame that is not 20 ms long.
        """
        pulled = [source.pull() for source in self._sources]
        in_rates = [source.rate for source in self._sources]
        out_rates = [sink.rate for sink in self._sinks]
        if in_rates != self._in_rates or out_rates != self._out_rates:
            self._in_rates, self._out_rates = in_rates, out_rates
            self._group_edges()
        for index, frame in enumerate(pulled):
            if frame is not None and len(frame) * 50 != in_rates[index]:
                source = type(self._sources[index]).__name__
                raise FrameMismatch(f"20 ms at {in_rates[index]} Hz from {source}", frame.shape)
        pushed: list[PCM16 | None] = [None] * len(self._sinks)
        for edge in self._direct:
            pushed[edge.out_index] = pulled[edge.in_index]
        for group in self._groups.values():
            group.convert(pulled, pushed)
        for sink, frame in zip(self._sinks, pushed, strict=True):
            sink.push(frame)
        for observe, in_index, out_index in self._taps:
            observe(pulled[in_index], pushed[out_index])

    def _group_edges(self) -> None:
        self._direct = []
        for group in self._groups.values():
            group.edges = []
        for edge in self._edges:
            rates = self._in_rates[edge.in_index], self._out_rates[edge.out_index]
            wanted = None if rates[0] == rates[1] else self._group(rates)
            if edge.group is not wanted:
                if edge.group is not None:
                    edge.group.close(edge)
                if wanted is not None:
                    wanted.open(edge)
            (self._direct if wanted is None else wanted.edges).append(edge)

    def _group(self, rates: tuple[int, int]) -> _Group:
        if rates not in self._groups:
            self._groups[rates] = _Group(*rates)
        return self._groups[rates]
