"""The plainest bridge: two tasks a session, `websockets`, soxr at its quickest, `json`. No scenario, no mixer, no limits."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import numpy as np
import soxr
from pulses import FRAME_S, PulseTrack
from websockets.asyncio.client import ClientConnection, connect

RATE = 24000


async def talk(url: str, track: PulseTrack, started: asyncio.Event) -> None:
    up = soxr.ResampleStream(track.rate, RATE, 1, dtype="int16", quality="QQ")
    async with connect(url, compression=None) as connection:
        hearing = asyncio.create_task(hear(connection, track))
        started.set()
        due = time.monotonic()
        while not hearing.done():
            pcm = up.resample_chunk(track.give())
            audio = base64.b64encode(pcm.tobytes()).decode()
            await connection.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def hear(connection: ClientConnection, track: PulseTrack) -> None:
    down = soxr.ResampleStream(RATE, track.rate, 1, dtype="int16", quality="QQ")
    waiting, size = np.zeros(0, dtype=np.int16), track.rate // 50
    async for message in connection:
        event = json.loads(message)
        if event["type"] != "response.output_audio.delta":
            continue
        pcm = np.frombuffer(base64.b64decode(event["delta"]), dtype=np.int16)
        waiting = np.concatenate([waiting, down.resample_chunk(pcm)])
        while len(waiting) >= size:
            track.take(waiting[:size])
            waiting = waiting[size:]
