"""Every input in every state, and the codes of each way a call can end."""

from __future__ import annotations

import pytest

from voxruntime.call.state import (
    TRANSITIONS,
    CallInput,
    CallMachine,
    CallNews,
    CallState,
    Direction,
    Moved,
    OutOfDate,
    reason_of,
)

TO = {
    CallState.ALERTING: (Direction.INCOMING, []),
    CallState.PROGRESSING: (Direction.OUTGOING, []),
    CallState.CONNECTED: (Direction.OUTGOING, [CallInput.FAR_END_ANSWERS]),
    CallState.TERMINATED: (Direction.INCOMING, [CallInput.SCENARIO_REJECTS]),
}


def machine_in(state: CallState) -> CallMachine:
    direction, inputs = TO[state]
    machine = CallMachine(direction)
    for cause in inputs:
        machine.step(cause)
    assert machine.state is state
    return machine


@pytest.mark.parametrize("cause", CallInput)
@pytest.mark.parametrize("state", CallState)
def test_each_input_moves_by_the_table_or_is_out_of_date(state: CallState, cause: CallInput) -> None:
    machine = machine_in(state)

    outcome = machine.step(cause)

    expected = TRANSITIONS.get((state, cause))
    if expected is None:
        assert outcome == OutOfDate(state, cause)
        assert machine.state is state
        assert cause.value in str(outcome)
        assert state.value in str(outcome)
    else:
        assert isinstance(outcome, Moved)
        assert (outcome.old, outcome.new, outcome.news) == (state, expected.state, expected.news)
        assert machine.state is expected.state


def test_nothing_leaves_terminated() -> None:
    assert not [state for state, _ in TRANSITIONS if state is CallState.TERMINATED]


def test_failed_is_only_for_outgoing_calls_that_never_connected() -> None:
    assert {state for (state, _), to in TRANSITIONS.items() if to.news is CallNews.FAILED} == {
        CallState.PROGRESSING
    }


@pytest.mark.parametrize(
    ("state", "cause", "status", "reason"),
    [
        (CallState.ALERTING, CallInput.SCENARIO_REJECTS, 603, "Decline"),
        (CallState.ALERTING, CallInput.FAR_END_HANGS_UP, 487, "Request Terminated"),
        (CallState.ALERTING, CallInput.NOBODY_ANSWERS, 408, "Request Timeout"),
        (CallState.PROGRESSING, CallInput.NOBODY_ANSWERS, 408, "Request Timeout"),
        (CallState.PROGRESSING, CallInput.SCENARIO_HANGS_UP, 487, "Request Terminated"),
        (CallState.CONNECTED, CallInput.SCENARIO_HANGS_UP, 200, "Normal call clearing"),
        (CallState.CONNECTED, CallInput.FAR_END_HANGS_UP, 200, "Normal call clearing"),
    ],
)
def test_an_end_has_the_status_of_its_cause(
    state: CallState, cause: CallInput, status: int, reason: str
) -> None:
    outcome = machine_in(state).step(cause)

    assert isinstance(outcome, Moved)
    assert (outcome.status, outcome.reason) == (status, reason)


def test_the_acting_side_may_give_status_and_reason() -> None:
    refused = machine_in(CallState.PROGRESSING).step(CallInput.FAR_END_REFUSES, status=486)
    named = machine_in(CallState.PROGRESSING).step(
        CallInput.FAR_END_REFUSES, status=480, reason="Out to lunch"
    )

    assert isinstance(refused, Moved)
    assert (refused.status, refused.reason) == (486, "Busy Here")
    assert isinstance(named, Moved)
    assert (named.status, named.reason) == (480, "Out to lunch")


def test_a_step_that_ends_nothing_has_no_status() -> None:
    assert CallMachine(Direction.OUTGOING).step(CallInput.FAR_END_RINGS, status=180) == Moved(
        CallState.PROGRESSING, CallState.PROGRESSING, CallNews.RINGING
    )


def test_reason_of_unknown_status_is_that_of_its_class() -> None:
    assert reason_of(499) == "Request Failure"
    assert reason_of(302) == "Redirected"
    assert reason_of(700) == "Unknown"


def test_direction_decides_the_first_state() -> None:
    incoming, outgoing = CallMachine(Direction.INCOMING), CallMachine(Direction.OUTGOING)

    assert (incoming.direction, incoming.state) == (Direction.INCOMING, CallState.ALERTING)
    assert (outgoing.direction, outgoing.state) == (Direction.OUTGOING, CallState.PROGRESSING)
