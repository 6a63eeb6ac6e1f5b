"""Dialogue files: what the embedded server may hear, and what it then says or which function it calls.

A dialogue is a set of states. It starts in the state named by `start`, else in the first one; that state's `say` is
the greeting. In a state, the rules under `expect` are tried on what the caller said: a phrase is met when its words,
side by side, are among the words heard; the longest phrase met decides, and "*" is met by any words. Rules outside
all states hold in every state. A reaction says something, calls functions, or both, and may go on to the `next`
state, whose `say` then follows.

```toml
language = "en-US"

[state.desk]
say = "Hello! Ask for your balance, or say goodbye."
no_match = "Sorry, I did not understand."
silence = "Are you still there?"
barge_in = "Yes?"

[[state.desk.expect]]
phrases = ["what is my balance", "balance please"]
say = "One moment."
call = "get_balance"
arguments = { account = "main" }
result = "You have {result.amount} {result.currency}."

[[expect]]
phrases = ["goodbye", "bye bye"]
say = "Goodbye!"
call = "hangup_call"
```

A function that the session did not declare is not called; the reaction then only says its text. That is how a
dialogue ends with any scenario: one that declares `hangup_call` is told by a function call, another by the words.
`{heard}` is what was understood, `{result.field}` or `{function_name.field}` what a function returned, as JSON;
`{result}` is all of it.

`call` also names a tool of an MCP server that the session declared. The embedded server then asks the MCP server itself,
after the client's approval where the session wants one, and says `result` without being asked for a response; when the
tool or its server fails, it says `failed`, in which `{result}` is the reason.

```toml
[[state.desk.expect]]
phrases = ["what does tea cost"]
say = "Let me look."
call = "price"
arguments = { item = "tea" }
result = "Tea is {result.euro} euro."
failed = "The shop does not answer."
```

`ending` has the response end behind `say` as "failed", or as incomplete for "max_output_tokens" or "content_filter".
The table `[server]` sets how the server behaves (see `brain.behaviour`), in any dialogue:

```toml
[server]
max_session_s = 60             # then `session_expired`, and close 1001
mcp_continues = false          # the client asks for what an MCP tool returned
spoken_text = "transcript"     # or "text": events that stream the text of speech, in place of the provider's own
transcription_deltas = true
transcription_segments = true
output_buffer_events = true    # output_audio_buffer.started, .stopped, .cleared
dtmf_events = false            # keypad tones are not told
faults = ["drop:20"]           # as `voxrt emulator --fault`
pace = { delta_ms = 20, times_realtime = 1.0 }
```
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.faults import parse_fault
from voxruntime.emulator.wording import contains, placeholders
from voxruntime.errors import ConfigError
from voxruntime.speech.phrases import words
from voxruntime.typed_toml import KeyPath, Places, nearest, read

JsonObject = dict[str, object]

ANY_WORDS = "*"
"""The phrase that any words meet. Recognisers are not offered it."""

Occasion = Literal["no_match", "silence", "barge_in"]

OCCASIONS: tuple[Occasion, ...] = ("no_match", "silence", "barge_in")

_FOLDER = Path(__file__).parent / "dialogues"


Ending = Literal["completed", "failed", "max_output_tokens", "content_filter"]


class FunctionCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One function to call."""

    call: str
    arguments: JsonObject = {}


class Reaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the dialogue does.

    Attributes:
        say: What is said first.
        call: Name of a function, or of an MCP server's tool, to call.
        arguments: Its arguments.
        calls: Several of them to call in one response.
        result: What is said when they have returned.
        failed: What is said in place of `result` when an MCP server's tool failed.
        next: State to go on to.
        ending: How the response ends behind `say`, where it is not to be completed: functions are not called then.
    """

    say: str = ""
    call: str = ""
    arguments: JsonObject = {}
    calls: list[FunctionCall] = []
    result: str = ""
    failed: str = ""
    next: str = ""
    ending: Ending = "completed"

    def all_calls(self) -> list[FunctionCall]:
        """Returns `call` and `calls` as one list."""
        single = [FunctionCall(self.call, self.arguments)] if self.call else []
        return single + self.calls


class Rule(Reaction, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A reaction to one of some phrases."""

    phrases: list[str]


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One state of a dialogue.

    Attributes:
        say: What is said when the state is entered.
        expect: Rules for what the caller may say.
        no_match: Reaction when no rule is met. A string is what to say.
        silence: Reaction when an answer is asked for and the caller has said nothing.
        barge_in: Reaction in place of `no_match` to words that interrupted the assistant.
    """

    say: str = ""
    expect: list[Rule] = []
    no_match: str | Reaction | None = None
    silence: str | Reaction | None = None
    barge_in: str | Reaction | None = None


class Dialogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """A whole dialogue file; what stands outside the states holds in each state that has nothing of its own.

    Attributes:
        language: BCP-47 tag of what is heard and said.
        voice: Voice when the session names none; empty lets the synthesizer choose.
        start: State of the beginning; the first one when empty.
        server: How the server behaves.
        state: States by name.
    """

    language: str = "en-US"
    voice: str = ""
    start: str = ""
    expect: list[Rule] = []
    no_match: str | Reaction | None = None
    silence: str | Reaction | None = None
    barge_in: str | Reaction | None = None
    server: Behaviour = msgspec.field(default_factory=Behaviour)
    state: dict[str, State]

    @cached_property
    def first_state(self) -> str:
        """Name of the state in which the dialogue starts."""
        return self.start or next(iter(self.state))

    def phrases(self, state_name: str) -> tuple[str, ...]:
        """Returns what a recogniser is offered in a state."""
        rules = self._rules(state_name)
        return tuple(phrase for rule in rules for phrase in rule.phrases if phrase != ANY_WORDS)

    def rule_for(self, state_name: str, text: str) -> Rule | None:
        """Returns the rule of a state whose longest phrase a text meets; None when it meets none."""
        heard = words(text)
        met = [
            (len(words(phrase)), rule)
            for rule in self._rules(state_name)
            for phrase in rule.phrases
            if phrase != ANY_WORDS and contains(heard, words(phrase))
        ]
        return max(met, key=lambda pair: pair[0])[1] if met else None

    def rule_for_any_words(self, state_name: str) -> Rule | None:
        """Returns the rule of a state that any words meet; None when it has none."""
        return next((rule for rule in self._rules(state_name) if ANY_WORDS in rule.phrases), None)

    def reaction(self, state_name: str, occasion: Occasion) -> Reaction | None:
        """Returns what a state, or else the whole dialogue, does on an occasion; None when neither says so."""
        own: str | Reaction | None = getattr(self.state[state_name], occasion)
        common: str | Reaction | None = getattr(self, occasion)
        reaction = own if own is not None else common
        return Reaction(say=reaction) if isinstance(reaction, str) else reaction

    def _rules(self, state_name: str) -> list[Rule]:
        return self.state[state_name].expect + self.expect


def parse(text: str, name: str) -> Dialogue:
    """Returns the dialogue that a TOML text describes.

    Args:
        text: The content of a dialogue file.
        name: The file's name, for errors.

    Raises:
        ConfigError: The text is no TOML or no dialogue; file, line and key say where.
    """
    dialogue, places = read(text, name, Dialogue)
    _Check(dialogue, places).run()
    return dialogue


def load(path: Path, language: str | None = None) -> Dialogue:
    """Returns the dialogue in a file.

    Args:
        path: The file.
        language: BCP-47 tag in place of the file's own.

    Raises:
        ConfigError: The file cannot be read, or is no dialogue.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"Cannot read the dialogue file: {error.strerror}."
        raise ConfigError("config.dialogue", message, file=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("config.dialogue", "The dialogue file is no UTF-8 text.", file=str(path)) from None
    dialogue = parse(text, str(path))
    return msgspec.structs.replace(dialogue, language=language) if language else dialogue


def builtin(language: str = "en-US") -> Dialogue:
    """Returns the dialogue of a server that was given none: it greets, repeats what it heard, ends on goodbye.

    Args:
        language: BCP-47 tag; Russian and English have texts of their own, other languages hear the English ones.
    """
    family = language.partition("-")[0].lower()
    path = _FOLDER / f"{family}.toml"
    return load(path if family in _BUILTIN_LANGUAGES else _FOLDER / "en.toml", language)


_BUILTIN_LANGUAGES = frozenset({"en", "ru"})


class Texts(msgspec.Struct, frozen=True):
    """What is said where a dialogue leaves it open."""

    greeting: str
    no_match: str
    assent: str
    failed: str


_ENGLISH = Texts("Hello.", "Sorry, I did not understand that.", "All right.", "Sorry, that did not work.")

TEXTS = MappingProxyType(
    {
        "en": _ENGLISH,
        "ru": Texts(
            "Здравствуйте.", "Извините, повторите, пожалуйста.", "Хорошо.", "Извините, не получилось."
        ),
    }
)


def default_texts(language: str) -> Texts:
    """Returns the texts of a language, English when it has none."""
    return TEXTS.get(language.partition("-")[0].lower(), _ENGLISH)


class _Check:
    """Finds what types alone cannot: names that lead nowhere, rules that say nothing, phrases that compete."""

    def __init__(self, dialogue: Dialogue, places: Places) -> None:
        self._dialogue = dialogue
        self._places = places

    def run(self) -> None:
        """Raises ConfigError at the first fault."""
        dialogue = self._dialogue
        if not dialogue.state:
            raise self._places.error((), "A dialogue needs at least one state: add a table [state.start].")
        for index, spec in enumerate(dialogue.server.faults):
            try:
                parse_fault(spec)
            except ConfigError as error:
                raise self._places.error(("server", "faults", index), error.message) from None
        if dialogue.start:
            self._require_state(dialogue.start, ("start",))
        self._check_rules(dialogue.expect, ("expect",))
        self._check_occasions(dialogue, ())
        for name, state in dialogue.state.items():
            self._check_rules(state.expect, ("state", name, "expect"))
            self._check_occasions(state, ("state", name))
            self._check_placeholders(state.say, (), ("state", name, "say"))

    def _check_rules(self, rules: list[Rule], path: KeyPath) -> None:
        lines: dict[tuple[str, ...], int] = {}
        for index, rule in enumerate(rules):
            place = (*path, index, "phrases")
            if not rule.phrases:
                raise self._places.error(
                    place, "'phrases' is empty: name at least one, or \"*\" for any words."
                )
            for phrase in rule.phrases:
                key = (ANY_WORDS,) if phrase == ANY_WORDS else tuple(words(phrase))
                if not key:
                    raise self._places.error(place, f"The phrase '{phrase}' has no word in it.")
                if key in lines:
                    message = f"The phrase '{phrase}' is expected twice, first in line {lines[key]}."
                    raise self._places.error(place, message)
                lines[key] = self._places.line(place)
            self._check_reaction(rule, (*path, index))

    def _check_occasions(self, holder: State | Dialogue, path: KeyPath) -> None:
        for occasion in OCCASIONS:
            reaction: str | Reaction | None = getattr(holder, occasion)
            if isinstance(reaction, str):
                self._check_placeholders(reaction, ("heard",), (*path, occasion))
            elif reaction is not None:
                self._check_reaction(reaction, (*path, occasion))

    def _check_reaction(self, reaction: Reaction, path: KeyPath) -> None:
        calls = reaction.all_calls()
        if not (reaction.say or calls or reaction.next or reaction.ending != "completed"):
            raise self._places.error(path, "A reaction needs 'say', 'call', 'calls' or 'next'.")
        if calls and reaction.ending != "completed":
            raise self._places.error((*path, "ending"), "'ending' leaves no time to call anything.")
        needs: dict[str, object] = {"arguments": reaction.call, "result": calls, "failed": calls}
        for key, needed in needs.items():
            if getattr(reaction, key) and not needed:
                raise self._places.error((*path, key), f"'{key}' has no meaning without 'call'.")
        if reaction.next:
            self._require_state(reaction.next, (*path, "next"))
        self._check_placeholders(reaction.say, ("heard",), (*path, "say"))
        names = ("result", *(function.call for function in calls))
        for key in ("result", "failed"):
            self._check_placeholders(getattr(reaction, key), names, (*path, key))

    def _check_placeholders(self, template: str, names: tuple[str, ...], path: KeyPath) -> None:
        for placeholder in placeholders(template):
            name = placeholder.partition(".")[0]
            if name not in names:
                known = ", ".join(f"{{{known}}}" for known in names) or "none"
                message = f"'{{{placeholder}}}' has no value here.{nearest(name, names)} Known: {known}."
                raise self._places.error(path, message)

    def _require_state(self, name: str, path: KeyPath) -> None:
        if name not in self._dialogue.state:
            known = ", ".join(self._dialogue.state)
            message = (
                f"There is no state '{name}'.{nearest(name, self._dialogue.state)} Known states: {known}."
            )
            raise self._places.error(path, message)
