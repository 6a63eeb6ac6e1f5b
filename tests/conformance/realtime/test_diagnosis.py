"""What is written about a realtime client: its trace and statistics, nothing when it is private, and never its key."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path

import pytest

from conformance.realtime.scripted_server import Close, Cut, Hear, Refuse, Script, serving
from conformance.realtime.sequences import CONNECTED, Answer, event, level
from voxrt_command import Finished, RunVoxrt

KEY = "AQVN+/=secret~key_0123456789-abcdef%25xyz"

SCENARIO = """
require(Modules.Yandex)
local KEY = SOURCE

VoxEngine.addEventListener(AppEvents.CallAlerting, function(alert)
  alert.call:answer()
  local ok, client = pcall(function()
    return await(Yandex.createRealtimeAPIClient({
      apiKey = KEY, folderId = "b1g", OPTIONS
      onWebSocketClose = function(event)
        print("closed", event.code, event.reason)
        ENDING
        VoxEngine.terminate()
      end,
    }))
  end)
  if not ok then
    print(client.code, client.body, JSON.encode(client.headers), tostring(client), KEY, base64_encode(KEY))
    error(client)
  end
  for _, value in pairs(Yandex.RealtimeAPIEvents) do
    client:addEventListener(value, function(event) print(JSON.encode(event.data)) end)
  end
  client:addEventListener(Yandex.Events.WebSocketMediaEnded, function() client:responseCreate({}) end)
  VoxEngine.sendMediaBetween(alert.call, client)
  client:sessionUpdate({ session = { instructions = "The key is " .. KEY } })
end)
"""

TALK: Script = [*CONNECTED, *Answer(1, level(9000, 400)).whole("Секрет\nне скажу"), Hear("response.create")]


def run(
    run_voxrt: RunVoxrt,
    folder: Path,
    script: Script,
    *more: str,
    options: str = "",
    ending: str = "",
    exit_code: int = 0,
) -> Finished:
    text = SCENARIO.replace("OPTIONS", options).replace("ENDING", ending)
    text = text.replace("SOURCE", 'VoxEngine.getSecretValue("YANDEX_API_KEY")')
    (folder / "s.lua").write_text(text, encoding="utf-8")
    (folder / "caller.toml").write_text("[[step]]\npause_ms = 60000\n", encoding="utf-8")
    given = ("--call", "script:caller.toml", "--no-speech", "--json", "--events", "out.jsonl", *more)
    with serving(script) as server:
        return run_voxrt(
            "run", "s.lua", "--provider", server.url, *given, env={"YANDEX_API_KEY": KEY}, exit_code=exit_code
        )


def test_a_trace_has_every_message_and_statistics_add_them_up(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    done = run(run_voxrt, tmp_path, [*TALK, Close()], options="trace = true, statistics = true,")
    (created,) = [line for line in done.log if line.startswith("websocket.created")]
    trace_name, statistics_name = (
        f"recordings/{name}"
        for name in sorted(Path(path).name for path in done.files if path.startswith("recordings/"))[::-1]
    )
    assert f"trace {trace_name}, statistics {statistics_name}" in created
    trace = (tmp_path / trace_name).read_text(encoding="utf-8").splitlines()
    said = [line.split(" ", 2)[1:] for line in trace]
    wire = [
        line
        for line in map(json.loads, (tmp_path / "out.jsonl").read_text("utf-8").splitlines())
        if line["kind"] == "wire"
    ]
    assert [direction for direction, _text in said if direction in "<>"] == [
        line["direction"] for line in wire
    ]
    assert said[0][0] == "="
    assert said[0][1].startswith("open: HTTP 101 from ws://127.0.0.1:")
    assert said[-1] == ["=", "closed: 1000"]
    assert any('"transcript": "Секрет\\nне скажу"' in text for _direction, text in said)
    assert any('"delta": "9600 bytes of audio, -11.2 dBFS"' in text for _direction, text in said)
    lines = [json.loads(line) for line in (tmp_path / statistics_name).read_text("utf-8").splitlines()]
    assert len(lines) >= 2
    assert lines[-1]["received_messages"] == len([line for line in wire if line["direction"] == "<"])
    (client,) = done.report["realtime"]
    assert client["traffic"] == {name: lines[-1][name] for name in client["traffic"]}
    # 400 ms of audio, in base64.
    assert client["traffic"]["received_bytes"] > 25_600
    assert lines[-1]["dropped_audio_ms"] == client["dropped_audio_ms"] == 0.0


def test_of_a_private_client_nothing_is_written(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    script = [*TALK, Close(4001, "Секрет")]
    quiet = "privacy = true, trace = true,"
    done = run(run_voxrt, tmp_path, script, "-vv", options=quiet)
    assert [line for line in done.log if "privacy is on" in line]
    assert not [path for path in done.files if path.startswith("recordings/")]
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    of_client = [line for line in lines if line["kind"] in ("wire", "turn", "reply")]
    assert "Секрет" not in json.dumps(of_client, ensure_ascii=False)
    assert [line for line in of_client if line.get("elided")]


def forms(key: str) -> list[str]:
    """Returns the key as it may be met: as it is, percent-encoded, in JSON, in base64 alone and inside a header."""
    percent = urllib.parse.quote(key, safe="")
    return [
        key,
        percent,
        percent.lower(),
        urllib.parse.quote_plus(key),
        json.dumps(key)[1:-1].replace("/", "\\/"),
        base64.b64encode(key.encode()).decode(),
        base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
        # Of the encoded header, a stretch that only the key makes.
        *(
            base64.b64encode(f"{before}{key}".encode()).decode()[12:40]
            for before in ("Api-Key ", "x:", "api_key:")
        ),
    ]


ECHO = f"you sent Authorization: Api-Key {KEY}, base64 {base64.b64encode(f'Api-Key {KEY}'.encode()).decode()}"

LEAKY: dict[str, tuple[Script, str, int]] = {
    "a call that succeeds": (
        [
            *CONNECTED,
            event("error", error={"message": ECHO, "param": urllib.parse.quote(KEY)}),
            *Answer(1, level(9000, 200)).whole(f"Ключ {KEY}"),
            Hear("response.create"),
            Close(4000, KEY),
        ],
        "",
        0,
    ),
    "a refusal": (
        [
            Refuse(
                401, {"X-Echo": f"Api-Key {KEY}", "X-Base64": base64.b64encode(KEY.encode()).decode()}, ECHO
            )
        ],
        "",
        3,
    ),
    "a broken connection and an error of the scenario": (
        [*CONNECTED, f"garbage {KEY}", Cut()],
        'error({ code = "my.code", message = "failed with " .. KEY })',
        1,
    ),
}


@pytest.mark.parametrize("name", LEAKY)
@pytest.mark.parametrize("options", ["", "trace = true, statistics = true,"], ids=["plain", "traced"])
def test_no_output_holds_the_key_in_any_form(
    run_voxrt: RunVoxrt, tmp_path: Path, name: str, options: str
) -> None:
    script, ending, exit_code = LEAKY[name]
    more = ("-vv", "--transcript", "said.txt", "--record-media")
    done = run(run_voxrt, tmp_path, script, *more, options=options, ending=ending, exit_code=exit_code)
    outputs = {path: (tmp_path / path).read_text(encoding="utf-8") for path in done.files if path != "s.lua"}
    outputs |= {"stdout": done.stdout, "stderr": done.stderr}
    assert {"out.jsonl", "said.txt"} <= set(outputs)
    assert "secret:YANDEX_API_KEY" in done.stdout
    for path, text in outputs.items():
        for form in forms(KEY):
            assert form not in text, (path, form)


def test_a_key_written_into_the_scenario_is_hidden_too(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    key = "AQVN" + "x0-_Y" * 7
    text = SCENARIO.replace("OPTIONS", "trace = true,").replace("ENDING", "").replace("SOURCE", f'"{key}"')
    (tmp_path / "s.lua").write_text(text, encoding="utf-8")
    with serving([*CONNECTED, event("error", error={"message": key}), Close(4000, key)]) as server:
        options = ("--provider", server.url, "--events", "out.jsonl", "--json", "-vv", "--no-speech")
        done = run_voxrt("run", "s.lua", *options)
    outputs = [(tmp_path / path).read_text(encoding="utf-8") for path in done.files if path != "s.lua"]
    for text in [*outputs, done.stdout, done.stderr]:
        for form in forms(key):
            assert form not in text
