"""What new code has not claimed yet, and the events that wait for it."""

from __future__ import annotations

from collections.abc import Iterable

from voxruntime.session.adoption import MAX_HELD_EVENTS, Adoption
from voxruntime.session.queue import Event, Rank
from voxruntime.turn.messages import AnswerCall, Listen, SendMedia, Terminate


def event(target: int, name: str = "E") -> Event:
    return Event(Rank.CALL, target, name)


def names(events: Iterable[Event]) -> list[str]:
    return [each.name for each in events]


def test_events_of_what_is_not_claimed_wait_and_come_in_order() -> None:
    adoption = Adoption([7, 8], [])
    assert adoption.holds(event(7, "second"))
    assert not adoption.holds(event(9))
    adoption.precede([event(7, "first"), event(9, "nobody's")])
    assert names(adoption.claim(7)) == ["first", "second"]
    assert not adoption.holds(event(7))
    assert adoption.claimed == {7}
    assert adoption.unclaimed == [8]


def test_of_too_many_events_the_oldest_are_dropped() -> None:
    adoption = Adoption([7], [])
    for number in range(MAX_HELD_EVENTS + 5):
        adoption.holds(event(7, str(number)))
    assert names(adoption.claim(7))[0] == "5"


def test_an_incoming_call_is_claimed_by_whatever_names_it() -> None:
    for command in (AnswerCall(-1), Listen(-1, "Call.Connected", ["s.lua:1"]), SendMedia(5, -1)):
        adoption = Adoption([], [-1, -2])
        adoption.see(Terminate())
        assert set(adoption.unclaimed) == {-1, -2}
        adoption.see(command)
        assert adoption.unclaimed == [-2]
