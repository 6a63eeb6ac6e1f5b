"""Who sends media to whom in one session: media units on the engine's graph, and recordings."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from voxruntime.errors import ProtocolBreach
from voxruntime.media.graph import Graph
from voxruntime.media.ports import Sink, Source, Stage
from voxruntime.session.hub import Hub, unknown_handle
from voxruntime.turn.messages import ClearMedia, SendMedia, StopMedia


class _Stream(NamedTuple):
    """One edge in the graph: the sending unit's handle and the two ports."""

    source: int
    outlet: Source
    inlet: Sink


class MediaUnit(Protocol):
    """Anything that sends or receives audio: a call, a realtime client."""

    @property
    def label(self) -> str:
        """What log lines call it: `call 3f2a`, `client 91bc`."""

    @property
    def source(self) -> Source | None:
        """Where its audio comes from; None while it has none (not connected, ended)."""

    @property
    def sink(self) -> Sink | None:
        """Where audio for it goes; None while it takes none."""

    @property
    def speaks(self) -> Stage:
        """When in a tick its source is served: a call's in the first stage."""

    @property
    def hears(self) -> Stage:
        """When in a tick its sink is served: a call's in the second stage."""

    @property
    def is_always_on(self) -> bool:
        """Whether its media runs while it is connected to nothing: a call's does, a realtime client's waits."""

    def clear(self) -> None:
        """Drops audio received but not yet played."""

    def silence(self) -> float:
        """Drops what was sent to it and is not heard yet; returns how many seconds that is."""


class _Gone:
    """Stands in for a unit that has ended."""

    source: Source | None = None
    sink: Sink | None = None
    is_always_on = False
    speaks, hears = Stage.IN, Stage.OUT

    def __init__(self, label: str) -> None:
        self.label = label

    def clear(self) -> None:
        """There is nothing to drop."""

    def silence(self) -> float:
        """There is nothing to drop."""
        return 0.0


class Media:
    """The media units of one session and the streams between them.

    A unit receives one stream: a new one replaces the old. A stream asked for before both units have media (a call that is
    not connected yet) is kept and begins when they do.
    """

    def __init__(self, hub: Hub, graph: Graph) -> None:
        self._hub = hub
        self._graph = graph
        self._units: dict[int, MediaUnit] = {}
        self._source_of: dict[int, int] = {}
        self._running: dict[int, _Stream] = {}
        self._unclaimed: set[int] = set()

    def add(self, handle: int, unit: MediaUnit) -> None:
        """Makes a unit known; its media may come later, see `begin`.

        Raises:
            ProtocolBreach: The handle is that of another unit.
        """
        if handle in self._units:
            raise ProtocolBreach("protocol.handle", f"The scenario process made media unit {handle} twice.")
        self._units[handle] = unit

    def begin(self, handle: int) -> None:
        """The unit has media now: the streams that waited for it begin."""
        for sink, source in self._source_of.items():
            if handle in (sink, source):
                self._join(source, sink)

    def forget(self, handle: int) -> None:
        """The unit has ended for good; what a scenario still asks of it does nothing."""
        self._units[handle] = _Gone(self._units[handle].label)

    def end(self, handle: int) -> None:
        """The unit has ended: its streams are gone for good."""
        for sink, source in list(self._source_of.items()):
            if handle in (sink, source):
                del self._source_of[sink]
                self._cut(sink)

    def send(self, command: SendMedia) -> None:
        """`a:sendMediaTo(b)`.

        Raises:
            ProtocolBreach: A handle that this session never had.
        """
        source, sink = self._unit(command.source), self._unit(command.sink)
        self._unclaimed.discard(command.sink)
        replaced = self._source_of.get(command.sink)
        if replaced == command.source:
            return
        if replaced is not None:
            heard, before = source.label, self._units[replaced].label
            self._hub.note("info", f"{sink.label} now hears {heard}, in place of {before}.")
            self._cut(command.sink)
        self._source_of[command.sink] = command.source
        self._join(command.source, command.sink)

    def stop(self, command: StopMedia) -> None:
        """`a:stopMediaTo(b)`; nothing happens when they are not connected.

        Raises:
            ProtocolBreach: A handle that this session never had.
        """
        self._unit(command.source)
        self._unit(command.sink)
        if self._source_of.get(command.sink) == command.source:
            del self._source_of[command.sink]
            self._cut(command.sink)

    def clear(self, command: ClearMedia) -> None:
        """`client:clearMediaBuffer()`.

        Raises:
            ProtocolBreach: A handle that this session never had.
        """
        self._unit(command.client).clear()

    def silence(self, handle: int) -> float:
        """Drops what a unit has sent and nobody has heard yet: in resamplers, and behind the units that hear it.

        Returns:
            Seconds of it, silence included; of several listeners it is the one who has heard the most who counts.
        """
        dropped = [
            self._graph.silence(stream.outlet, stream.inlet) + self._units[sink].silence()
            for sink, stream in self._running.items()
            if stream.source == handle
        ]
        return min(dropped, default=0.0)

    def hand_over(self) -> None:
        """New code has come, and has asked for none of the streams yet."""
        self._unclaimed = set(self._source_of)

    def end_unclaimed(self) -> None:
        """Ends the streams that new code has not asked for again."""
        for sink in self._unclaimed & self._source_of.keys():
            source = self._units[self._source_of.pop(sink)]
            self._hub.note("info", f"{self._units[sink].label} no longer hears {source.label}.")
            self._cut(sink)
        self._unclaimed.clear()

    def close(self) -> None:
        """Ends every stream: the session has ended."""
        for sink in list(self._running):
            self._cut(sink)
        self._source_of.clear()

    def _unit(self, handle: int) -> MediaUnit:
        unit = self._units.get(handle)
        if unit is None:
            raise unknown_handle("media unit", handle)
        return unit

    def _join(self, source: int, sink: int) -> None:
        outlet, inlet = self._units[source].source, self._units[sink].sink
        if outlet is not None and inlet is not None and sink not in self._running:
            self._graph.add_source(outlet, self._units[source].speaks)
            self._graph.add_sink(inlet, self._units[sink].hears)
            self._graph.connect(outlet, inlet)
            self._running[sink] = _Stream(source, outlet, inlet)

    def _cut(self, sink: int) -> None:
        stream = self._running.pop(sink, None)
        if stream is None:
            return
        self._graph.disconnect(stream.outlet, stream.inlet)
        if not self._units[sink].is_always_on:
            self._graph.remove(stream.inlet)
        is_heard = any(other.source == stream.source for other in self._running.values())
        if not is_heard and not self._units[stream.source].is_always_on:
            self._graph.remove(stream.outlet)
