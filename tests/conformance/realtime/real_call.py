"""A call in a session whose realtime client is the real one, on a real socket; on either clock."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec

from session_stand import Stand, run_session
from voxruntime.clock import Clock
from voxruntime.emulator.dialogue import builtin
from voxruntime.emulator.paths import url_of
from voxruntime.emulator.server import EmulatorServer, ServerOptions
from voxruntime.providers.interface import Network, RealtimeRequest
from voxruntime.providers.yandex import YANDEX
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.session.records import Outcome
from voxruntime.speech.tones import ToneEngines
from voxruntime.turn.messages import ConnectRealtime

Server = Callable[[], AbstractAsyncContextManager[str]]
"""Serves while its block runs; gives the URL."""


def nothing(_stand: Stand) -> None:
    """Prepares nothing."""


async def real_call(
    text: str, server: Server, prepare: Callable[[Stand], None] = nothing
) -> tuple[Outcome, Stand]:
    """Runs a scenario whose clients connect to a server of the test."""
    async with server() as url:

        def connect_there(stand: Stand) -> None:
            tasks = asyncio.get_running_loop()

            def connect(command: ConnectRealtime, events: ClientEvents) -> RealtimeClient:
                network = Network(clock=stand.clock, resolve=no_names, spawn=tasks.create_task)
                request = RealtimeRequest(command.api_key, command.folder_id, command.model, url)
                return YANDEX.connect(request, network, events)

            stand.connect = connect
            prepare(stand)

        return await run_session(text, connect_there)


def emulator(*faults: str) -> Server:
    """The embedded server, with faults as its command takes them; it reads little ahead, so that a stall shows soon."""

    @asynccontextmanager
    async def serve() -> AsyncIterator[str]:
        dialogue = builtin("en-US")
        behaviour = msgspec.structs.replace(dialogue.server, faults=list(faults))
        server = EmulatorServer(
            Clock(asyncio.get_running_loop()),
            msgspec.structs.replace(dialogue, server=behaviour),
            ToneEngines(),
            options=ServerOptions(seed=1),
        )
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await server.start_on(listener)
        yield url_of("127.0.0.1", listener.getsockname()[1])
        await server.close()

    return serve


async def no_names(host: str, port: int) -> list[tuple[int, str]]:
    raise AssertionError(f"{host}:{port} was looked up")
