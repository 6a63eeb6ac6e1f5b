"""What a realtime service may do to its clients, from the embedded server's switches, and what holds nevertheless."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import re
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from conformance.realtime.real_call import Server, emulator, real_call
from conformance.realtime.scripted_server import Close, Freeze, ScriptedServer, Step
from conformance.realtime.sequences import CREATED, Answer, level
from conformance.realtime.server_messages import MESSAGES
from session_stand import Stand
from voxrt_command import RunVoxrt, StartVoxrt
from voxruntime.testing import virtual_loop

CALL = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(alert)
  local call = alert.call
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  call:answer()
  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = "key",
    folderId = "b1g",
    onWebSocketClose = function(event)
      print("closed " .. event.code)
      setTimeout(function()
        print("call is " .. call:state())
        call:hangup()
      end, 5000)
    end,
  }))
  for constant, value in pairs(Yandex.RealtimeAPIEvents) do
    client:addEventListener(value, function(event) print(constant) end)
  end
  client:addEventListener(Yandex.RealtimeAPIEvents.WebSocketError, function(event)
    print("broken: " .. event.data.payload.message)
  end)
  client:sessionUpdate({ session = { instructions = "x" } })
  client:responseCreate({})
  VoxEngine.sendMediaBetween(call, client)
  ACT
end)
"""


def caller(stand: Stand) -> None:
    stand.call()


def call_with(*faults: str, act: str = "") -> Stand:
    """Runs a call against the embedded server, in virtual time."""
    outcome, stand = virtual_loop.run(real_call(CALL.replace("ACT", act), emulator(*faults), caller))
    assert outcome.error is None, outcome.error
    return stand


REFUSED = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.Started, function()
  local connecting = Yandex.createRealtimeAPIClient({
    apiKey = "key", folderId = "b1g", onWebSocketClose = function() print("never") end,
  })
  local ok, err = pcall(await, connecting)
  print(ok, err.code, err.status, err.retryable, err.headers["Content-Type"], err.body)
  print(err.message)
  VoxEngine.terminate()
end)
"""


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "provider.bad_request", "false"),
        (401, "provider.auth", "false"),
        (403, "provider.auth", "false"),
        (429, "provider.rate_limited", "true"),
        (500, "provider.unavailable", "true"),
        (503, "provider.unavailable", "true"),
    ],
)
def test_a_refused_upgrade_rejects_with_the_answer_and_fires_nothing(
    status: int, code: str, retryable: str
) -> None:
    _outcome, stand = virtual_loop.run(real_call(REFUSED, emulator(f"refuse:{status}")))
    fields, message = stand.seen.lines
    *start, body = fields.split("\t")
    assert start == ["false", code, str(status), retryable, "application/json"]
    assert json.loads(body)["error"]["code"] == status
    assert f"(HTTP {status})" in message
    (record,) = stand.session.realtime.records
    assert dict(record.events) == {}


@pytest.mark.parametrize("events", [12, 15])
def test_a_drop_in_mid_response_is_told_within_100_ms_and_the_call_goes_on(events: int) -> None:
    seen = call_with(f"drop:{events}").seen
    error = next(line for line in seen.lines if line.startswith("broken"))
    assert "dropped" in error
    assert "ResponseCreated" in seen.lines
    assert "ResponseDone" not in seen.lines
    before = seen.lines[seen.lines.index("WebSocketError") - 1]
    assert seen.times[error] - seen.times[before] <= 0.1
    assert seen.lines[-2:] == ["closed 1006", "call is CONNECTED"]


def test_a_stalled_provider_costs_the_oldest_audio_and_neither_connection_nor_call() -> None:
    act = """setTimeout(function()
    print("call is " .. call:state())
    call:hangup()
  end, 30000)"""
    stand = call_with("stall:14", act=act)
    assert stand.seen.lines[-1] == "call is CONNECTED"
    (record,) = stand.session.realtime.records
    assert record.dropped_audio_ms > 0
    # All that the caller said was sent, dropped, or is in the queue: the last 2 s.
    begun, ended = record.connected_ms / 1000, stand.seen.times["call is CONNECTED"]
    waiting_ms = (ended - begun) * 1000 - sent_audio_ms(record.traffic.sent_bytes) - record.dropped_audio_ms
    assert waiting_ms <= 2000 + 100


def test_an_unplugged_provider_is_found_out_within_40_s_and_the_call_goes_on() -> None:
    seen = call_with("half_open:14").seen
    error = next(line for line in seen.lines if line.startswith("broken"))
    assert "silent" in error
    assert seen.times[error] - seen.times["ResponseCreated"] <= 40.0
    assert seen.lines[-2:] == ["closed 1006", "call is CONNECTED"]


def test_a_provider_that_closes_is_told_with_its_code_and_the_call_goes_on() -> None:
    seen = call_with("close:12").seen
    assert "WebSocketError" not in seen.lines
    assert seen.lines[-2:] == ["closed 1011", "call is CONNECTED"]


def sent_audio_ms(sent_bytes: int) -> float:
    """Returns how much audio that is, at 24 kHz in base64 and messages of 20 ms."""
    return sent_bytes / (len('{"type":"input_audio_buffer.append","audio":""}') + 1280) * 20


@pytest.mark.parametrize(
    "faults",
    [
        "garbage:2",
        "binary:2",
        "huge:5",
        "duplicate:3",
        "reorder:2",
        "late:300",
        "slow:30",
        "garbage:3 binary:4 reorder:4 duplicate:5 slow:10",
    ],
)
def test_a_conversation_outlives_what_is_garbled_huge_twice_late_or_out_of_order(faults: str) -> None:
    act = """client:addEventListener(Yandex.Events.WebSocketMediaEnded, function(event)
    print("heard " .. event.mediaInfo.duration)
    call:hangup()
  end)"""
    stand = call_with(*faults.split(), act=act)
    assert float(stand.seen.lines[-1].removeprefix("heard ")) > 0.5


CONNECT = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.Started, function()
  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = "key",
    folderId = "b1g",
    onWebSocketClose = function(event)
      print("closed " .. event.code)
      VoxEngine.terminate()
    end,
  }))
  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function() print("open") end)
  client:addEventListener(Yandex.RealtimeAPIEvents.WebSocketError, function(event)
    print("broken: " .. event.data.payload.message)
  end)
end)
"""


