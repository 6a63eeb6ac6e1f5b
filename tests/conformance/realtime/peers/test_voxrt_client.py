"""The official `openai` SDK's types judge every message that voxrt's own client sends, from the first to the last."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from bundled_callers import SCENARIOS, company, in_tones
from conformance.emulator.invariants import check
from conformance.realtime.peers.stand import Clients, emulator
from conformance.realtime.peers.tap import Conversation, tapped
from voxrt_command import VOXRT, RunVoxrt, environment, run_voxrt
from voxruntime.providers.yandex.dialect import CAPABILITIES

__all__ = ["run_voxrt"]

CALLS_AT_ONCE = 4

NAMES = sorted(path.stem for path in SCENARIOS.glob("*.lua"))

EXTRAS = {
    "session.update session.audio.input.languages",
    "session.update session.audio.output.role",
}
"""Fields of Yandex's own that scenarios may send and the official types do not have."""

EVERY_METHOD = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(alerting)
  local call, events = alerting.call, Yandex.RealtimeAPIEvents
  call:answer()
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "key", folderId = "folder" }))
  local function arrival(event)
    return Promise.new(function(resolve)
      local function once(told)
        client:removeEventListener(event, once)
        resolve(told.data.payload)
      end
      client:addEventListener(event, once)
    end)
  end
  local function message(role, text, id)
    return { type = "message", id = id, role = role, content = { { type = "input_text", text = text } } }
  end
  VoxEngine.sendMediaBetween(call, client)
  await(arrival(events.SessionCreated))

  -- The old shape of the session, and Yandex's own fields.
  client:sessionUpdate({ session = { instructions = "Be brief.", voice = "marina", turn_detection = JSON.null } })
  client:sessionUpdate({
    event_id = "mine",
    session = {
      type = "realtime",
      output_modalities = { "audio" },
      tools = { { type = "function", name = "switch_feature", description = "", parameters = { type = "object" } } },
      tool_choice = "auto",
      audio = {
        input = {
          languages = { "en-US" },
          turn_detection = { type = "server_vad", threshold = 0.5, silence_duration_ms = 400 },
        },
        output = { role = "friendly", speed = 1.25 },
      },
    },
  })
  client:conversationItemCreate({ item = message("user", "hello", "first") })
  client:conversationItemCreate({ item = message("system", "Be kind."), previous_item_id = "root" })
  client:conversationItemRetrieve({ item_id = "first" })
  local done = arrival(events.ResponseDone)
  client:responseCreate({ instructions = "say: Hello.", metadata = { topic = "greeting" } })
  local item_id = await(done).response.output[1].id
  client:conversationItemTruncate({ item_id = item_id, content_index = 0, audio_end_ms = 100 })
  client:conversationItemTruncate({ item_id = item_id })
  client:conversationItemDelete({ item_id = item_id })

  done = arrival(events.ResponseDone)
  client:conversationItemCreate({ item = message("user", "call forwarding") })
  client:responseCreate({ response = { output_modalities = { "audio" } } })
  for _, item in ipairs(await(done).response.output) do
    if item.type == "function_call" then
      local output = { type = "function_call_output", call_id = item.call_id, output = '{"state": "on"}' }
      client:conversationItemCreate({ item = output })
    end
  end

  done = arrival(events.ResponseDone)
  client:responseCreate()
  client:responseCancel()
  await(done)
  local begun = arrival(events.ResponseOutputItemAdded)
  client:conversationItemCreate({ item = message("user", "one moment please") })
  client:responseCreate()
  await(begun)
  await(sleep(300))
  await(client:interrupt())
  client:clearMediaBuffer()
  client:close()
  call:hangup()
end)
"""


def assert_valid(clients: Clients, conversation: Conversation) -> frozenset[str]:
    """The types of the SDK have no complaint about what the client sent, and the traffic breaks no rule.

    Returns:
        The fields that the types do not have.
    """
    texts = conversation.texts("client")
    assert texts, "nothing was sent"
    judgement = clients.judge("client", texts)
    assert not judgement.complaints, judgement.details
    assert judgement.extras <= EXTRAS
    assert check(conversation.traffic, "yandex") == []
    return judgement.extras


@pytest.fixture(scope="module")
def bundled_calls(
    clients: Clients, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Conversation]]]:
    """What each bundled scenario says in a call. Several talk at a time: a call takes as long as people talk."""
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        yield {name: pool.submit(call_bundled, name, tmp_path_factory.mktemp(name)) for name in NAMES}


def call_bundled(name: str, folder: Path) -> Conversation:
    """Runs a bundled scenario with its caller in tones; returns what passed between voxrt and the provider."""
    (folder / "caller.toml").write_text(in_tones(name), encoding="utf-8")
    serving = emulator("yandex", "--no-speech", "--dialogue", str(SCENARIOS / f"{name}.dialogue.toml"))
    with company(name) as more, serving as (url, _), tapped(url) as tap:
        options = ["--no-speech", "--call", "script:caller.toml", "--provider", tap.url, *more]
        done = subprocess.run(
            [VOXRT, "run", name, *options],
            cwd=folder,
            env=environment({"YANDEX_API_KEY": "key", "YANDEX_FOLDER_ID": "folder"}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return tap.only


@pytest.mark.parametrize("name", NAMES)
def test_every_message_of_a_bundled_scenario_is_valid(
    clients: Clients, bundled_calls: Mapping[str, Future[Conversation]], name: str
) -> None:
    assert_valid(clients, bundled_calls[name].result())


def test_every_message_of_every_method_is_valid(
    clients: Clients, run_voxrt: RunVoxrt, tmp_path: Path
) -> None:
    (tmp_path / "s.lua").write_text(EVERY_METHOD, encoding="utf-8")
    (tmp_path / "caller.toml").write_text("[[step]]\npause_ms = 60000\n", encoding="utf-8")
    with emulator("yandex", "--no-speech") as (url, _), tapped(url) as tap:
        options = ["--no-speech", "--call", "script:caller.toml", "--provider", tap.url]
        run_voxrt("run", "s.lua", *options)
    assert assert_valid(clients, tap.only) == EXTRAS
    sent = {json.loads(text)["type"] for text in tap.only.texts("client")}
    # A scenario has no method that commits the caller's audio; server VAD does.
    assert sent == CAPABILITIES.client_types - {"input_audio_buffer.commit"}
