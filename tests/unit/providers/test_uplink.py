"""Audio of many clients leaves together, each frame to its own provider and in its own order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import numpy as np
import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from unit.providers.support import PATIENCE_S, Net, Owner, client_tls, request_to, server_tls
from voxruntime.audio.pcm import PCM16
from voxruntime.clock import Clock
from voxruntime.providers.interface import Timing
from voxruntime.providers.uplink import MOST_TOGETHER, Uplink
from voxruntime.providers.yandex import YANDEX
from voxruntime.realtime.wire_text import append_message
from voxruntime.testing import virtual_loop


class Sent:
    """Implements `Sender`: keeps what left, unmasked."""

    def __init__(self, log: list[Sent] | None = None) -> None:
        self.frames: list[PCM16] = []
        self.texts: list[str] = []
        self.octets: list[bytes] = []
        self.levels: list[float] = []
        self._log = [] if log is None else log

    def send_framed(self, octets: bytes, size: int, frame: PCM16, level: float) -> None:
        self.frames.append(frame)
        self.levels.append(level)
        self.octets.append(octets)
        key, payload = octets[-size - 4 : -size], octets[-size:]
        self.texts.append(bytes(octet ^ key[at % 4] for at, octet in enumerate(payload)).decode())
        self._log.append(self)


def piece(samples: int, value: int = 1) -> PCM16:
    return np.full(samples, value, dtype=np.int16)


def at_work(test: Callable[[Uplink, Clock], None]) -> float:
    """Runs a test in a callback of the loop; returns the time that has passed when all has left."""

    async def main() -> float:
        clock = Clock(asyncio.get_running_loop())
        test(Uplink(), clock)
        await clock.give_way()
        return clock.now()

    return virtual_loop.run(main())


def test_frames_leave_in_order_before_time_passes() -> None:
    log: list[Sent] = []
    senders = [Sent(log) for _ in range(5)]

    def put(uplink: Uplink, _clock: Clock) -> None:
        for turn in range(2):
            for number, sender in enumerate(senders):
                # Of different lengths, and one that changes.
                uplink.put(sender, piece([480, 160, 480, 882, 320 << turn][number], 100 * turn + number))
        assert log == []

    assert at_work(put) == 0.0
    assert log == senders * 2
    for number, sender in enumerate(senders):
        assert [frame[0] for frame in sender.frames] == [number, 100 + number]
        assert sender.levels == pytest.approx([number, 100 + number])
        assert sender.texts == [append_message(frame.tobytes()) for frame in sender.frames]
        assert all(json.loads(text) for text in sender.texts)


def test_each_frame_has_bytes_and_a_mask_of_its_own() -> None:
    sender = Sent()

    def put(uplink: Uplink, _clock: Clock) -> None:
        for _ in range(1000):
            uplink.put(sender, piece(3))

    at_work(put)
    assert len(set(sender.texts)) == 1
    assert len(set(sender.octets)) > 990


def test_no_more_than_so_many_frames_wait_for_each_other() -> None:
    sender = Sent()

    def put(uplink: Uplink, _clock: Clock) -> None:
        for _ in range(2 * MOST_TOGETHER + 1):
            uplink.put(sender, piece(480))
        assert len(sender.frames) == 2 * MOST_TOGETHER

    at_work(put)
    assert len(sender.frames) == 2 * MOST_TOGETHER + 1


def test_a_client_that_sends_something_else_lets_its_audio_go_first() -> None:
    mine, idle = Sent(), Sent()

    def settle(uplink: Uplink, _clock: Clock) -> None:
        uplink.settle(mine)
        uplink.put(mine, piece(480))
        uplink.settle(idle)
        assert mine.frames == []
        uplink.settle(mine)
        assert len(mine.frames) == 1
        uplink.put(mine, piece(480))
        assert len(mine.frames) == 1

    at_work(settle)
    assert len(mine.frames) == 2


def test_frames_that_do_not_lie_in_one_piece_are_sent_as_they_sound() -> None:
    sender = Sent()
    stereo = np.arange(960, dtype=np.int16).reshape(-1, 2)
    at_work(lambda uplink, _clock: uplink.put(sender, stereo[:, 1]))
    assert sender.texts == [append_message(stereo[:, 1].tobytes())]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_clients_of_one_network_send_each_their_own(scheme: str) -> None:
    authority = trustme.CA()
    sent = {str(rate): [piece(rate // 50, value) for value in range(3)] for rate in (8000, 16000, 24000)}

    async def main() -> dict[str, list[str]]:
        heard: dict[str, list[str]] = {}
        all_heard = asyncio.Event()

        async def handler(connection: ServerConnection) -> None:
            update, *appends = [await connection.recv() for _ in range(4)]
            heard[json.loads(update)["rate"]] = [str(text) for text in appends]
            if len(heard) == len(sent):
                all_heard.set()
            await connection.wait_closed()

        tls = server_tls(authority) if scheme == "wss" else None
        async with (
            serve(handler, "127.0.0.1", 0, ssl=tls) as server,
            Net(timing=Timing(), tls=client_tls(authority)) as network,
        ):
            url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            owners = {rate: Owner(sees_audio=False) for rate in sent}
            clients = {rate: YANDEX.connect(request_to(url), network, owners[rate]) for rate in sent}
            for rate, client in clients.items():
                await owners[rate].heard("open")
                client.set_rates(int(rate), 0)
                client.send("session.update", json.dumps({"rate": rate}))
            for at in range(3):
                for rate, client in clients.items():
                    client.send_audio(sent[rate][at])
            async with asyncio.timeout(PATIENCE_S):
                await all_heard.wait()
            for rate, client in clients.items():
                client.close()
                await owners[rate].heard("closed")
        return heard

    assert asyncio.run(main()) == {
        rate: [append_message(frame.tobytes()) for frame in frames] for rate, frames in sent.items()
    }
