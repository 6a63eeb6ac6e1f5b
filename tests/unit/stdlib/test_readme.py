"""The API page names what exists, and nothing else; its scenario runs."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import event_table
import voxruntime
from scenario_stage import Stage, bodies, command, commands, handle_of_client
from voxruntime.check.declarations import api
from voxruntime.check.model import Function
from voxruntime.check.scenario import check_scenario
from voxruntime.config import Limits, shipped
from voxruntime.realtime.constants import Constant, MediaEvent
from voxruntime.scenario.sources import Sources
from voxruntime.turn.messages import (
    AnswerCall,
    ClearMedia,
    RecordCall,
    SendMedia,
    SourceFile,
    StartTimer,
    Terminate,
)

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


PORTING = README.split("## Porting a scenario")[1].split("\n## ")[0]
*PORTED, TRAPS = re.findall(r"```lua\n(.*?)```", PORTING, re.S)


def test_the_ported_flow_is_a_scenario_that_runs(stage: Stage) -> None:
    stage.run("".join(PORTED), secrets={"YANDEX_API_KEY": "emulator", "YANDEX_FOLDER_ID": "emulator"})
    alerted = stage.alert()
    opened = stage.open(alerted)
    assert len(commands(opened, SendMedia)) == 2
    assert len(commands(opened, RecordCall)) == 1
    client = handle_of_client(alerted)
    update, greeting = bodies(stage.provider("SessionCreated", {"type": "session.created"}, client=client))
    audio = update["session"]["audio"]  # type: ignore[index, call-overload]
    assert audio["input"]["turn_detection"]["silence_duration_ms"] == 400
    assert audio["output"]["voice"] == "marina"
    assert greeting == {"response": {"instructions": "Greet."}}
    spoke = stage.provider("InputAudioBufferSpeechStarted", {"item_id": "i"}, client=client)
    assert commands(spoke, ClearMedia) == [ClearMedia(client)]
    heard = {"item_id": "i", "transcript": "Позовите ОПЕРАТОРА"}
    stage.provider("ConversationItemInputAudioTranscriptionCompleted", heard, client=client)
    assert stage.said() == ["Wants a person: позовите оператора"]
    item = {"type": "function_call", "name": "hangup_call", "call_id": "c", "arguments": '{"reason":null}'}
    output, response = bodies(stage.provider("ResponseOutputItemDone", {"item": item}, client=client))
    assert output["item"]["output"] == '{"left":[],"ok":true}'  # type: ignore[index, call-overload]
    assert response == {}
    ended = stage.turn("Yandex.Events.WebSocketMediaEnded", {}, target=client)
    stage.fire(command(ended, StartTimer).timer)
    assert stage.end().commands[-1:] == [Terminate()]


def test_the_ported_flow_ends_when_there_is_no_agent(stage: Stage) -> None:
    stage.run("".join(PORTED), secrets={"YANDEX_API_KEY": "emulator", "YANDEX_FOLDER_ID": "emulator"})
    refused = stage.refuse(stage.alert())
    assert refused.commands[-1:] == [Terminate()]
    assert "HTTP 401" in stage.said()[0]


def test_nothing_is_found_in_the_ported_flow() -> None:
    checked = check_scenario(Sources([SourceFile("ported.lua", "".join(PORTED))], {}, {}))
    assert checked.findings == ()


def test_both_sides_of_the_porting_page_go_together() -> None:
    javascript = re.findall(r"```js\n(.*?)```", PORTING, re.S)
    assert len(javascript) == len(PORTED) > 5
    for left, right in zip(javascript, PORTED, strict=True):
        names = re.findall(r"\b(?:CallEvents|AppEvents|Yandex|Events|VoxEngine)\.\w+", left)
        assert names == re.findall(r"\b(?:CallEvents|AppEvents|Yandex|Events|VoxEngine)\.\w+", right)


def test_what_goes_wrong_most_often_prints_what_the_page_says(stage: Stage) -> None:
    stage.run(TRAPS)
    printed = sorted(" ".join(line.split()) for line in stage.said())
    expected = sorted(line.split("--> ")[1] for line in TRAPS.splitlines() if "--> " in line)
    assert printed == expected


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


LIMITS = README.split("## Limits\n")[1].split("\n## ")[0]


def test_every_limit_is_on_the_page_with_its_default() -> None:
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| ([\d.]+) \| [^|]+ \|$", LIMITS, re.M)
    assert [(name, float(value)) for name, value in rows] == [
        (name, float(value)) for name, value in msgspec.structs.asdict(Limits()).items()
    ]


def test_every_code_of_a_limit_is_on_the_page() -> None:
    root = Path(voxruntime.__file__).parent
    sources = [*root.rglob("*.py"), *shipped("stdlib").rglob("*.lua")]
    pattern = r'"((?:limit|events)\.\w+|script\.top_level|scenario\.(?:too_large|died|breakout|protocol|fork|zygote))"'
    codes = {code for path in sources for code in re.findall(pattern, path.read_text(encoding="utf-8"))}
    assert "limit.wall" in codes
    assert codes <= set(re.findall(r"`([\w.]+)`", LIMITS))
