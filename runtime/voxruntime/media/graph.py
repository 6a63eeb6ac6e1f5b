"""The media graph: which unit hears which."""

from __future__ import annotations

from voxruntime.audio.pcm import RATES
from voxruntime.errors import InternalError
from voxruntime.media.plan import Edge, Observer, Plan
from voxruntime.media.ports import Sink, Source, Stage

__all__ = ["Graph", "Sink", "Source", "Stage"]


class Graph:
    """Moves one 20 ms frame per tick along each stream, for any number of sessions.

    A tick has two stages, `take_in` and, some ms later, `give_out`: see `Stage`.

    A source may send to many sinks; a sink receives from one source, and a new one takes the place of the
    old. A stream between two rates has a resampler's history of its own, silent when the stream is made.

    Ports are told apart by identity. Edits are legal at any time, also from within a port's `pull` or `push`
    and from an observer: the tick that runs is finished as it began, and the next one follows the edit. So a
    port that was removed may be pulled and pushed once more.
    """

    def __init__(self) -> None:
        self._sources: dict[Source, Stage] = {}
        self._sinks: dict[Sink, Stage] = {}
        self._incoming: dict[Sink, Edge | None] = {}
        self._taps: dict[Observer, tuple[Source, Sink]] = {}
        self._plan = Plan()
        self._edited = False

    def add_source(self, source: Source, stage: Stage = Stage.IN) -> None:
        """Pulls from `source` at every tick from now on, whether or not anything hears it.

        Args:
            source: The port.
            stage: When in the tick.

        Raises:
            InternalError: Its rate is not one of RATES.
        """
        _check_rate(source)
        self._sources.setdefault(source, stage)
        self._edited = True

    def add_sink(self, sink: Sink, stage: Stage = Stage.OUT) -> None:
        """Pushes to `sink` at every tick from now on: None while nothing is connected to it.

        Args:
            sink: The port.
            stage: When in the tick; never before the stage of what it hears.

        Raises:
            InternalError: Its rate is not one of RATES.
        """
        _check_rate(sink)
        self._sinks.setdefault(sink, stage)
        self._incoming.setdefault(sink)
        self._edited = True

    def remove(self, port: object) -> None:
        """Forgets a port, as source and as sink, with its streams and the observers that watch it.

        A port that is not in the graph is ignored.
        """
        self._sources = {source: stage for source, stage in self._sources.items() if source is not port}
        self._sinks = {sink: stage for sink, stage in self._sinks.items() if sink is not port}
        self._incoming = {
            sink: None if edge is None or edge.source is port else edge
            for sink, edge in self._incoming.items()
            if sink is not port
        }
        self._taps = {tap: ends for tap, ends in self._taps.items() if port not in ends}
        self._edited = True

    def connect(self, source: Source, sink: Sink) -> Source | None:
        """Makes `sink` hear `source`; nothing happens if it does already.

        Returns:
            The source that the sink heard until now, if this call put another in its place.

        Raises:
            InternalError: One of the ports is not in the graph.
        """
        self._check(source, sink)
        replaced = self.source_of(sink)
        if replaced is source:
            return None
        self._incoming[sink] = Edge(source, sink)
        self._edited = True
        return replaced

    def disconnect(self, source: Source, sink: Sink) -> bool:
        """Ends a stream and returns whether there was one."""
        if self.source_of(sink) is not source:
            return False
        self._incoming[sink] = None
        self._edited = True
        return True

    def silence(self, source: Source, sink: Sink) -> float:
        """Drops what a stream still holds of the frames pulled so far: its sink hears nothing of them any more.

        Returns:
            Seconds that were dropped; 0.0 when there is no such stream, or it holds only silence.
        """
        edge = self._incoming.get(sink)
        return edge.silence() if edge is not None and edge.source is source else 0.0

    def source_of(self, sink: Sink) -> Source | None:
        """Returns the source that a sink hears."""
        edge = self._incoming.get(sink)
        return None if edge is None else edge.source

    def watch(self, source: Source, sink: Sink, observer: Observer) -> None:
        """Calls `observer` after every tick with the frame `source` gave and the frame `sink` took.

        The two need not be connected: for a recording of a call they are the two directions of its leg.
        An observer that watches already is moved. It is called until `unwatch`, or until one of the ports is
        removed.

        Raises:
            InternalError: One of the ports is not in the graph.
        """
        self._check(source, sink)
        self._taps[observer] = (source, sink)
        self._edited = True

    def unwatch(self, observer: Observer) -> None:
        """Stops calling an observer; one that does not watch is ignored."""
        self._taps.pop(observer, None)
        self._edited = True

    def lay_out(self) -> None:
        """Takes over what was edited, as the next tick would do: ports that were removed are let go."""
        if self._edited:
            self._edited = False
            edges = [edge for edge in self._incoming.values() if edge is not None]
            self._plan.lay_out(self._sources, self._sinks, edges, self._taps)

    def take_in(self) -> None:
        """The first stage of a tick: pulls the sources of `Stage.IN`, then pushes the sinks of that stage.

        Raises:
            FrameMismatch: A source gave a frame that is not 20 ms long; nothing was pushed, and the tick ends.
        """
        self.lay_out()
        self._plan.take_in()

    def give_out(self) -> None:
        """The second stage: pulls the other sources, pushes the other sinks, then calls the observers.

        Nothing happens without the first stage.

        Raises:
            FrameMismatch: As for `take_in`.
        """
        self._plan.give_out()

    def tick(self) -> None:
        """Both stages: pulls every source once, pushes every sink once, then calls the observers.

        Raises:
            FrameMismatch: A source gave a frame that is not 20 ms long; nothing was pushed in its stage.
        """
        self.take_in()
        self.give_out()

    def _check(self, source: Source, sink: Sink) -> None:
        if source not in self._sources or sink not in self._incoming:
            raise InternalError("internal.unknown_port", "A stream needs two ports that are in the graph.")


def _check_rate(port: Source | Sink) -> None:
    if port.rate not in RATES:
        raise InternalError("internal.rate", f"{type(port).__name__} has a rate of {port.rate} Hz.")
