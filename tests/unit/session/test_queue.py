import pytest

from voxruntime.session.queue import Event, EventQueue, EventTooLarge, QueueOverflow, Rank


def everything(_event: Event) -> bool:
    return True


def names(queue: EventQueue) -> list[str]:
    taken = []
    while (event := queue.take()) is not None:
        taken.append(event.name)
    return taken


def test_waiting_events_leave_by_rank_then_order_of_arrival() -> None:
    queue = EventQueue(10, 10_000, everything)
    for rank, name in [
        (Rank.TIMER, "timer"),
        (Rank.CALL, "call"),
        (Rank.PROVIDER, "first word"),
        (Rank.PROVIDER, "second word"),
        (Rank.SETTLEMENT, "settled"),
        (Rank.SESSION, "started"),
    ]:
        queue.put(Event(rank, 1, name))
    assert names(queue) == ["started", "settled", "first word", "second word", "call", "timer"]


def test_timers_leave_by_deadline_then_order_of_arrival() -> None:
    queue = EventQueue(10, 10_000, everything)
    for name, deadline in [("late", 3.0), ("early", 1.0), ("early too", 1.0)]:
        queue.put(Event(Rank.TIMER, 1, name, deadline=deadline))
    assert names(queue) == ["early", "early too", "late"]


def test_take_skips_events_nobody_listens_for_any_more() -> None:
    wanted = {"a", "b"}
    queue = EventQueue(10, 10_000, lambda event: event.name in wanted)
    queue.put(Event(Rank.CALL, 1, "a"))
    queue.put(Event(Rank.CALL, 1, "b"))
    wanted.remove("a")
    assert names(queue) == ["b"]


def test_overflow_by_count_is_raised_for_wanted_events() -> None:
    queue = EventQueue(2, 10_000, everything)
    queue.put(Event(Rank.CALL, 1, "a"))
    queue.put(Event(Rank.CALL, 1, "b"))
    with pytest.raises(QueueOverflow) as raised:
        queue.put(Event(Rank.CALL, 1, "c"))
    assert raised.value.events == 3


def test_overflow_by_bytes_counts_the_text() -> None:
    queue = EventQueue(10, 1000, everything)
    queue.put(Event(Rank.PROVIDER, 1, "a"))
    with pytest.raises(QueueOverflow):
        queue.put(Event(Rank.PROVIDER, 1, "b", text="x" * 850))


def test_one_event_larger_than_the_queue_waits_and_a_second_is_dropped() -> None:
    queue = EventQueue(10, 1000, everything)
    queue.put(Event(Rank.PROVIDER, 1, "a", text="x" * 10_000))
    queue.put(Event(Rank.PROVIDER, 1, "b", text="x" * 800))
    with pytest.raises(EventTooLarge):
        queue.put(Event(Rank.PROVIDER, 1, "c", text="x" * 10_000))
    assert names(queue) == ["a", "b"]
    queue.put(Event(Rank.PROVIDER, 1, "c", text="x" * 10_000))
    queue.keep(lambda event: event.name != "c")
    queue.put(Event(Rank.PROVIDER, 1, "d", text="x" * 10_000))
    assert names(queue) == ["d"]


def test_unwanted_events_give_way_before_the_queue_overflows() -> None:
    queue = EventQueue(2, 10_000, lambda event: event.name != "delta")
    for name in ["delta", "delta", "wanted"]:
        queue.put(Event(Rank.PROVIDER, 1, name))
    assert names(queue) == ["wanted"]


def test_bytes_are_given_back_when_events_leave() -> None:
    queue = EventQueue(10, 1500, everything)
    for _ in range(5):
        queue.put(Event(Rank.PROVIDER, 1, "a", text="x" * 1000))
        queue.take()
    assert len(queue) == 0