def scripted(*script: Step) -> Server:
    """A server that plays one script."""

    @asynccontextmanager
    async def serve() -> AsyncIterator[str]:
        async with ScriptedServer(script) as server:
            yield server.url

    return serve


def test_a_half_open_connection_is_seen_within_40_s() -> None:
    _outcome, stand = virtual_loop.run(real_call(CONNECT, scripted(CREATED, Freeze())))
    begun, broken, closed = stand.seen.lines
    assert (begun, closed) == ("open", "closed 1006")
    assert "silent" in broken
    assert 10 < stand.seen.times[broken] - stand.seen.times[begun] <= 40


@asynccontextmanager
async def mute() -> AsyncIterator[str]:
    """A server that takes connections and never answers."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: held.append(writer), "127.0.0.1", 0)
    yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
    for writer in held:
        writer.transport.abort()
    server.close()
    await server.wait_closed()


def test_an_end_while_connecting_gives_the_connection_up_at_once() -> None:
    text = CONNECT.replace("local client", "setTimeout(VoxEngine.terminate, 500)\n  local client")

    async def main() -> tuple[float, int, list[str]]:
        before = len(os.listdir("/proc/self/fd"))
        _outcome, stand = await real_call(text, mute)
        return stand.session.now(), len(os.listdir("/proc/self/fd")) - before, stand.seen.lines

    took_s, descriptors, lines = virtual_loop.run(main())
    assert took_s < 1.0
    assert descriptors <= 1  # the loop's own
    assert lines == []


def test_a_connection_that_is_never_answered_rejects_in_time() -> None:
    text = CONNECT.replace("local client =", "local ok, client = pcall(function() return").replace(
        "  }))\n", "  })) end)\n  print(client.code)\n  VoxEngine.terminate()\n  if not ok then return end\n"
    )
    _outcome, stand = virtual_loop.run(real_call(text, mute))
    assert stand.seen.lines == ["provider.timeout"]
    assert stand.seen.times["provider.timeout"] == pytest.approx(10.0, abs=0.1)


MESSAGES_TO_FUZZ = int(os.environ.get("VOXRT_FUZZ_MESSAGES", "4000"))
"""A full measurement takes 100,000."""

MEBIBYTE = 1024 * 1024


def fuzzed(count: int) -> Iterator[str | bytes]:
    """Messages of a server with characters changed, left out, doubled and moved, in any order; binary ones among them."""
    chance = random.Random(7)
    seeds = [json.dumps(message, ensure_ascii=False) for message in MESSAGES.values()]
    seeds += [json.dumps(message) for message in Answer(1, level(900, 1), chunk_bytes=7).audio]
    for number in range(count):
        text = chance.choice(seeds)
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(text))
            match chance.randrange(5):
                case 0:
                    text = text[:at] + chance.choice('{}[]",:\\\x00я\ud7ff9.-e') + text[at + 1 :]
                case 1:
                    text = text[:at] + text[at + chance.randrange(1, 30) :]
                case 2:
                    text = text[: at + 9] + text[at:]
                case 3:
                    text = chance.choice(seeds)[:at] + text[at:]
                case _:
                    text = re.sub(
                        r"\d+|true|null", chance.choice(["null", "-1", "1e999", "[]", '{"a":{}}']), text
                    )
        if number % 11 == 0:
            yield text.encode() if number % 2 else chance.randbytes(chance.randrange(1, 60))
        else:
            yield text or "{}"


def test_fuzzed_messages_end_nothing_and_leave_nothing_behind() -> None:
    memory: list[int] = []

    async def flood(connection: ServerConnection) -> None:
        await connection.send(json.dumps(CREATED))
        for number, message in enumerate(fuzzed(MESSAGES_TO_FUZZ)):
            await connection.send(message)
            if number in (MESSAGES_TO_FUZZ // 2, MESSAGES_TO_FUZZ - 1):
                gc.collect()
                memory.append(tracemalloc.get_traced_memory()[0])
        await connection.send("x" * 2 * MEBIBYTE)
        await connection.send(json.dumps(MESSAGES["response.done"]))
        await connection.close(4321, "the end")

    @asynccontextmanager
    async def serve_flood() -> AsyncIterator[str]:
        async with serve(flood, "127.0.0.1", 0, compression=None) as server:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"

    tracemalloc.start()
    outcome, stand = asyncio.run(real_call(CONNECT, serve_flood))
    tracemalloc.stop()
    assert outcome.error is None, outcome.error
    assert stand.seen.lines[-1] == "closed 4321"
    (record,) = stand.session.realtime.records
    assert record.traffic.received_messages > MESSAGES_TO_FUZZ * 0.9
    assert record.usage["total_tokens"] >= 30
    assert memory[1] - memory[0] < MEBIBYTE


CONNECTS = int(os.environ.get("VOXRT_CONNECTS", "200"))
"""A full measurement takes 1,000."""

COME_AND_GO = f"""
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.Started, function()
  for i = 1, {CONNECTS} do
    local client = await(Yandex.createRealtimeAPIClient({{ apiKey = "key", folderId = "b1g" }}))
    client:close()
    if i % {CONNECTS // 2} == 0 then print("connects " .. i) end
  end
  VoxEngine.terminate()
end)
"""


def test_connects_and_closes_leak_nothing() -> None:
    taken: list[tuple[int, int, int, int]] = []

    def take_stock() -> None:
        gc.collect()
        children = Path("/proc/self/task") / str(os.getpid()) / "children"
        taken.append(
            (
                len(os.listdir("/proc/self/fd")),
                len(asyncio.all_tasks()),
                len(children.read_text().split()),
                tracemalloc.get_traced_memory()[0],
            )
        )

    async def greet(connection: ServerConnection) -> None:
        await connection.send(json.dumps(CREATED))
        await connection.wait_closed()

    @asynccontextmanager
    async def serve_greeting() -> AsyncIterator[str]:
        async with serve(greet, "127.0.0.1", 0, compression=None) as server:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"

    def watch(stand: Stand) -> None:
        stand.seen.when["connects"] = take_stock

    tracemalloc.start()
    outcome, stand = asyncio.run(real_call(COME_AND_GO, serve_greeting, watch))
    tracemalloc.stop()
    assert (outcome.result, outcome.error) == ("terminated", None)
    assert len(stand.session.realtime.records) == CONNECTS
    (descriptors, tasks, processes, memory), later = taken
    # The last few may still be closing, on either side.
    assert later[0] - descriptors <= 8
    assert later[1] - tasks <= 8
    assert later[2] == processes
    assert later[3] - memory < MEBIBYTE


def test_the_commands_a_user_has_do_all_of_it(
    start_voxrt: StartVoxrt, run_voxrt: RunVoxrt, tmp_path: Path
) -> None:
    emulator_process = start_voxrt("emulator", "--port", "0", "--no-speech", "--fault", "drop:12")
    assert emulator_process.stdout is not None
    url = emulator_process.stdout.readline().strip()
    (tmp_path / "s.lua").write_text(CALL.replace("ACT", "").replace("5000", "300"), encoding="utf-8")
    (tmp_path / "caller.toml").write_text("[[step]]\npause_ms = 30000\n", encoding="utf-8")
    options = ("--call", "script:caller.toml", "--no-speech", "--events", "out.jsonl", "--json")
    done = run_voxrt("run", "s.lua", "--provider", url, *options)
    assert done.log[-2:] == ["closed 1006", "call is CONNECTED"]
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    told = [line.get("name") or line["kind"] for line in lines if line["kind"] in ("wire", "turn")]
    # After the last message, the error is what the scenario hears next.
    after = told[len(told) - told[::-1].index("wire") :]
    assert "Yandex.RealtimeAPI.WebSocketError" in after
    (client,) = done.report["realtime"]
    assert client["traffic"]["received_messages"] == 12


LATE = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(alert)
  local call = alert.call
  call:answer()
  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = "key",
    folderId = "b1g",
    onWebSocketClose = function() print("told only now") end,
  }))
  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function()
    client:sessionUpdate({ session = { instructions = "x" } })
    client:conversationItemTruncate({ item_id = "i" })
    client:sendMediaTo(call)
    call:sendMediaTo(client)
    client:stopMediaTo(call)
    client:clearMediaBuffer()
    local quiet, interrupted = client:quiet(100), client:interrupt()
    print(await(quiet), JSON.encode(await(interrupted)))
    client:close()
    setTimeout(VoxEngine.terminate, 100)
  end)
end)
"""


def test_what_crosses_the_close_of_the_connection_does_nothing_and_settles() -> None:
    outcome, stand = virtual_loop.run(real_call(LATE, scripted(CREATED, Close(1001)), caller))
    assert (outcome.result, outcome.error) == ("terminated", None)
    settled = 'false\t{"cancelled":false,"heard_ms":0,"truncated":false}'
    assert stand.seen.lines == [settled, "told only now"]
