"""The event log of a whole run: complete, without secrets, and enough to run the same code again."""

from __future__ import annotations

import asyncio
import base64
import json
import wave
from pathlib import Path

import pytest

from voxrt_command import RunVoxrt
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.scenario.host import ScenarioHost
from voxruntime.scenario.process import Direction
from voxruntime.session import eventlog_reader
from voxruntime.session.eventlog_reader import Generation, RecordedLog
from voxruntime.turn import messages
from voxruntime.turn.messages import LogLine, SendRealtime

SECRET = "s3cret-key/42"

# Whatever could leak into the order of bytes does so here: tables, random numbers, ids, times, a secret.
SCENARIO = """
require(Modules.Yandex)
local secret = VoxEngine.getSecretValue("PASSWORD")

local function everything(event)
  local all = { at = Date.now(), id = uuidgen(), event = event }
  for number = 1, 40 do
    all["key" .. number] = math.random(number * 1000)
  end
  for key, value in pairs({ b = 1, a = 2, [3] = "x", [1.5] = "y", [true] = "z" }) do
    all["pair " .. tostring(key)] = value
  end
  return all
end

VoxEngine.addEventListener(AppEvents.CallAlerting, function(alerting)
  local call = alerting.call
  call:addEventListener(CallEvents.Connected, function(connected)
    local client = await(Yandex.createRealtimeAPIClient({
      apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
      folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
      model = "speech-realtime-250923",
    }))
    VoxEngine.sendMediaBetween(call, client)
    client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function(event)
      local all = everything(event.data.payload.type)
      all.secret, all.derived = secret, base64_encode(secret)
      client:sessionUpdate({ session = { instructions = JSON.encode(all) } })
      client:responseCreate({ instructions = "greet" })
    end)
    client:addEventListener(Yandex.RealtimeAPIEvents.ResponseDone, function(event)
      Logger.write("done, and the password is " .. secret)
      await(sleep(20))
      call:hangup({ ["X-Everything"] = tostring(#JSON.encode(everything(event.data.payload))) })
    end)
  end)
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  call:answer()
end)
"""


@pytest.fixture
def recorded(tmp_path: Path, run_voxrt: RunVoxrt) -> RecordedLog:
    (tmp_path / "s.lua").write_text(SCENARIO, encoding="utf-8")
    with wave.open(str(tmp_path / "caller.wav"), "wb") as caller:
        caller.setnchannels(1)
        caller.setsampwidth(2)
        caller.setframerate(8000)
        caller.writeframes(bytes(1600))
    options = ["--events", "out.jsonl", "--secret", f"PASSWORD={SECRET}", "--provider", "emulator"]
    run_voxrt("run", "s.lua", "--call", "wav:caller.wav", "--no-speech", *options)
    return eventlog_reader.read(tmp_path / "out.jsonl")


def test_a_run_leaves_a_log_that_is_complete(recorded: RecordedLog) -> None:
    assert recorded.end is not None
    assert recorded.end.result == "terminated"
    assert recorded.obstacles == []
    assert all(exchange.reply is not None for exchange in recorded.generations[1].exchanges)
    assert {line.direction for line in recorded.wire} == {"<", ">"}


def test_no_form_of_a_secret_is_in_the_log(recorded: RecordedLog, tmp_path: Path) -> None:
    text = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert "secret:PASSWORD" in text
    assert SECRET not in text
    assert json.dumps(SECRET).strip('"').replace("/", "\\/") not in text
    assert base64.b64encode(SECRET.encode()).decode().rstrip("=") not in text
    assert recorded.generations[1].load.secrets["PASSWORD"] == "secret:PASSWORD"


def test_fresh_processes_of_fresh_zygotes_give_the_recorded_commands(recorded: RecordedLog) -> None:
    generation = recorded.generations[1]
    expected = [
        messages.encode(exchange.reply) for exchange in generation.exchanges if exchange.reply is not None
    ]
    for _ in range(2):
        assert asyncio.run(replay(generation)) == expected
    commands = [
        command for exchange in generation.exchanges if exchange.reply for command in exchange.reply.commands
    ]
    assert any(
        isinstance(command, SendRealtime) and "secret:PASSWORD" in command.body for command in commands
    )


class Unheard:
    """An observer of a process whose lines and bytes nobody needs."""

    sees_frames = False

    def on_log(self, line: LogLine) -> None: ...

    def on_frame(self, direction: Direction, body: bytes) -> None: ...


async def replay(generation: Generation) -> list[bytes]:
    """Feeds what was sent to a new process and returns its replies, in the log's form."""
    host = ScenarioHost(Clock(asyncio.get_running_loop()), warm=0)
    await host.start()
    process = await host.spawn(Limits(), Unheard())
    try:
        replies = [await process.exchange(exchange.message) for exchange in generation.exchanges]
    finally:
        process.kill()
        await process.closed()
        await host.close()
    return [generation.canonical(reply) for reply in replies]
