"""Caller scripts: TOML in, typed steps out. Pure.

```toml
language = "en-US"

[[step]]
wait = "agent_finished"   # the greeting

[[step]]
say = "What is my balance?"

[[step]]
wait = "agent_finished"
timeout_ms = 10000

[[step]]
press = "1#"

[[step]]
wait_silence_ms = 1500

[[step]]
hangup = true
```

A script calls, or is called. Its steps run one after the other; after the last one it listens in silence and then
hangs up. A step that waits in vain ends the call with an error that names its line.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, TypeAlias

import msgspec

from voxruntime.audio.pcm import RATES
from voxruntime.call.leg import CallParty
from voxruntime.errors import ConfigError
from voxruntime.legs.keypad import check_digits
from voxruntime.typed_toml import KeyPath, Places, nearest, read

WAIT_MS = 30_000
"""How long a step waits for the agent when it does not say."""

_Ms = Annotated[int, msgspec.Meta(ge=0, le=3_600_000)]
_Dbfs = Annotated[float, msgspec.Meta(ge=-100.0, le=0.0)]


class Cue(Enum):
    """What the agent does that a step waits for."""

    AGENT_SPEAKS = "agent_speaks"
    AGENT_FINISHED = "agent_finished"


class WaitForCue(msgspec.Struct, frozen=True):
    """Waits until the agent speaks, or has spoken and finished, since the far end's own last sound."""

    line: int
    cue: Cue
    timeout_ms: int


class WaitForSilence(msgspec.Struct, frozen=True):
    """Waits until the agent has been silent for a time, from the beginning of the step on."""

    line: int
    silence_ms: int
    timeout_ms: int


class Pause(msgspec.Struct, frozen=True):
    """Waits whatever the agent does."""

    line: int
    pause_ms: int


class Say(msgspec.Struct, frozen=True):
    """Speaks."""

    line: int
    text: str


class Play(msgspec.Struct, frozen=True):
    """Plays a sound file; the path is relative to the script."""

    line: int
    path: str


class Press(msgspec.Struct, frozen=True):
    """Presses digits, in its audio and as events."""

    line: int
    digits: str


class HangUp(msgspec.Struct, frozen=True):
    """Ends the call."""

    line: int


Step: TypeAlias = WaitForCue | WaitForSilence | Pause | Say | Play | Press | HangUp


class Hearing(msgspec.Struct, frozen=True):
    """How a script judges whether the agent speaks.

    Attributes:
        threshold_dbfs: Frames above this level are speech.
        finished_ms: Silence after which the agent has finished.
    """

    threshold_dbfs: float
    finished_ms: int


class Script(msgspec.Struct, frozen=True):
    """A caller script.

    Attributes:
        name: Its file, as messages show it.
        language: BCP-47 tag of what it says; empty for that of the run.
        voice: Voice it says it in; empty lets the synthesizer choose.
        rate: Hz of its leg.
        party: Who it says it is; None when it leaves that open.
        answer_after_ms: How long it rings when it is called.
        hearing: How it judges whether the agent speaks.
        steps: What it does.
    """

    name: str
    language: str
    voice: str
    rate: int
    party: CallParty | None
    answer_after_ms: int
    hearing: Hearing
    steps: tuple[Step, ...]


class _StepTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One `[[step]]` as it is written."""

    wait: str | None = None
    wait_silence_ms: _Ms | None = None
    pause_ms: _Ms | None = None
    say: str | None = None
    play: str | None = None
    press: str | None = None
    hangup: bool | None = None
    timeout_ms: _Ms | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename={"caller": "from"}):
    """A whole script as it is written."""

    language: str = ""
    voice: str = ""
    rate: int = RATES[0]
    caller: str = ""
    to: str = ""
    display_name: str = ""
    answer_after_ms: _Ms = 1000
    threshold_dbfs: _Dbfs = -45.0
    finished_ms: _Ms = 600
    step: list[_StepTable]


_ACTIONS = ("wait", "wait_silence_ms", "pause_ms", "say", "play", "press", "hangup")


def parse_script(text: str, name: str) -> Script:
    """Parses a caller script.

    Args:
        text: TOML.
        name: Its file, as messages show it.

    Raises:
        ConfigError: No valid TOML, an unknown key, or a value that makes no sense; with its line.
    """
    written, places = read(text, name, _File)
    if written.rate not in RATES:
        rates = ", ".join(map(str, RATES))
        raise places.error(("rate",), f"'rate' is {written.rate}: expected one of {rates} Hz.")
    party = CallParty(callerid=written.caller, number=written.to, display_name=written.display_name)
    return Script(
        name=name,
        language=written.language,
        voice=written.voice,
        rate=written.rate,
        party=None if party == CallParty() else party,
        answer_after_ms=written.answer_after_ms,
        hearing=Hearing(written.threshold_dbfs, written.finished_ms),
        steps=tuple(_step(table, index, places) for index, table in enumerate(written.step)),
    )


def _step(table: _StepTable, index: int, places: Places) -> Step:
    place = ("step", index)
    given = [action for action in _ACTIONS if getattr(table, action) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise places.error(place, f"A step does one of {', '.join(_ACTIONS)}; found {found}.")
    if table.timeout_ms is not None and table.wait is None and table.wait_silence_ms is None:
        raise places.error((*place, "timeout_ms"), f"'{given[0]}' has no timeout: only steps that wait do.")
    line = places.line(place)
    timeout_ms = WAIT_MS if table.timeout_ms is None else table.timeout_ms
    match table:
        case _StepTable(wait=str(cue)):
            return WaitForCue(line, _cue(cue, (*place, "wait"), places), timeout_ms)
        case _StepTable(wait_silence_ms=int(silence_ms)):
            return WaitForSilence(line, silence_ms, timeout_ms)
        case _StepTable(pause_ms=int(pause_ms)):
            return Pause(line, pause_ms)
        case _StepTable(say=str(text)):
            return Say(line, _not_empty(text, (*place, "say"), places))
        case _StepTable(play=str(path)):
            return Play(line, _not_empty(path, (*place, "play"), places))
        case _StepTable(press=str(digits)):
            return Press(line, _pressable(digits, (*place, "press"), places))
        case _:
            return _hang_up(table, line, (*place, "hangup"), places)


def _cue(name: str, place: KeyPath, places: Places) -> Cue:
    known = [cue.value for cue in Cue]
    if name not in known:
        hint = nearest(name, known)
        raise places.error(place, f"'wait' is '{name}': expected {' or '.join(known)}.{hint}")
    return Cue(name)


def _not_empty(text: str, place: KeyPath, places: Places) -> str:
    if not text.strip():
        raise places.error(place, f"'{place[-1]}' is empty.")
    return text


def _pressable(digits: str, place: KeyPath, places: Places) -> str:
    try:
        check_digits(digits)
    except ConfigError as error:
        raise places.error(place, error.message) from None
    return digits


def _hang_up(table: _StepTable, line: int, place: KeyPath, places: Places) -> HangUp:
    if not table.hangup:
        raise places.error(place, "'hangup' is false: leave the step out.")
    return HangUp(line)
