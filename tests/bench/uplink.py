"""Prints, as one JSON object, what a caller's 20 ms cost on their way to the provider's socket: µs of CPU per frame.

    OPENBLAS_NUM_THREADS=1 python tests/bench/uplink.py [--clients 50] [--tls]

`together` is the way that audio takes as a rule, from `send_audio` to the socket: what a tick brings for all clients goes
in one piece. `each_text` is the way of audio whose texts somebody looks at. `socket` is the write of such a frame to
asyncio's transport alone, the kernel's part included; the server is a process of its own that reads and forgets.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import trustme
from machine import machine_now

from unit.providers.support import Net, Owner, client_tls, request_to, server_tls, upgrade
from voxruntime.clock import Clock
from voxruntime.engine import settle_memory
from voxruntime.providers.interface import Network, Timing
from voxruntime.providers.yandex import YANDEX
from voxruntime.realtime.interface import RealtimeClient

APPEND_BYTES = 1335
TICKS = 50
ROUNDS = 15


async def forget(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await upgrade(reader, writer)
    while await reader.read(1 << 20):
        pass


def serve(listener: socket.socket, tls: ssl.SSLContext | None) -> int:
    """Serves in a process of its own; returns its id."""
    pid = os.fork()
    if pid:
        listener.close()
        return pid

    async def run() -> None:
        server = await asyncio.start_server(forget, sock=listener, ssl=tls)
        await server.serve_forever()

    asyncio.run(run())
    raise SystemExit


async def connect(network: Network, url: str, count: int, *, sees_audio: bool) -> list[RealtimeClient]:
    clients = []
    for _ in range(count):
        owner = Owner(sees_audio=sees_audio)
        clients.append(YANDEX.connect(request_to(url), network, owner))
        await owner.heard("open")
        owner.wire = Forgetful()
    return clients


class Forgetful(list[tuple[str, str]]):
    """Keeps nothing."""

    def append(self, _note: tuple[str, str]) -> None: ...


async def cpu_us(clock: Clock, tick: Callable[[], None], count: int) -> float:
    """CPU µs of one frame of a tick, with the turn of the loop in which it leaves: the least of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        used = 0.0
        for _ in range(TICKS):
            begun = time.process_time()
            tick()
            await clock.give_way()
            used += time.process_time() - begun
            await clock.sleep(0.002)  # for the server to read
        rounds.append(used / TICKS / count * 1e6)
    return round(min(rounds), 2)


async def measure(url: str, count: int, tls: ssl.SSLContext | None) -> dict[str, float]:
    frames = list(np.random.default_rng(1).integers(-9000, 9000, (count, 480)).astype(np.int16))
    async with Net(timing=Timing(ping_interval_s=0), tls=tls) as network:

        async def send(*, sees_audio: bool) -> float:
            clients = await connect(network, url, count, sees_audio=sees_audio)
            settle_memory()

            def tick() -> None:
                for client, frame in zip(clients, frames, strict=True):
                    client.send_audio(frame)

            return await cpu_us(network.clock, tick, count)

        return {
            "together": await send(sees_audio=False),
            "each_text": await send(sees_audio=True),
            "socket": await cpu_us(network.clock, await writes(url, count, tls), count),
        }


async def writes(url: str, count: int, tls: ssl.SSLContext | None) -> Callable[[], None]:
    """Returns what writes as many octets as an append has, in its frame, to connections without a client."""
    loop, (host, port) = asyncio.get_running_loop(), url.split("/")[2].split(":")
    transports = []
    for _ in range(count):
        transport, _protocol = await loop.create_connection(asyncio.Protocol, host, int(port), ssl=tls)
        transport.write(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: none\r\n\r\n")
        transports.append(transport)
    octets = os.urandom(APPEND_BYTES)

    def write() -> None:
        for transport in transports:
            transport.write(octets)

    return write


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--clients", type=int, default=50)
    arguments.add_argument("--tls", action="store_true")
    options = arguments.parse_args()
    authority = trustme.CA() if options.tls else None
    listener = socket.create_server(("127.0.0.1", 0), backlog=options.clients)
    scheme = "ws" if authority is None else "wss"
    url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/"
    server = serve(listener, None if authority is None else server_tls(authority))
    try:
        tls = None if authority is None else client_tls(authority)
        result = asyncio.run(measure(url, options.clients, tls))
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
    print(json.dumps(result | machine_now() | {"clients": options.clients, "tls": options.tls}, indent=1))


if __name__ == "__main__":
    main()
