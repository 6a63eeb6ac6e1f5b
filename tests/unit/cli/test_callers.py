from pathlib import Path

import pytest

from voxruntime.cli.callers import callee_for, choose_callers, parse_callees, parse_headers
from voxruntime.config import shipped
from voxruntime.errors import ConfigError


def choose(
    given: list[str], scenario: Path, *, understands_people: bool = True, microphone: bool = False
) -> list[str]:
    return choose_callers(
        given, scenario, understands_people=understands_people, has_microphone=lambda: microphone
    )


def test_given_callers_are_taken_as_they_are(tmp_path: Path) -> None:
    assert choose(["wav:a.wav", "wav:b.wav"], tmp_path / "s.lua") == ["wav:a.wav", "wav:b.wav"]


def test_none_means_that_nobody_calls(tmp_path: Path) -> None:
    assert choose(["none"], tmp_path / "s.lua") == []


def test_a_script_beside_the_scenario_goes_before_a_recording_and_both_before_the_built_in(
    tmp_path: Path,
) -> None:
    scenario = tmp_path / "s.lua"
    assert choose([], scenario)[0].endswith("spoken.caller.toml")
    assert choose([], scenario, understands_people=False)[0].endswith("builtin.caller.toml")
    (tmp_path / "s.wav").touch()
    assert choose([], scenario) == [f"wav:{tmp_path / 's.wav'}"]
    (tmp_path / "s.caller.toml").touch()
    assert choose([], scenario) == [f"script:{tmp_path / 's.caller.toml'}"]


def test_a_microphone_calls_unless_another_caller_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.caller.toml").touch()
    assert choose([], tmp_path / "s.lua", microphone=True) == ["mic"]
    assert choose(["wav:a.wav"], tmp_path / "s.lua", microphone=True) == ["wav:a.wav"]


def test_bundled_people_do_not_call_an_agent_that_understands_only_tones() -> None:
    hello = shipped("scenarios") / "hello.lua"
    assert choose([], hello)[0].endswith("hello.caller.toml")
    assert choose([], hello, understands_people=False)[0].endswith("builtin.caller.toml")


def test_the_first_pattern_that_matches_answers() -> None:
    callees = parse_callees(["7495*=busy", "*=wav:a=b.wav"])
    assert callee_for("74951112233", callees) == "busy"
    assert callee_for("anna", callees) == "wav:a=b.wav"
    assert callee_for("anna", callees[:1]) is None


@pytest.mark.parametrize("given", ["7495", "=busy", "7495="])
def test_a_callee_without_pattern_or_spec_is_refused(given: str) -> None:
    with pytest.raises(ConfigError):
        parse_callees([given])


def test_headers_are_those_that_calls_carry() -> None:
    assert parse_headers(["X-A:  b: c ", "User-to-User: 1"]) == {"X-A": "b: c", "User-to-User": "1"}
    with pytest.raises(ConfigError):
        parse_headers(["From: me"])
