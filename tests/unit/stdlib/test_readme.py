"""The API page names what exists, and nothing else; its scenario runs."""

from __future__ import annotations

import re

import pytest

import event_table
from scenario_stage import Stage, bodies, commands, handle_of_client
from voxruntime.check.declarations import api
from voxruntime.check.model import Function
from voxruntime.config import shipped
from voxruntime.realtime.constants import Constant, MediaEvent
from voxruntime.turn.messages import AnswerCall, ClearMedia, SendMedia, Terminate

README = (shipped("stdlib") / "README.md").read_text(encoding="utf-8")
LUA = set(
    re.findall(
        r"^function ([\w.]+)", (shipped("stdlib") / "_meta" / "lua.lua").read_text(encoding="utf-8"), re.M
    )
)
"""Lua's own functions: they have a manual."""

VARIABLES = {"call": "Call", "client": "Yandex.RealtimeAPIClient", "promise": "Promise"}


def declared() -> set[str]:
    """Every name of the API as the page writes it: `call:answer`, `VoxEngine.terminate`, `CallEvents.Failed`."""
    model = api()
    functions = [
        *model.globals.values(),
        *(member for found in model.classes.values() for member in found.members.values()),
    ]
    names = {function.name for function in functions if isinstance(function, Function)}
    names -= {name for name in names if name in LUA or name.split(".")[0] in model.modules}
    constants = {f"{enum.name}.{name}" for enum in model.enums.values() for name in enum.constants}
    return names | constants | {"JSON.null"}


def mentioned() -> set[str]:
    # The strings of events are no names.
    code = " ".join(re.findall(r"`(?!Yandex\.RealtimeAPI\.)([^`\n]+)`", README))
    return set(re.findall(r"\b(?:\w+\.)*\w+[.:]\w+|\b\w+(?=\()", code))


def test_every_name_of_the_api_is_on_the_page() -> None:
    assert declared() - mentioned() == set()


def test_every_api_name_on_the_page_exists() -> None:
    roots = {
        *VARIABLES,
        "VoxEngine",
        "AppEvents",
        "CallEvents",
        "Yandex",
        "JSON",
        "Promise",
        "Logger",
        "Modules",
        "Agent",
    }
    written = {name for name in mentioned() if name.split(":")[0].split(".")[0] in roots}
    wrong_on_purpose = {"call.answer", "call.state", "promise.then", "VoxEngine.anwser"}
    spoken = {"Promise", "Yandex.Events", "Yandex.RealtimeAPIEvents"}
    assert written - wrong_on_purpose - spoken - declared() == set()


def test_the_table_of_events_is_up_to_date() -> None:
    assert event_table.up_to_date(README) == README, "run: python tests/event_table.py"
    assert set(event_table.REACHED) == {*Constant, *MediaEvent}


def test_the_pages_scenario_runs(stage: Stage) -> None:
    source, *_ = re.findall(r"```lua\n(.*?)```", README, re.S)
    stage.run(source, secrets={"YANDEX_API_KEY": "emulator", "YANDEX_FOLDER_ID": "emulator"})
    alerted = stage.alert()
    assert len(commands(alerted, AnswerCall)) == 1
    opened = stage.open(alerted)
    assert len(commands(opened, SendMedia)) == 2
    client = handle_of_client(alerted)
    created = stage.provider("SessionCreated", {"type": "session.created"}, client=client)
    update, response = bodies(created)
    assert update["session"]["audio"]["output"]["voice"] == "marina"  # type: ignore[index, call-overload]
    assert response == {"response": {"instructions": "Greet the caller."}}
    spoke = stage.provider("InputAudioBufferSpeechStarted", {"item_id": "i"}, client=client)
    assert commands(spoke, ClearMedia) == [ClearMedia(client)]
    assert stage.end().commands == [Terminate()]


@pytest.mark.parametrize(
    "code",
    [
        "return io",
        "return os.execute",
        "return os.getenv",
        "return os.exit",
        "return package",
        "return dofile",
        "return loadfile",
        "return collectgarbage",
        "return debug.getinfo",
        "return string.dump",
    ],
)
def test_what_the_page_says_is_removed_is_removed(stage: Stage, code: str) -> None:
    stage.run(f"print((function() {code} end)())")
    assert stage.said() == ["nil"]


@pytest.mark.parametrize(
    "code",
    [
        "setmetatable({}, { __gc = function() end })",
        "setmetatable({}, { __mode = 'k' })",
        "string.format('%p', {})",
        "string.rep('x', 9 * 1024 * 1024)",
        "table.concat(setmetatable({}, { __len = function() return 5 end }))",
        "assert(load('\\27Lua'))",
    ],
)
def test_what_the_page_says_raises_raises(stage: Stage, code: str) -> None:
    stage.run(f"print((pcall(function() {code} end)))")
    assert stage.said() == ["false"]
