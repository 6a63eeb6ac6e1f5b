"""The types in `stdlib/_meta` and the running API have the same names, both ways; the reference gives the counts."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from scenario_stage import Stage
from voxruntime.check.declarations import api
from voxruntime.check.model import Function
from voxruntime.check.types import Field, Named, Type, parse_type
from voxruntime.config import shipped
from voxruntime.realtime.constants import Constant, MediaEvent, event_string, media_event_string

META = sorted((shipped("stdlib") / "_meta").glob("*.lua"))

# What the platform's page lists (voxengine-api.md).
CALL_METHODS = {
    "addEventListener",
    "answer",
    "callerid",
    "clientType",
    "customData",
    "decline",
    "displayName",
    "hangup",
    "id",
    "incoming",
    "number",
    "record",
    "reject",
    "removeEventListener",
    "sendMediaTo",
    "state",
    "stopMediaTo",
    "toString",
}
OWN_CLIENT_METHODS = {"interrupt", "quiet"}
"""voxrt's additions, documented as such."""
CLIENT_METHODS = {
    "addEventListener",
    "clearMediaBuffer",
    "close",
    "conversationItemCreate",
    "conversationItemDelete",
    "conversationItemRetrieve",
    "conversationItemTruncate",
    "id",
    "removeEventListener",
    "responseCancel",
    "responseCreate",
    "sendMediaTo",
    "sessionUpdate",
    "stopMediaTo",
    "webSocketId",
}

# Prints "NAME kind" of everything in the running world; of a constant, its text.
RUNNING = """
require(Modules.Yandex)
local function list(prefix, t)
  for name, value in pairs(t) do
    local path = prefix .. name
    if path == "_G" or type(value) == "table" and next(value) == nil then
      print(path, "table")
    elseif type(value) == "table" then
      list(path .. ".", value)
    else
      print(path, type(value) == "string" and value or type(value))
    end
  end
end
local function methods(label, object)
  local _, err = pcall(function() return object["no such name"] end)
  for _, name in ipairs(err.known) do print(label .. "." .. name, type(object[name])) end
end
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  for _, name in ipairs({ "list", "methods" }) do _G[name] = nil end
  list("", _G)
  methods("Call", event.call)
  methods("Promise", Promise.resolve())
  local connecting = Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" })
  methods("Yandex.RealtimeAPIClient", await(connecting))
end)
"""

# Objects that no global holds.
OBJECTS = ["Call", "Yandex.RealtimeAPIClient"]

# Tables that are no part of the API by their fields.
PLAIN = {"_G", "JSON.null", "Reload.state"}

# Texts that are no constants of an enum.
TEXTS = {"_VERSION", "utf8.charpattern"}


def running(stage: Stage) -> dict[str, str]:
    stage.run(RUNNING)
    stage.open(stage.alert())
    return dict(line.split("\t") for line in stage.said())


def declared() -> dict[str, str]:
    model, names = api(), {}

    def add(path: str, value: Type | Function | Field | None) -> None:
        if isinstance(value, Field):
            value = value.type
        if isinstance(value, Function):
            names[path] = "function"
        elif (
            path not in ("_G", "JSON.null")
            and value is not None
            and model.members(value)
            and path not in TEXTS
        ):
            for name, member in (model.members(value) or {}).items():
                add(f"{path}.{name}", member)
        elif isinstance(value, Named) and value.name in model.enums:
            names[path] = model.enums[value.name].constants[path.rpartition(".")[2]].value
        else:
            assert isinstance(value, Named)
            names[path] = "number" if value.name == "integer" else value.name

    for name, value in model.globals.items():
        add(name, value)
    for name in OBJECTS:
        for member, function in model.classes[name].members.items():
            add(f"{name}.{member}", function)
    return names


def test_types_and_running_api_are_the_same(stage: Stage) -> None:
    world = {name: "string" if name in TEXTS else kind for name, kind in running(stage).items()}
    assert declared() == world
    assert len(world) > 220


