"""One conversation led by a dialogue: which state it is in, and what it answers.

A `DialogueRun` decides; it neither hears nor speaks. Each method returns the answer and moves on; `moment` and
`return_to` take a move back, for an answer that was never heard.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from voxruntime.emulator.dialogue import Dialogue, Ending, Reaction, Rule, default_texts
from voxruntime.emulator.wording import fill

JsonObject = dict[str, object]


class Followup(msgspec.Struct, frozen=True, eq=False):
    """What is said once all functions of one reaction have returned.

    Attributes:
        result: Template for their results.
        entry: What the state that was entered meanwhile says.
        failed: Template for the reason, when a tool failed.
        awaited: Names of the functions.
        returned: What they returned so far, by name, and as `result` the newest of it.
        failures: Names of those that failed.
    """

    result: str = ""
    entry: str = ""
    failed: str = ""
    awaited: frozenset[str] = frozenset()
    returned: JsonObject = msgspec.field(default_factory=dict)
    failures: set[str] = msgspec.field(default_factory=set)

    def text(self) -> str:
        """Returns what to say; nothing while a function has not returned."""
        if not self.awaited <= self.returned.keys():
            return ""
        template = self.failed if self.failures else self.result
        return _joined([fill(template, self.returned), self.entry])


class PlannedCall(msgspec.Struct, frozen=True):
    """A function to call. `arguments` is JSON text."""

    name: str
    arguments: str
    followup: Followup


class Answer(msgspec.Struct, frozen=True):
    """What the assistant does: says a text, then calls functions; either may be missing, as may a good end."""

    say: str = ""
    calls: tuple[PlannedCall, ...] = ()
    ending: Ending = "completed"


class FunctionResult(msgspec.Struct, frozen=True):
    """What a function or tool returned, JSON or not, or why it failed."""

    call: PlannedCall
    output: str
    is_failure: bool = False


class Moment(msgspec.Struct, frozen=True):
    """A point of the conversation to which it can return."""

    state: str
    has_begun: bool


class DialogueRun:
    """Leads one conversation.

    Args:
        dialogue: What is expected and said.
    """

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._texts = default_texts(dialogue.language)
        self._now = Moment(dialogue.first_state, has_begun=False)

    def replace(self, dialogue: Dialogue) -> bool:
        """Goes on with another dialogue; False when it has no such state, or another language."""
        if self._now.state not in dialogue.state or dialogue.language != self._dialogue.language:
            return False
        self._dialogue = dialogue
        return True

    @property
    def phrases(self) -> tuple[str, ...]:
        """What a recogniser is offered now."""
        return self._dialogue.phrases(self._now.state)

    @property
    def moment(self) -> Moment:
        """Where the conversation stands."""
        return self._now

    def return_to(self, moment: Moment) -> None:
        """Takes back what was decided since `moment`, unless another dialogue has taken over meanwhile."""
        if moment.state in self._dialogue.state:
            self._now = moment

    def begin(self) -> None:
        """Marks the conversation as begun by words that are not the dialogue's."""
        self._go(self._now.state)

    def hear(self, texts: Sequence[str], *, was_interrupted: bool, tools: frozenset[str]) -> Answer:
        """Returns the answer to what the caller said.

        Args:
            texts: Utterances not answered yet, oldest first; an empty one was not understood.
            was_interrupted: Whether the caller spoke into the assistant's last answer.
            tools: Functions that may be called.
        """
        rule, heard = self._best(texts)
        if rule is None and not self._now.has_begun:
            return self.greet()
        reaction = rule or (self._on_barge_in() if was_interrupted else None) or self._on_no_match()
        return self._react(reaction, heard, tools)

    def greet(self) -> Answer:
        """Returns what the first state says."""
        self._go(self._now.state)
        return Answer(self._entry_of(self._now.state) or self._texts.greeting)

    def continue_after_silence(self, *, tools: frozenset[str]) -> Answer:
        """Returns the answer when one is asked for and nothing new was said: at first, the greeting."""
        if not self._now.has_begun:
            return self.greet()
        reaction = self._dialogue.reaction(self._now.state, "silence")
        if reaction is None:
            return Answer(self._entry_of(self._now.state) or self._texts.assent)
        return self._react(reaction, "", tools)

    def report(self, results: Sequence[FunctionResult]) -> Answer:
        """Returns the answer to what functions returned."""
        self._go(self._now.state)
        for result in results:
            returned = result.call.followup.returned
            returned["result"] = returned[result.call.name] = _decoded(result.output)
            if result.is_failure:
                result.call.followup.failures.add(result.call.name)
        followups = dict.fromkeys(result.call.followup for result in results)
        return Answer(_joined([step.text() for step in followups]) or self._texts.assent)

    def _best(self, texts: Sequence[str]) -> tuple[Rule | None, str]:
        """Returns the rule that the texts meet, and the text that met it.

        The newest counts first. A caller who pauses in mid-sentence makes two turns of it, so it is also tried
        together with the one before.
        """
        spoken = [text for text in texts if text]
        for text in (*spoken[-1:], " ".join(spoken[-2:]), *reversed(spoken[:-1])):
            if rule := self._dialogue.rule_for(self._now.state, text):
                return rule, text
        if not spoken:
            return None, ""
        return self._dialogue.rule_for_any_words(self._now.state), spoken[-1]

    def _on_barge_in(self) -> Reaction | None:
        return self._dialogue.reaction(self._now.state, "barge_in")

    def _on_no_match(self) -> Reaction:
        reaction = self._dialogue.reaction(self._now.state, "no_match")
        return reaction or Reaction(say=self._texts.no_match)

    def _react(self, reaction: Reaction, heard: str, tools: frozenset[str]) -> Answer:
        values: JsonObject = {"heard": heard} if heard else {"heard": "…"}
        self._go(reaction.next or self._now.state)
        entry = self._entry_of(reaction.next) if reaction.next else ""
        said = fill(reaction.say, values)
        called = [function for function in reaction.all_calls() if function.call in tools]
        failed = reaction.failed or self._texts.failed
        followup = Followup(reaction.result, entry, failed, frozenset(call.call for call in called))
        calls = tuple(
            PlannedCall(function.call, _encoded(function.arguments, values), followup) for function in called
        )
        if calls:
            return Answer(said, calls)
        if reaction.ending != "completed":
            return Answer(said, ending=reaction.ending)
        return Answer(_joined([said, entry]) or self._texts.assent)

    def _entry_of(self, state: str) -> str:
        return self._dialogue.state[state].say

    def _go(self, state: str) -> None:
        self._now = Moment(state, has_begun=True)


def _joined(texts: Sequence[str]) -> str:
    return " ".join(text for text in texts if text)


def _encoded(arguments: JsonObject, values: JsonObject) -> str:
    filled = {
        key: fill(value, values) if isinstance(value, str) else value for key, value in arguments.items()
    }
    return msgspec.json.encode(filled).decode()


def _decoded(output: str) -> object:
    try:
        decoded: object = msgspec.json.decode(output)
    except (msgspec.DecodeError, RecursionError):
        return output
    return decoded
