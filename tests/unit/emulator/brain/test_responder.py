"""Contract of emulator/brain/responder.py."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.items import (
    AudioPart,
    FunctionCallItem,
    FunctionOutputItem,
    Item,
    Message,
    TextPart,
)
from voxruntime.emulator.brain.responder import Plan, Responder, verbatim
from voxruntime.emulator.brain.response_options import Origin, ResponseOptions
from voxruntime.emulator.brain.session_config import AudioOutput
from voxruntime.emulator.brain.wire import Outbox
from voxruntime.emulator.dialogue import parse
from voxruntime.emulator.dialogue_run import DialogueRun
from voxruntime.emulator.profiles import OPENAI

TALK = parse(
    """
    [state.a]
    say = "Welcome."
    no_match = "What?"
    barge_in = "Go on."
    silence = "Hm?"

    [[state.a.expect]]
    phrases = ["one"]
    say = "First of all."
    next = "b"

    [[state.a.expect]]
    phrases = ["call"]
    call = "f"
    result = "It is {result}."

    [state.b]

    [[state.b.expect]]
    phrases = ["two"]
    say = "Second."
    """,
    "talk.toml",
)


class Stage:
    """A responder and its conversation."""

    def __init__(self) -> None:
        numbers = count(1)
        self.conversation = Conversation("conv", OPENAI, Outbox(lambda prefix: f"{prefix}_{next(numbers)}"))
        self.responder = Responder(DialogueRun(TALK), self.conversation)
        self._names = count(1)

    def write(self, text: str) -> str:
        return self.add(Message(f"user_{next(self._names)}", "user", [TextPart("input_text", text)]))

    def add(self, item: Item) -> str:
        self.conversation.add(item)
        return item.id

    def plan(
        self,
        *,
        interrupted: bool = False,
        unknown: frozenset[str] = frozenset(),
        **fields: object,
    ) -> Plan:
        options = ResponseOptions(
            **{
                "origin": Origin.CLIENT,
                "modality": "text",
                "output": AudioOutput(),
                "tools": frozenset({"f"}),
                **fields,
            }
        )
        return self.responder.plan(options, {}, was_interrupted=interrupted, unknown=unknown)


@pytest.mark.parametrize(
    ("instructions", "text"),
    [
        ("say: Good evening!", "Good evening!"),
        ("  Say : two\nlines  ", "two\nlines"),
        ("Скажи: привет", "привет"),
        ('Greet the caller with "Hello, Ann!" and wait.', "Hello, Ann!"),
        ("Поздоровайся словами «Добрый день» и жди", "Добрый день"),
        ("Please answer: “Yes.”", "Yes."),
        ("Greet the caller warmly.", None),
        ('The shop is called "Rose".', None),
        ('You are an essay "critic"', None),
        ("say:", None),
        ("", None),
    ],
)
def test_words_that_are_to_be_said_as_they_stand(instructions: str, text: str | None) -> None:
    assert verbatim(instructions) == text


def test_empty_conversation_is_greeted() -> None:
    assert Stage().plan().say == "Welcome."


def test_system_messages_are_not_answered() -> None:
    stage = Stage()
    stage.add(Message("s", "system", [TextPart("input_text", "one")]))
    assert stage.plan().say == "Welcome."


def test_instructions_come_before_the_dialogue_and_answer_what_was_said() -> None:
    stage = Stage()
    stage.write("one")
    assert stage.plan(instructions="say: Exactly this.").say == "Exactly this."
    assert stage.plan().say == "Hm?"


def test_each_item_is_answered_once() -> None:
    stage = Stage()
    stage.write("one")
    assert stage.plan().say == "First of all."
    stage.write("two")
    assert stage.plan().say == "Second."


def test_item_that_is_not_understood_yet_waits_for_a_later_response() -> None:
    stage = Stage()
    first = stage.write("one")
    second = stage.write("two")
    assert stage.plan(unknown=frozenset({second})).say == "First of all."
    assert stage.plan().say == "Second."
    assert first != second


def test_spoken_words_count_like_written_ones() -> None:
    stage = Stage()
    part = AudioPart("input_audio", 8000, [np.zeros(8, dtype=np.int16)], transcript="one")
    stage.add(Message("u", "user", [part]))
    assert stage.plan().say == "First of all."


def test_interruption_is_told_to_the_dialogue() -> None:
    stage = Stage()
    stage.plan()
    stage.write("mumble")
    assert stage.plan(interrupted=True).say == "Go on."


def test_silent_item_is_silence() -> None:
    stage = Stage()
    stage.plan()
    stage.responder.disregard(stage.write(""))
    assert stage.plan().say == "Hm?"


def test_function_result_is_told() -> None:
    stage = Stage()
    stage.write("call")
    [call] = stage.plan().calls
    stage.responder.remember_call("call_1", call)
    stage.add(FunctionOutputItem("o", "call_1", "42"))
    assert stage.responder.has_unanswered_output
    assert stage.plan().say == "It is 42."
    assert not stage.responder.has_unanswered_output


def test_result_and_words_are_answered_together() -> None:
    stage = Stage()
    stage.write("call")
    [call] = stage.plan().calls
    stage.responder.remember_call("call_1", call)
    stage.add(FunctionOutputItem("o", "call_1", "42"))
    stage.write("one")
    assert stage.plan().say == "It is 42. First of all."


def test_result_of_a_call_the_dialogue_did_not_make() -> None:
    stage = Stage()
    stage.add(FunctionCallItem("c", "call_9", "g", "{}"))
    stage.add(FunctionOutputItem("o", "call_9", "42"))
    assert stage.responder.knows_call("call_9")
    assert not stage.responder.knows_call("call_8")
    assert stage.plan().say == "All right."


def test_response_beside_the_conversation_changes_nothing() -> None:
    stage = Stage()
    stage.write("one")
    assert stage.plan(in_conversation=False).say == "First of all."
    assert stage.plan().say == "First of all."


def test_own_input_takes_the_place_of_the_conversation() -> None:
    stage = Stage()
    stage.write("one")
    given = (Message("x", "user", [TextPart("input_text", "call")]),)
    assert [call.name for call in stage.plan(input=given, in_conversation=False).calls] == ["f"]


def test_function_that_must_be_called_is_called() -> None:
    stage = Stage()
    stage.write("one")
    plan = stage.plan(must_call="f")
    assert (plan.say, [(call.name, call.arguments) for call in plan.calls]) == ("", [("f", "{}")])


def test_call_of_the_dialogue_satisfies_the_demand() -> None:
    stage = Stage()
    stage.write("call")
    assert [call.name for call in stage.plan(must_call="other").calls] == ["f"]


def test_limit_of_tokens_cuts_words_and_calls() -> None:
    stage = Stage()
    stage.write("one")
    plan = stage.plan(max_tokens=2)
    assert (plan.say, plan.calls, plan.ending) == ("First of", (), "max_output_tokens")
    assert stage.plan(max_tokens=2).ending == "completed"


def test_undone_plan_is_planned_again() -> None:
    stage = Stage()
    stage.write("one")
    stage.responder.undo(stage.plan())
    assert stage.plan().say == "First of all."
