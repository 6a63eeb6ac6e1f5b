"""Contract of emulator/dialogue.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxruntime.emulator.dialogue import Reaction, builtin, default_texts, load, parse
from voxruntime.errors import ConfigError

WHOLE = """\
language = "ru-RU"
voice = "marina"
start = "desk"
no_match = "What?"

[state.hall]
say = "The hall."

[state.desk]
say = "The desk."
silence = { say = "Hm?", next = "hall" }

[[state.desk.expect]]
phrases = ["my balance", "balance please"]
say = "One moment."
call = "get_balance"
arguments = { account = "main", digits = [1, 2] }
result = "{result.amount} and {get_balance.amount}"

[[state.desk.expect]]
phrases = ["*"]
say = "You said {heard}."

[server]
faults = ["drop:20"]
pace = { delta_ms = 20 }

[[expect]]
phrases = ["goodbye"]
calls = [{ call = "log" }, { call = "hangup_call", arguments = { why = "{heard}" } }]
"""


def error_of(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text, "talk.toml")
    return caught.value


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_whole_file_is_read() -> None:
    dialogue = parse(WHOLE, "talk.toml")
    assert (dialogue.language, dialogue.voice, dialogue.first_state) == ("ru-RU", "marina", "desk")
    assert list(dialogue.state) == ["hall", "desk"]


def test_first_state_is_the_first_of_the_file_without_start() -> None:
    assert parse(WHOLE.replace('start = "desk"\n', ""), "talk.toml").first_state == "hall"


def test_phrases_are_those_of_the_state_and_those_of_all_states_but_not_any_words() -> None:
    assert parse(WHOLE, "talk.toml").phrases("desk") == ("my balance", "balance please", "goodbye")


@pytest.mark.parametrize(
    "text", ["my balance", "My Balance!", "tell me my balance now", "Balance, please"], ids=str
)
def test_phrase_is_met_by_its_words_side_by_side(text: str) -> None:
    rule = parse(WHOLE, "talk.toml").rule_for("desk", text)
    assert rule is not None
    assert rule.call == "get_balance"


@pytest.mark.parametrize("text", ["", "my old balance", "balanced", "?"])
def test_other_words_meet_no_phrase(text: str) -> None:
    assert parse(WHOLE, "talk.toml").rule_for("desk", text) is None


def test_longest_phrase_that_is_met_decides() -> None:
    text = """
    [state.a]
    [[state.a.expect]]
    phrases = ["no"]
    say = "short"
    [[state.a.expect]]
    phrases = ["no thank you"]
    say = "long"
    """
    rule = parse(text, "talk.toml").rule_for("a", "oh no thank you very much")
    assert rule is not None
    assert rule.say == "long"


def test_any_words_have_a_rule_of_their_own() -> None:
    dialogue = parse(WHOLE, "talk.toml")
    rule = dialogue.rule_for_any_words("desk")
    assert rule is not None
    assert rule.say == "You said {heard}."
    assert dialogue.rule_for_any_words("hall") is None


def test_reaction_of_a_state_comes_before_the_common_one() -> None:
    dialogue = parse(WHOLE, "talk.toml")
    assert dialogue.reaction("desk", "silence") == Reaction(say="Hm?", next="hall")
    assert dialogue.reaction("desk", "no_match") == Reaction(say="What?")
    assert dialogue.reaction("hall", "barge_in") is None


def test_all_calls_joins_call_and_calls() -> None:
    dialogue = parse(WHOLE, "talk.toml")
    assert [call.call for call in dialogue.expect[0].all_calls()] == ["log", "hangup_call"]
    assert [call.call for call in dialogue.state["desk"].expect[0].all_calls()] == ["get_balance"]


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        (
            'say = "One moment."',
            'sai = "One moment."',
            "sai =",
            "'sai' in 'state.desk.expect[1]'. Did you mean 'say'?",
        ),
        ('voice = "marina"', 'voise = "marina"', "voise", "Did you mean 'voice'?"),
        ("[state.hall]", "[stat.hall]", "[stat.hall]", "Did you mean 'state'?"),
        ('next = "hall"', 'next = "hal"', "silence =", "There is no state 'hal'. Did you mean 'hall'?"),
        ('start = "desk"', 'start = "dusk"', "start =", "Did you mean 'desk'? Known states: hall, desk."),
        ('"balance please"]', '"My balance!"]', 'phrases = ["my', "expected twice, first in line 14"),
        ('["goodbye"]', "[]", "phrases = []", "'phrases' is empty"),
        ('["goodbye"]', '["..."]', 'phrases = ["..."]', "has no word"),
        ('["goodbye"]', "5", "phrases = 5", "Expected `array`, got `int`"),
        ('phrases = ["goodbye"]\n', "", "[[expect]]", "'expect[1]' needs the key 'phrases'"),
        ('call = "get_balance"\n', "", "arguments", "'arguments' has no meaning without 'call'"),
        ("{result.amount}", "{resul.amount}", "result =", "Did you mean 'result'?"),
        ("You said {heard}.", "You said {herd}.", 'say = "You said', "Did you mean 'heard'? Known: {heard}."),
        ('say = "The hall."', 'say = "{heard}"', 'say = "{heard}"', "Known: none."),
        ('{ call = "log" }', '{ cal = "log" }', "calls =", "'cal' in 'expect[1].calls[1]'"),
        ('voice = "marina"', 'voice = "marina', "voice =", "No valid TOML"),
        ('"drop:20"', '"drp:20"', "faults =", "There is no fault 'drp'. Did you mean 'drop'?"),
        ("delta_ms = 20", "delta_ms = 5", "pace =", "Expected `int` >= 20"),
        ("delta_ms = 20", "delta = 20", "pace =", "Unknown key 'delta' in 'server.pace'"),
        ('say = "One moment."', 'ending = "failed"', 'ending = "failed"', "no time to call anything"),
        ('result = "{result.amount}', 'failed = "{resul}', "failed =", "Did you mean 'result'?"),
        ('say = "You said {heard}."\n', "", '[[state.desk.expect]]\nphrases = ["*"]', "needs 'say', 'call'"),
    ],
)
def test_mistake_is_told_with_line_and_key(old: str, new: str, place: str, words: str) -> None:
    assert old in WHOLE
    text = WHOLE.replace(old, new, 1)
    error = error_of(text)
    assert (error.file, error.line) == ("talk.toml", line_of(text, place))
    assert words in error.message


def test_server_is_set_in_a_table_of_its_own() -> None:
    server = parse(WHOLE, "talk.toml").server
    assert (server.faults, server.pace.delta_ms, server.mcp_continues) == (["drop:20"], 20, True)


@pytest.mark.parametrize("text", ["", "[state]"])
def test_dialogue_without_states_is_refused(text: str) -> None:
    assert "state" in error_of(text).message


def test_result_without_call_is_refused() -> None:
    error = error_of('[state.a]\n[state.a.no_match]\nsay = "x"\nresult = "y"\n')
    assert (error.line, "'result' has no meaning" in error.message) == (4, True)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_unreadable_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="Cannot read the dialogue file") as caught:
        load(tmp_path / name)
    assert caught.value.file == str(tmp_path / name)


def test_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(path)


def test_language_given_with_the_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(WHOLE, encoding="utf-8")
    assert (load(path).language, load(path, "kk-KZ").language) == ("ru-RU", "kk-KZ")


@pytest.mark.parametrize(
    ("language", "goodbye"), [("en-US", "goodbye"), ("ru", "до свидания"), ("de-DE", "goodbye")]
)
def test_builtin_dialogue_greets_and_ends_on_goodbye(language: str, goodbye: str) -> None:
    dialogue = builtin(language)
    rule = dialogue.rule_for(dialogue.first_state, goodbye)
    assert dialogue.language == language
    assert dialogue.state[dialogue.first_state].say
    assert rule is not None
    assert rule.call == "hangup_call"


def test_default_texts_follow_the_language() -> None:
    assert default_texts("ru-RU").assent == "Хорошо."
    assert default_texts("fr-FR") == default_texts("en-GB")
