"""What a response says: the dialogue's answer to whatever has not been answered yet."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.items import (
    FunctionCallItem,
    FunctionOutputItem,
    Item,
    ItemStatus,
    McpCallItem,
    Message,
)
from voxruntime.emulator.brain.mcp_servers import OfferedTool
from voxruntime.emulator.brain.response_options import ResponseOptions
from voxruntime.emulator.dialogue import Ending
from voxruntime.emulator.dialogue_run import (
    Answer,
    DialogueRun,
    Followup,
    FunctionResult,
    Moment,
    PlannedCall,
)

_SAY = re.compile(r"^\s*(?:say|скажи(?:те)?)\s*:\s*(?P<text>.+?)\s*$", re.IGNORECASE | re.DOTALL)

_QUOTED = re.compile(
    r"\b(?:say|ask|tell|answer|reply|repeat|greet|скаж|спрос|ответь|повтор|поприветств|поздоров|произнес|попрощ)\w*"
    r"[^\"“«]*[\"“«](?P<text>[^\"”»]+)[\"”»]",
    re.IGNORECASE,
)

_INSTRUCTIONS_CHARS = 4000
"""More is not searched for a text to say: nobody puts it behind so much else."""


def verbatim(instructions: str) -> str | None:
    """Returns the text that instructions ask to be said word for word; None when they leave it to the dialogue.

    That is what follows `say:`, or stands in quotation marks after a word for speaking: `Greet the caller with
    "Good evening!"`. A dialogue follows no other instruction; it is not a language model.
    """
    looked_at = instructions[:_INSTRUCTIONS_CHARS]
    found = _SAY.match(looked_at) or _QUOTED.search(looked_at)
    return found["text"].strip() or None if found else None


class Plan(msgspec.Struct, frozen=True):
    """What a response is going to do, and where to return if nobody hears it.

    Attributes:
        say: Text; empty for calls alone.
        calls: Functions to call afterwards.
        ending: How the response ends; "completed", or why it does not come to that.
        moment: Where the dialogue stood before.
        answered: Items that this plan answers.
    """

    say: str
    calls: tuple[PlannedCall, ...]
    ending: Ending
    moment: Moment
    answered: frozenset[str]


class Responder:
    """Plans responses.

    Args:
        run: The dialogue.
        conversation: What was said.
    """

    def __init__(self, run: DialogueRun, conversation: Conversation) -> None:
        self._run = run
        self._conversation = conversation
        self._answered: set[str] = set()
        self._calls: dict[str, PlannedCall] = {}

    @property
    def has_unanswered_output(self) -> bool:
        """Whether a function or tool returned something that no response has taken up."""
        return any(_is_result(item) and item.id not in self._answered for item in self._conversation)

    @property
    def has_something_to_answer(self) -> bool:
        """Whether the caller said something that no response has taken up."""
        return any(
            isinstance(item, Message) and item.role == "user" and item.id not in self._answered
            for item in self._conversation
        )

    def knows_call(self, call_id: str) -> bool:
        """Returns whether a function call of this id was made."""
        return call_id in self._calls or any(
            isinstance(item, FunctionCallItem) and item.call_id == call_id for item in self._conversation
        )

    def disregard(self, item_id: str) -> None:
        """Leaves an item unanswered for ever: nobody spoke in it."""
        self._answered.add(item_id)

    def remember_call(self, call_id: str, call: PlannedCall) -> None:
        """Links a call on the wire, by its call id or its item's, with what the dialogue says about its result."""
        self._calls[call_id] = call

    def plan(
        self,
        options: ResponseOptions,
        offered: Mapping[str, OfferedTool],
        *,
        was_interrupted: bool,
        unknown: frozenset[str],
    ) -> Plan:
        """Returns what a response does; unless it is apart from the conversation, the dialogue moves on.

        Args:
            options: What holds for the response.
            offered: MCP tools that it may call, besides functions.
            was_interrupted: Whether the caller spoke into the last answer.
            unknown: Items whose text is not known yet; a later response answers them.
        """
        moment = self._run.moment
        skipped = self._answered | unknown
        items = [item for item in self._conversation if item.id not in skipped]
        heard = items if options.input is None else list(options.input)
        tools = options.tools | offered.keys()
        answer = self._answer(heard, options, tools, was_interrupted=was_interrupted)
        must_call = options.must_call
        if options.must_call_mcp and not must_call:
            must_call = options.must_call_mcp.choose(offered)
        if must_call and not answer.calls:
            answer = Answer(calls=(PlannedCall(must_call, "{}", Followup()),))
        answered = frozenset(item.id for item in items)
        if options.in_conversation:
            self._answered |= answered
        else:
            self._run.return_to(moment)
            answered = frozenset()
        plan = Plan(answer.say, answer.calls, answer.ending, moment, answered)
        return _within_limit(plan, options.max_tokens)

    def undo(self, plan: Plan) -> None:
        """Takes back a plan of which nothing was heard."""
        self._run.return_to(plan.moment)
        self._answered -= plan.answered

    def _answer(
        self, items: list[Item], options: ResponseOptions, tools: frozenset[str], *, was_interrupted: bool
    ) -> Answer:
        if text := verbatim(options.instructions):
            self._run.begin()
            return Answer(text)
        results = [self._result(item) for item in items if _is_result(item)]
        texts = [item.text for item in items if isinstance(item, Message) and item.role == "user"]
        if not results and not texts:
            return self._run.continue_after_silence(tools=tools)
        reported = self._run.report(results) if results else Answer()
        if not texts:
            return reported
        answer = self._run.hear(texts, was_interrupted=was_interrupted, tools=tools)
        return msgspec.structs.replace(answer, say=f"{reported.say} {answer.say}".strip())

    def _result(self, item: Item) -> FunctionResult:
        unplanned = PlannedCall("", "{}", Followup())
        if isinstance(item, McpCallItem):
            call = self._calls.get(item.id, unplanned)
            if item.error is not None:
                return FunctionResult(call, str(item.error.get("message", "")), is_failure=True)
            return FunctionResult(call, item.output or "")
        assert isinstance(item, FunctionOutputItem)
        return FunctionResult(self._calls.get(item.call_id, unplanned), item.output)


def _is_result(item: Item) -> bool:
    """Returns whether an item is what a function or a tool returned."""
    if isinstance(item, McpCallItem):
        return item.status is ItemStatus.COMPLETED
    return isinstance(item, FunctionOutputItem)


def _within_limit(plan: Plan, max_tokens: int | None) -> Plan:
    words = plan.say.split()
    if max_tokens is None or len(words) <= max_tokens:
        return plan
    return msgspec.structs.replace(
        plan, say=" ".join(words[:max_tokens]), calls=(), ending="max_output_tokens"
    )
