"""Who calls, and who is called: the leg specs of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from voxruntime.call.leg import CallParty
from voxruntime.config import shipped
from voxruntime.errors import ConfigError

TONE_CALLER = "builtin.caller.toml"
SPOKEN_CALLER = "spoken.caller.toml"
NOBODY = "none"
MICROPHONE = "mic"


class Callee(msgspec.Struct, frozen=True):
    """Who answers calls to numbers that match a pattern (`*` and `?`, as in a shell)."""

    pattern: str
    spec: str


def choose_callers(
    given: Sequence[str], scenario: Path, *, understands_people: bool, has_microphone: Callable[[], bool]
) -> list[str]:
    """Returns the specs of the callers of a run.

    Args:
        given: `--call`, as given; `none` for a run that nobody calls.
        scenario: The first scenario file; its caller lies beside it.
        understands_people: Whether the agent does; else the built-in caller speaks in tones, and a bundled
            scenario's recorded people give way to it.
        has_microphone: Tells whether a person here can call; asked only when nothing is given.

    Raises:
        ConfigError: `none` together with a caller.
    """
    if NOBODY in given:
        if len(given) > 1:
            raise ConfigError(
                "option.call", "--call none means that nobody calls: leave the other --call out."
            )
        return []
    if given:
        return list(given)
    if has_microphone():
        return [MICROPHONE]
    built_in = [f"script:{shipped('scenarios') / (SPOKEN_CALLER if understands_people else TONE_CALLER)}"]
    if scenario.parent == shipped("scenarios") and not understands_people:
        return built_in
    script, recording = scenario.with_suffix(".caller.toml"), scenario.with_suffix(".wav")
    if script.is_file():
        return [f"script:{script}"]
    if recording.is_file():
        return [f"wav:{recording}"]
    return built_in


def parse_callees(given: Sequence[str]) -> list[Callee]:
    """Parses `--callee PATTERN=SPEC`.

    Raises:
        ConfigError: An option without pattern or spec.
    """
    callees = []
    for option in given:
        pattern, separator, spec = option.partition("=")
        if not separator or not pattern or not spec:
            message = (
                f"--callee {option}: expected PATTERN=SPEC, e.g. --callee '7495*=wav:answer.wav' or '*=busy'."
            )
            raise ConfigError("option.callee", message)
        callees.append(Callee(pattern, spec))
    return callees


def callee_for(number: str, callees: Sequence[Callee]) -> str | None:
    """Returns the spec of who answers a number; None when nobody does."""
    return next((callee.spec for callee in callees if fnmatchcase(number, callee.pattern)), None)


def parse_headers(given: Sequence[str]) -> dict[str, str]:
    """Parses `--header "X-Name: value"`.

    Raises:
        ConfigError: No such form, or a header that VoxEngine does not show (`X-` and `User-to-User` only).
    """
    headers = {}
    for option in given:
        name, separator, value = option.partition(":")
        name = name.strip()
        if not separator or not (name.lower().startswith("x-") or name.lower() == "user-to-user"):
            raise ConfigError(
                "option.header",
                f"--header {option}: expected 'X-Name: value' (or User-to-User), as calls carry them.",
            )
        headers[name] = value.strip()
    return headers


def caller_party(caller: str, callee: str, display_name: str, headers: dict[str, str]) -> CallParty:
    """Returns what `CallAlerting` shows of an incoming call."""
    return CallParty("pstn", caller, callee, display_name, headers)
