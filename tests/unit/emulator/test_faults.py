"""Contract of emulator/faults.py."""

from __future__ import annotations

import pytest

from voxruntime.emulator.faults import (
    FAULTS,
    HUGE_EVENT_CHARS,
    CloseProperly,
    Cut,
    FaultKind,
    FaultyStream,
    Freeze,
    Send,
    Step,
    Unplug,
    parse_fault,
    refusal,
)
from voxruntime.errors import ConfigError


def sent_through(*specs: str, events: str = "abcdef") -> list[str]:
    """Sends one-letter events; frames that are no letters are shown by a sign."""
    stream = FaultyStream([parse_fault(spec) for spec in specs])
    return [shown(step) for event in events for step in stream.process(event)]


def shown(step: Step) -> str:
    names = {Cut: "cut", Freeze: "freeze", Unplug: "unplug", CloseProperly: "close"}
    if not isinstance(step, Send):
        return names[type(step)]
    if isinstance(step.frame, bytes):
        return "binary"
    return step.frame if len(step.frame) == 1 else "huge" if len(step.frame) > HUGE_EVENT_CHARS else "garbage"


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ((), "a b c d e f"),
        (("drop:2",), "a b cut c d e f"),
        (("stall:1",), "a freeze b c d e f"),
        (("garbage:3",), "a b c garbage d e f garbage"),
        (("duplicate:2",), "a b b c d d e f f"),
        (("reorder:2",), "a c b e d"),
        (("huge:4",), "a b c d huge e f"),
        (("duplicate:3", "drop:3"), "a b c c cut d e f f"),
        (("half_open:2",), "a b unplug c d e f"),
        (("close:1",), "a close b c d e f"),
        (("binary:4",), "a b c d binary e f"),
        (("late:40", "refuse:401", "slow:20", "deaf:1"), "a b c d e f"),
    ],
)
def test_fault_does_what_its_name_says(specs: tuple[str, ...], expected: str) -> None:
    assert sent_through(*specs) == expected.split()


def test_delays_add_up() -> None:
    assert FaultyStream([parse_fault("late:40"), parse_fault("late:60")]).delay == pytest.approx(0.1)
    assert FaultyStream([]).delay == 0.0


def test_events_are_spaced_by_a_slow_line() -> None:
    assert FaultyStream([parse_fault("slow:40")]).spacing == pytest.approx(0.04)
    assert FaultyStream([]).spacing == 0.0


def test_every_so_many_utterances_are_not_understood() -> None:
    stream = FaultyStream([parse_fault("deaf:3")])
    assert [stream.deafens() for _ in range(7)] == [False, False, True, False, False, True, False]
    assert not FaultyStream([parse_fault("late:1")]).deafens()


def test_every_kind_is_explained() -> None:
    assert set(FAULTS) == set(FaultKind)


def test_huge_event_is_longer_than_clients_take() -> None:
    steps = FaultyStream([parse_fault("huge:1")]).process("{}")
    assert [isinstance(step, Send) and len(step.frame) > 1024 * 1024 for step in steps] == [False, True]


def test_refusal() -> None:
    assert refusal([parse_fault("drop:3"), parse_fault("refuse:429")]) == 429
    assert refusal([parse_fault("drop:3")]) is None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("drp:3", "There is no fault 'drp'. Did you mean 'drop'?"),
        ("", "There is no fault ''."),
        ("drop", "needs a number from 1"),
        ("drop:0", "needs a number from 1"),
        ("drop:-1", "needs a number from 1"),
        ("refuse:200", "needs a number from 400 to 599: refuse:400"),
    ],
)
def test_misspelt_fault_is_told(spec: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_fault(spec)
    assert words in caught.value.message
