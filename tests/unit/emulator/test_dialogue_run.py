"""Contract of emulator/dialogue_run.py."""

from __future__ import annotations

import json

import pytest

from voxruntime.emulator.dialogue import parse
from voxruntime.emulator.dialogue_run import Answer, DialogueRun, FunctionResult, PlannedCall

TOOLS = frozenset({"get_balance", "get_time", "get_sky"})

TALK = parse(
    """
    [state.desk]
    say = "Welcome."

    [[state.desk.expect]]
    phrases = ["pay my bill"]
    say = "Paying after '{heard}'."

    [[state.desk.expect]]
    phrases = ["balance"]
    say = "One moment."
    call = "get_balance"
    arguments = { account = "{heard}", limit = 3 }
    result = "You have {result.amount}."
    next = "room"

    [[state.desk.expect]]
    phrases = ["sky and time"]
    calls = [{ call = "get_sky" }, { call = "get_time" }]
    result = "{get_sky.now} at {get_time}"

    [[state.desk.expect]]
    phrases = ["secret"]
    call = "undeclared"

    [[state.desk.expect]]
    phrases = ["*"]
    say = "Anything."

    [state.room]
    say = "The room."
    no_match = "What?"
    barge_in = "Go on."
    silence = { say = "Hm?", next = "desk" }

    [[state.room.expect]]
    phrases = ["back"]
    next = "desk"
    """,
    "talk.toml",
)


def run_in(state: str) -> DialogueRun:
    run = DialogueRun(TALK)
    run.greet()
    if state == "room":
        hear(run, "balance")
    return run


def hear(run: DialogueRun, *texts: str, interrupted: bool = False) -> Answer:
    return run.hear(texts, was_interrupted=interrupted, tools=TOOLS)


def result_of(call: PlannedCall, output: str) -> FunctionResult:
    return FunctionResult(call, output)


def test_first_answer_without_words_is_the_greeting() -> None:
    assert DialogueRun(TALK).continue_after_silence(tools=TOOLS).say == "Welcome."


def test_unknown_words_at_the_very_beginning_are_greeted() -> None:
    run = DialogueRun(parse('[state.a]\nsay = "Welcome."\nno_match = "What?"', "a"))
    assert [hear(run, "mumble").say, hear(run, "mumble").say] == ["Welcome.", "What?"]


def test_greeting_has_a_default() -> None:
    assert DialogueRun(parse("[state.a]", "a")).greet().say == "Hello."


def test_known_words_at_the_beginning_are_answered() -> None:
    assert hear(DialogueRun(TALK), "pay my bill").say == "Paying after 'pay my bill'."


def test_sentence_in_two_turns_is_understood() -> None:
    assert hear(run_in("desk"), "I want to pay", "my bill").say == "Paying after 'I want to pay my bill'."


def test_newest_words_count_first() -> None:
    assert hear(run_in("desk"), "balance", "pay my bill").say == "Paying after 'pay my bill'."


def test_earlier_words_count_when_the_newest_say_nothing() -> None:
    assert hear(run_in("desk"), "pay my bill", "").say == "Paying after 'pay my bill'."


def test_any_words_rule_takes_what_no_phrase_takes() -> None:
    assert hear(run_in("desk"), "mumble").say == "Anything."


def test_nothing_understood_is_no_match_and_not_any_words() -> None:
    assert hear(run_in("desk"), "").say == "Sorry, I did not understand that."


def test_no_match_of_the_state() -> None:
    assert hear(run_in("room"), "mumble").say == "What?"


def test_barge_in_takes_the_place_of_no_match_after_an_interruption() -> None:
    assert hear(run_in("room"), "mumble", interrupted=True).say == "Go on."
    assert hear(run_in("desk"), "", interrupted=True).say == "Sorry, I did not understand that."


def test_match_comes_before_barge_in() -> None:
    assert hear(run_in("room"), "back", interrupted=True).say == "Welcome."


def test_call_is_made_with_the_arguments_of_the_rule() -> None:
    answer = hear(run_in("desk"), "balance")
    assert answer.say == "One moment."
    assert [call.name for call in answer.calls] == ["get_balance"]
    assert json.loads(answer.calls[0].arguments) == {"account": "balance", "limit": 3}


def test_next_state_speaks_after_the_result() -> None:
    run = run_in("desk")
    call = hear(run, "balance").calls[0]
    assert run.phrases == ("back",)
    assert run.report([result_of(call, '{"amount": 12.0}')]).say == "You have 12. The room."


def test_undeclared_function_is_not_called() -> None:
    assert hear(run_in("desk"), "secret") == Answer("All right.")


def test_undeclared_function_leaves_the_words_and_the_next_state() -> None:
    run = DialogueRun(TALK)
    assert run.hear(["balance"], was_interrupted=False, tools=frozenset()) == Answer("One moment. The room.")


def test_results_of_several_calls_are_told_when_all_are_there() -> None:
    run = run_in("desk")
    sky, time = hear(run, "sky and time").calls
    assert run.report([result_of(sky, '{"now": "blue"}')]).say == "All right."
    assert run.report([result_of(time, "noon")]).say == "blue at noon"


def test_same_rule_used_again_knows_nothing_of_earlier_results() -> None:
    run = run_in("desk")
    for sky, time in (hear(run, "sky and time").calls, hear(run, "sky and time").calls):
        assert run.report([result_of(time, "noon")]).say == "All right."
        assert run.report([result_of(sky, '{"now": "grey"}')]).say == "grey at noon"


def test_output_that_is_no_json_is_text() -> None:
    run = run_in("desk")
    call = hear(run, "balance").calls[0]
    assert run.report([result_of(call, "[" * 100_000)]).say.startswith("You have {result.amount}.")


@pytest.mark.parametrize(("state", "said"), [("desk", "Welcome."), ("room", "Hm? Welcome.")])
def test_silence_is_answered_by_its_reaction_or_by_the_state_again(state: str, said: str) -> None:
    assert run_in(state).continue_after_silence(tools=TOOLS).say == said


def test_move_can_be_taken_back() -> None:
    run = run_in("desk")
    before = run.moment
    hear(run, "balance")
    run.return_to(before)
    assert hear(run, "pay my bill").say.startswith("Paying")


def test_conversation_begun_by_other_words_is_not_greeted_again() -> None:
    run = DialogueRun(TALK)
    run.begin()
    assert hear(run, "").say == "Sorry, I did not understand that."


def test_another_dialogue_takes_over_where_it_has_the_state_and_the_language() -> None:
    run = DialogueRun(TALK)
    run.greet()
    run.hear(["balance"], was_interrupted=False, tools=TOOLS)
    before = run.moment
    other = parse(
        '[state.room]\nsay = "Other."\n[[state.room.expect]]\nphrases = ["door"]\nsay = "It is open."',
        "other.toml",
    )
    assert not run.replace(parse('[state.hall]\nsay = "Hall."', "other.toml"))
    assert not run.replace(parse('language = "ru-RU"\n[state.room]\nsay = "Комната."', "other.toml"))
    assert run.moment == before
    assert run.replace(other)
    assert run.phrases == ("door",)
    assert run.hear(["door"], was_interrupted=False, tools=TOOLS) == Answer("It is open.")


def test_a_move_is_not_taken_back_to_a_state_that_another_dialogue_does_not_have() -> None:
    run = DialogueRun(TALK)
    run.greet()
    in_desk = run.moment
    run.hear(["balance"], was_interrupted=False, tools=TOOLS)
    assert run.replace(parse('[state.room]\nsay = "Other."', "other.toml"))
    after = run.moment
    run.return_to(in_desk)
    assert run.moment == after