def test_constants_and_methods_are_the_platforms(stage: Stage) -> None:
    world = running(stage)

    def under(prefix: str) -> list[str]:
        return sorted(name.removeprefix(prefix) for name in world if name.startswith(prefix))

    assert {
        name: world[f"Yandex.RealtimeAPIEvents.{name}"] for name in under("Yandex.RealtimeAPIEvents.")
    } == {constant.value: event_string("Yandex", constant) for constant in Constant}
    assert {name: world[f"Yandex.Events.{name}"] for name in under("Yandex.Events.")} == {
        event.value: media_event_string("Yandex", event) for event in MediaEvent
    }
    assert len(under("Yandex.RealtimeAPIEvents.")) == 46
    assert len(under("Yandex.Events.")) == 2
    assert set(under("Yandex.RealtimeAPIClient.")) == CLIENT_METHODS | OWN_CLIENT_METHODS
    assert len(CLIENT_METHODS) == 15
    assert set(under("Call.")) == CALL_METHODS
    assert {name: world[f"CallEvents.{name}"] for name in under("CallEvents.")} == {
        name: f"Call.{name}" for name in under("CallEvents.")
    }
    assert {name: world[f"AppEvents.{name}"] for name in under("AppEvents.")} == {
        name: f"Application.{name}" for name in under("AppEvents.")
    }


@pytest.mark.parametrize("path", META, ids=lambda path: path.stem)
def test_everything_declared_has_a_line_of_meaning(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("---@meta")
    for above, line in pairwise(lines):
        if re.match(r"function |  [\w]+ = ", line):
            assert above.startswith("---") or above.startswith("  ---"), line


OWN = [path for path in META if path.stem != "lua"]
ASKED_FOR = r"Parameters$|^Yandex.Session$"
DEFAULT = r"\(default|without effect|Deprecated: "


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_every_field_and_parameter_has_a_remark_and_its_default(path: Path) -> None:
    owner = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"---@class (\S+)", line):
            owner = match[1]
        match = re.match(r"---@(field|param) ([\w.]+)(\??) (.*)", line)
        if match is None:
            continue
        _kind, remark = parse_type(match[4])
        assert remark, line
        is_asked_for = match[1] == "param" or re.search(ASKED_FOR, owner)
        if match[3] and is_asked_for:
            assert re.search(DEFAULT, remark), line


UNITS = (
    r"_ms|Milliseconds|\bm?s\b|Hz|bytes|Spaces|status|code|[Nn]umber|Questions|position|part|once|\"inf\"|returned|"
    r"without effect"
)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_every_number_has_its_unit(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"---@(?:field|param) ([\w?]+ (?:integer|number)(?![|\w]).*)", line):
            assert re.search(UNITS, match[1]), line


def test_every_parameter_declared_is_a_parameter(stage: Stage) -> None:
    stage.run("")
    for path in META:
        pending: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"---@param (\.\.\.|\w+)", line):
                pending.append(match.group(1))
            elif match := re.match(r"function [\w.:]+\((.*)\) end", line):
                assert pending == [name for name in match.group(1).split(", ") if name], line
                pending = []


def test_every_code_that_is_raised_is_documented() -> None:
    stdlib = shipped("stdlib")
    documented = set(
        re.findall(
            r'^---\| "([a-z_.]+)"', (stdlib / "_meta" / "errors.lua").read_text(encoding="utf-8"), re.M
        )
    )
    raised: set[str] = set()
    for path in [
        *stdlib.glob("*.lua"),
        *(stdlib / "voxengine").glob("*.lua"),
        *(stdlib / "sandbox").glob("*.lua"),
    ]:
        text = path.read_text(encoding="utf-8")
        raised |= set(re.findall(r'(?:raise|error|fault|kill)\(\s*"([a-z_]+\.[a-z_]+)"', text))
        raised |= set(re.findall(r'code = "([a-z_]+\.[a-z_]+)"', text))
    assert len(raised) > 20
    assert raised <= documented


def test_the_checker_of_scenarios_knows_the_same_globals(stage: Stage) -> None:
    listed = (
        (shipped("stdlib") / ".luacheckrc")
        .read_text(encoding="utf-8")
        .split("read_globals = {")[1]
        .split("\n  },")[0]
    )
    fields = dict(re.findall(r"(\w+) = \{ fields = \{(.*?)\} \}", listed))
    plain = re.sub(r"\w+ = \{ fields = \{.*?\} \},", "", listed)
    stage.run("""
require(Modules.Yandex)
for name in pairs(_G) do print(name) end
print("debug." .. table.concat((function() local n = {} for k in pairs(debug) do n[#n + 1] = k end return n end)(), " "))
print("os." .. table.concat((function() local n = {} for k in pairs(os) do n[#n + 1] = k end return n end)(), " "))
""")
    *names, debug, system = stage.said()
    assert sorted([*re.findall(r'"(\w+)"', plain), *fields]) == sorted(names)
    assert debug.removeprefix("debug.").split() == re.findall(r'"(\w+)"', fields["debug"])
    assert system.removeprefix("os.").split() == re.findall(r'"(\w+)"', fields["os"])
