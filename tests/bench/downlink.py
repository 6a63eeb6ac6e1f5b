"""Prints, as one JSON object, what a provider's audio costs between the socket and the graph: µs of CPU per 20 ms.

    OPENBLAS_NUM_THREADS=1 python tests/bench/downlink.py [--clients 50]

Real clients behind real links get frames as a transport would give them: `receive` is from the link to the queue of what
is to be heard, `pull` takes a frame out of that queue, `after_tick` tells the session what has changed. The system call
and asyncio's part of a read are not in it. `live` is a delta of 20 ms and a tick in turn, `burst` ten deltas and ten ticks,
`long` a delta of 200 ms and ten ticks, `idle` ticks without audio.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import json
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from websockets.frames import Opcode
from websockets.uri import parse_uri

from session_doubles import RecordingHub
from unit.providers.support import LinkOwner, Net, frame, request_to, tcp_server, upgraded_then
from voxruntime.log import SecretMask
from voxruntime.media.graph import Graph
from voxruntime.providers.interface import Network
from voxruntime.providers.websocket import WebSocketLink
from voxruntime.providers.yandex.client import YandexClient
from voxruntime.realtime.interface import Handshake
from voxruntime.session.diagnosis import Diagnosis
from voxruntime.session.media import Media
from voxruntime.session.observer import SessionObserver
from voxruntime.session.realtime import RealtimeUnit
from voxruntime.session.records import RealtimeRecord
from voxruntime.turn.messages import ConnectRealtime

ROUNDS, TICKS = 7, 100
BURST = 10


class Owner(LinkOwner):
    """Hands messages on to a client."""

    def __init__(self, client: YandexClient) -> None:
        super().__init__()
        self.on_link_message = client.on_link_message


class Client:
    """One client whose connection is open, and its link."""

    def __init__(self, number: int, url: str, network: Network) -> None:
        hub, record = RecordingHub(), RealtimeRecord(f"client-{number}", "Yandex")
        command = ConnectRealtime(number, record.id, "s", "Yandex", 1, "k", "f", "m")
        diagnosis = Diagnosis(hub, record, SecretMask({}), None, None)
        media, observer = Media(hub, Graph()), SessionObserver()
        self.unit = RealtimeUnit(hub, command, record, media, observer, diagnosis, lambda _handle: None)
        media.add(number, self.unit)
        client = YandexClient(request_to(url), network, self.unit)
        self.unit.client = client
        self.unit.on_open(Handshake(101, {}, url))
        self.owner = Owner(client)
        self.link = WebSocketLink(parse_uri(url), {}, network, self.owner)
        self.link.open()


def delta(samples: int) -> bytes:
    """Returns a frame with an audio delta as a server sends it."""
    pcm = np.random.default_rng(1).integers(-9000, 9000, samples).astype("<i2").tobytes()
    fields = {"event_id": "event_AbCdEfGh0123456789", "response_id": "resp_AbCdEfGh0123456789"}
    fields |= {"item_id": "item_AbCdEfGh0123456789", "output_index": 0, "content_index": 0}
    audio = base64.b64encode(pcm).decode()
    text = json.dumps({"type": "response.output_audio.delta", **fields, "delta": audio})
    return frame(Opcode.TEXT, text.encode())


def measure(clients: list[Client], octets: bytes, deltas: int, ticks: int) -> dict[str, float]:
    """Returns the least of several rounds, since others use the machine too; of each part, per 20 ms and client."""
    size = len(octets)
    sources = [client.unit.source for client in clients]

    def receive() -> None:
        for client in clients:
            client.link.get_buffer(-1)[:size] = octets
            client.link.buffer_updated(size)

    def pull() -> None:
        for source in sources:
            assert source is not None
            source.pull()

    def after_tick() -> None:
        for client in clients:
            client.unit.after_tick()

    def cpu(step: Callable[[], None]) -> float:
        begun = time.process_time()
        step()
        return time.process_time() - begun

    rounds = []
    for _ in range(ROUNDS):
        spent = np.zeros(3)
        for _ in range(TICKS // ticks):
            for _ in range(deltas):
                spent[0] += cpu(receive)
            for _ in range(ticks):
                spent[1] += cpu(pull)
                spent[2] += cpu(after_tick)
        rounds.append(spent * 1e6 / (TICKS // ticks * ticks * len(clients)))
    least = np.min(rounds, axis=0)
    return {
        name: round(float(us), 2) for name, us in zip(("receive", "pull", "after_tick"), least, strict=True)
    }


async def run(count: int) -> dict[str, object]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(tcp_server(upgraded_then()))
        network = await stack.enter_async_context(Net())
        clients = [Client(number, url, network) for number in range(count)]
        for client in clients:
            await client.owner.heard("open")
        gc.collect()
        gc.freeze()
        short, long = delta(480), delta(480 * BURST)
        result = {
            "live": measure(clients, short, 1, 1),
            "burst": measure(clients, short, BURST, BURST),
            "long": measure(clients, long, 1, BURST),
        }
        for client in clients:
            client.unit.clear()
        measure(clients, short, 0, TICKS)
        result["idle"] = measure(clients, short, 0, 1)
        for client in clients:
            client.link.close()
        return {"unit": "CPU us per client and 20 ms", "clients": count, **result}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the way of a provider's audio to the graph.")
    parser.add_argument("--clients", type=int, default=50)
    print(json.dumps(asyncio.run(run(parser.parse_args().clients)), indent=1))


if __name__ == "__main__":
    main()
