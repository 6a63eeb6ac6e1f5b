"""The types in `stdlib/_meta` and the running API have the same names, both ways; the reference gives the counts."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from scenario_stage import Stage
from voxruntime.config import shipped
from voxruntime.realtime.constants import Constant, MediaEvent, event_string, media_event_string

META = sorted((shipped("stdlib") / "_meta").glob("*.lua"))

# Lua's own names that scenarios have.
LUA = {
    "_G",
    "_VERSION",
    "assert",
    "coroutine",
    "debug",
    "error",
    "getmetatable",
    "ipairs",
    "load",
    "math",
    "next",
    "os",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawlen",
    "rawset",
    "select",
    "setmetatable",
    "string",
    "table",
    "tonumber",
    "tostring",
    "type",
    "utf8",
    "xpcall",
}

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

# Lists "NAME kind" of everything in the types' world, or in the running one.
LIST = """
local function list(prefix, t, skip)
  for name, value in pairs(t) do
    if not (skip and skip[name]) then
      local path = prefix .. name
      if type(value) == "table" and path ~= "JSON.null" then
        list(path .. ".", value)
      elseif type(value) == "string" then
        print(path, value)
      else
        print(path, path == "JSON.null" and "table" or type(value))
      end
    end
  end
end
"""

DECLARED = (
    LIST
    + """
local world = {}
VoxEngine.addEventListener("Application.Started", function(event)
  if event.text then
    assert(load(event.text, "=types", "t", world))()
  else
    list("", world)
  end
end)
"""
)

RUNNING = (
    LIST
    + """
require(Modules.Yandex)
local function methods(label, object)
  local _, err = pcall(function() return object["no such name"] end)
  for _, name in ipairs(err.known) do print(label .. "." .. name, type(object[name])) end
end
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local lua = {}
  for name in string.gmatch(event.customData, "%S+") do lua[name] = true end
  list("", _G, lua)
  methods("Call", event.call)
  methods("Promise", Promise.resolve())
  local connecting = Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" })
  methods("Yandex.RealtimeAPIClient", await(connecting))
end)
"""
)


def names_of(stage: Stage) -> dict[str, str]:
    return dict(line.split("\t") for line in stage.said())


def declared(stage: Stage) -> dict[str, str]:
    stage.run(DECLARED)
    for path in META:
        stage.turn("Application.Started", {"text": path.read_text(encoding="utf-8")})
    stage.turn("Application.Started")
    return names_of(stage)


def running(stage: Stage) -> dict[str, str]:
    stage.run(RUNNING)
    stage.open(stage.alert(customData=" ".join([*sorted(LUA), "lua", "list", "methods"])))
    return names_of(stage)


def test_types_and_running_api_are_the_same(stage: Stage, other_stage: Stage) -> None:
    types, api = declared(stage), running(other_stage)
    assert types == api
    assert len(types) > 120


def test_constants_and_methods_are_the_platforms(stage: Stage) -> None:
    api = running(stage)

    def under(prefix: str) -> list[str]:
        return sorted(name.removeprefix(prefix) for name in api if name.startswith(prefix))

    assert {name: api[f"Yandex.RealtimeAPIEvents.{name}"] for name in under("Yandex.RealtimeAPIEvents.")} == {
        constant.value: event_string("Yandex", constant) for constant in Constant
    }
    assert {name: api[f"Yandex.Events.{name}"] for name in under("Yandex.Events.")} == {
        event.value: media_event_string("Yandex", event) for event in MediaEvent
    }
    assert len(under("Yandex.RealtimeAPIEvents.")) == 46
    assert len(under("Yandex.Events.")) == 2
    assert set(under("Yandex.RealtimeAPIClient.")) == CLIENT_METHODS | OWN_CLIENT_METHODS
    assert len(CLIENT_METHODS) == 15
    assert set(under("Call.")) == CALL_METHODS
    assert {name: api[f"CallEvents.{name}"] for name in under("CallEvents.")} == {
        name: f"Call.{name}" for name in under("CallEvents.")
    }
    assert {name: api[f"AppEvents.{name}"] for name in under("AppEvents.")} == {
        name: f"Application.{name}" for name in under("AppEvents.")
    }


@pytest.mark.parametrize("path", META, ids=lambda path: path.stem)
def test_everything_declared_has_a_line_of_meaning(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("---@meta")
    for above, line in pairwise(lines):
        if re.match(r"function |  [\w]+ = ", line):
            assert above.startswith("---") or above.startswith("  ---"), line
    for line in lines:
        named = re.match(r"---@param (\w+)\??", line)
        assert not named or len(line.split()) >= 3, line


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
