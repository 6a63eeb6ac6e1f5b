"""A session that is over is freed at once, by reference counting: a full collection of garbage stalls all media."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from engine_network import connect_to
from session_doubles import ToldLeg
from session_stand import PARTY, Seen
from voxruntime.call.leg import Leg
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.engine import Engine
from voxruntime.files.client import FileProcess
from voxruntime.providers.interface import Network, Spawn
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.turn.messages import ConnectRealtime, SourceFile, StartCall

BRIDGE = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  event.call:answer()
  VoxEngine.callPSTN("7000", "7001")
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
  VoxEngine.sendMediaBetween(event.call, client)
  setInterval(function() end, 100)
  setTimeout(function()
    END
  end, 1)
end)
"""


async def provide(connection: ServerConnection) -> None:
    await connection.send(json.dumps({"type": "session.created", "event_id": "e", "session": {"id": "s"}}))
    async for _ in connection:
        pass


async def run_and_forget(end: str, result: str) -> list[weakref.ref[object]]:
    """Runs a session with two calls and a client over a real socket; returns its parts, held by nobody."""
    parts: list[weakref.ref[object]] = []
    clock = Clock(asyncio.get_running_loop())
    files, scenarios = FileProcess(clock), ScenarioHost(clock, warm=0)
    await scenarios.start()
    await files.start()

    async def dial(_command: StartCall) -> Leg | None:
        callee = ToldLeg()
        parts.append(weakref.ref(callee))
        return callee

    def connect(spawn: Spawn, command: ConnectRealtime, events: ClientEvents) -> RealtimeClient:
        client = connect_to(url, network)(spawn, command, events)
        parts.extend((weakref.ref(client), weakref.ref(events)))
        return client

    async def live() -> None:
        plan = SessionPlan(
            "s", [SourceFile("s.lua", BRIDGE.replace("END", end))], {}, 1, RecordingPlan(Path("nowhere"))
        )
        caller, seen = ToldLeg(), Seen()
        session = engine.open_session(plan, seen)
        session.alert(caller, PARTY)
        held = (
            session,
            session.calls,
            session.media,
            session.realtime,
            session.calls.active[0],
            caller,
            seen,
        )
        parts.extend(weakref.ref(each) for each in held)
        outcome = await session.run()
        assert outcome.result == result
        engine.release_session(session)

    async with serve(provide, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1/realtime"
        network = Network(clock, files.resolve, asyncio.get_running_loop().create_task)
        engine = Engine(clock, Limits(), files, scenarios, dial, connect)
        try:
            await live()
        finally:
            engine.close()
            await files.close()
            await scenarios.close()
    return parts


@pytest.mark.parametrize(
    ("end", "result"), [("VoxEngine.terminate()", "terminated"), ('error("a fault")', "failed")]
)
def test_a_session_and_its_parts_are_freed_without_the_collector(end: str, result: str) -> None:
    gc.disable()
    try:
        parts = asyncio.run(run_and_forget(end, result))
        assert len(parts) == 10
        assert [part() for part in parts] == [None] * len(parts)
    finally:
        gc.enable()
