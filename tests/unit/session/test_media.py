from collections.abc import Callable

import pytest

from session_doubles import RecordingHub, ToldLeg
from voxruntime.errors import ProtocolBreach
from voxruntime.media.graph import Graph
from voxruntime.media.ports import Sink, Source, Stage
from voxruntime.session.media import Media
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import ClearMedia, SendMedia, StopMedia


class Unit:
    """A unit whose media may come and go; `always_on` as a call, else as a realtime client."""

    def __init__(self, label: str, leg: ToldLeg, *, always_on: bool) -> None:
        self.label = label
        self.leg = leg
        self.is_always_on = always_on
        self.speaks, self.hears = (Stage.IN, Stage.OUT) if always_on else (Stage.OUT, Stage.IN)
        self.is_up = False
        self.cleared = 0
        self.unheard_s = 0.0

    @property
    def source(self) -> Source | None:
        return self.leg if self.is_up else None

    @property
    def sink(self) -> Sink | None:
        return self.leg if self.is_up else None

    def clear(self) -> None:
        self.cleared += 1

    def silence(self) -> float:
        return self.unheard_s


class Stand:
    """A session with a call (1) and two clients (2, 3) of different loudness."""

    def __init__(self) -> None:
        self.hub = RecordingHub()
        self.graph = Graph()
        self.media = Media(self.hub, self.graph)
        self.units = {
            1: Unit("call", ToldLeg(level=1), always_on=True),
            2: Unit("first client", ToldLeg(level=2), always_on=False),
            3: Unit("second client", ToldLeg(level=3), always_on=False),
        }
        for handle, unit in self.units.items():
            self.media.add(handle, unit)

    def bring_up(self, *handles: int) -> None:
        for handle in handles:
            unit = self.units[handle]
            unit.is_up = True
            if unit.is_always_on:
                self.graph.add_source(unit.leg)
                self.graph.add_sink(unit.leg)
            self.media.begin(handle)

    def heard(self, handle: int) -> list[int | None]:
        """Ticks once and returns the level of each frame that the unit has heard."""
        self.graph.tick()
        return [None if frame is None else int(frame[0]) for frame in self.units[handle].leg.heard]


def run(check: Callable[[Stand], None]) -> None:
    async def main() -> None:
        check(Stand())

    virtual_loop.run(main())


def test_a_stream_asked_for_early_begins_when_both_units_have_media() -> None:
    def check(stand: Stand) -> None:
        stand.media.send(SendMedia(2, 1))
        stand.bring_up(2)
        stand.bring_up(1)
        assert stand.heard(1) == [2]

    run(check)


def test_a_new_stream_replaces_the_old_and_says_so() -> None:
    def check(stand: Stand) -> None:
        stand.bring_up(1, 2, 3)
        stand.media.send(SendMedia(2, 1))
        assert stand.heard(1) == [2]
        stand.media.send(SendMedia(3, 1))
        assert stand.heard(1) == [2, 3]
        assert stand.hub.notes == [("info", "call now hears second client, in place of first client.")]

    run(check)


def test_a_client_is_pulled_and_pushed_only_while_it_is_connected() -> None:
    def check(stand: Stand) -> None:
        stand.bring_up(1, 2)
        assert stand.heard(2) == []
        stand.media.send(SendMedia(1, 2))
        assert stand.heard(2) == [1]
        stand.media.stop(StopMedia(1, 2))
        assert stand.heard(2) == [1]

    run(check)


def test_a_call_hears_silence_while_nothing_is_connected_to_it() -> None:
    def check(stand: Stand) -> None:
        stand.bring_up(1, 2)
        stand.media.send(SendMedia(2, 1))
        stand.media.stop(StopMedia(2, 1))
        assert stand.heard(1) == [None]

    run(check)


def test_stopping_one_of_two_streams_leaves_the_other() -> None:
    def check(stand: Stand) -> None:
        stand.bring_up(1, 2, 3)
        stand.media.send(SendMedia(2, 1))
        stand.media.send(SendMedia(2, 3))
        stand.media.stop(StopMedia(2, 3))
        assert stand.heard(1) == [2]

    run(check)


def test_stopping_a_stream_that_is_not_there_is_harmless() -> None:
    def check(stand: Stand) -> None:
        stand.bring_up(1, 2)
        stand.media.send(SendMedia(2, 1))
        stand.media.stop(StopMedia(3, 1))
        assert stand.heard(1) == [2]

    run(check)


def test_an_ended_unit_takes_its_streams_with_it() -> None:
    def check(stand: Stand) -> None:
        stand.bring_up(1, 2)
        stand.media.send(SendMedia(2, 1))
        stand.media.end(2)
        stand.media.begin(2)
        assert stand.heard(1) == [None]

    run(check)


def test_clear_reaches_the_unit() -> None:
    def check(stand: Stand) -> None:
        stand.media.clear(ClearMedia(2))
        assert stand.units[2].cleared == 1

    run(check)


def test_a_handle_that_was_never_made_breaks_the_protocol() -> None:
    def check(stand: Stand) -> None:
        with pytest.raises(ProtocolBreach):
            stand.media.send(SendMedia(9, 1))

    run(check)


def test_what_is_silenced_is_what_the_listener_who_heard_the_most_has_not_heard() -> None:
    def check(stand: Stand) -> None:
        stand.bring_up(1, 2, 3)
        stand.units[1].unheard_s, stand.units[3].unheard_s = 0.06, 0.02
        assert stand.media.silence(2) == 0.0
        stand.media.send(SendMedia(2, 1))
        assert stand.media.silence(2) == 0.06
        stand.media.send(SendMedia(2, 3))
        assert stand.media.silence(2) == 0.02
        assert stand.units[2].unheard_s == 0.0

    run(check)
