"""An embedded server on the loopback and a client that did not come from voxrt: the `websockets` library's."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

import traffic
from conformance.emulator.invariants import Frame
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.tonewords import decode, encode
from voxruntime.clock import Clock
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.dialogue import Dialogue
from voxruntime.emulator.profiles import YANDEX, Profile
from voxruntime.emulator.server import EmulatorServer, ServerOptions
from voxruntime.speech.tones import ToneEngines

KEY = {"Authorization": "Api-Key anything"}
MODEL = "?model=gpt://folder/model"
RATE = 8000
PATIENCE_S = 60

Json = dict[str, object]


@asynccontextmanager
async def serving(
    dialogue: Dialogue,
    profile: Profile = YANDEX,
    *,
    behaviour: Behaviour | None = None,
    faults: Sequence[str] = (),
    **options: object,
) -> AsyncIterator[tuple[EmulatorServer, str]]:
    """Yields a server that speaks in tones, and its URL."""
    clock = Clock(asyncio.get_running_loop())
    behaviour = msgspec.structs.replace(behaviour or dialogue.server, faults=list(faults))
    dialogue = msgspec.structs.replace(dialogue, server=behaviour)
    server = EmulatorServer(
        clock, dialogue, ToneEngines(), profile=profile, options=ServerOptions(seed=1, **options)
    )
    url = await server.start("127.0.0.1", 0)
    try:
        yield server, url
    finally:
        await server.close()


class SocketClient:
    """One WebSocket and all that went through it.

    Args:
        websocket: Open.
        frames: Takes what is sent and received.
    """

    def __init__(self, websocket: ClientConnection, frames: list[Frame]) -> None:
        self.websocket = websocket
        self.frames = frames

    async def send(self, event_type: str, **fields: object) -> None:
        """Sends an event."""
        text = json.dumps({"type": event_type, **fields})
        self.frames.append(Frame("client", text))
        await self.websocket.send(text)

    async def receive(self) -> Json:
        """Returns the next event."""
        text = await asyncio.wait_for(self.websocket.recv(), PATIENCE_S)
        assert isinstance(text, str)
        # Without its time: a busy machine delays it.
        self.frames.append(Frame("server", text))
        return json.loads(text)

    async def until(self, *event_types: str) -> Json:
        """Returns the next event of one of some types."""
        while (event := await self.receive())["type"] not in event_types:
            pass
        return event

    async def until_item(self, item_type: str) -> Json:
        """Returns the next item of a type that enters the conversation, or has."""
        while True:
            item = (await self.until("conversation.item.added"))["item"]
            if item["type"] == item_type:
                return item

    async def configure(self, **session: object) -> None:
        """Declares the rate of both directions."""
        rate = {"format": {"type": "audio/pcm", "rate": RATE}}
        audio = {"input": {**rate, "transcription": {"model": "any"}}, "output": rate}
        await self.send("session.update", session={"type": "realtime", "audio": audio, **session})

    async def append(self, pcm: PCM16) -> None:
        """Appends audio, 20 ms in each event."""
        for start in range(0, len(pcm), RATE // 50):
            piece = base64.b64encode(pcm[start : start + RATE // 50].tobytes()).decode()
            await self.send("input_audio_buffer.append", audio=piece)

    async def speak(self, text: str) -> None:
        """Says words in tones, then is silent for a second."""
        await self.append(np.concatenate((encode(text, RATE), np.zeros(RATE, dtype=np.int16))))

    async def ask(self, text: str) -> None:
        """Writes what the user says, and asks for a response."""
        content = [{"type": "input_text", "text": text}]
        await self.send(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content}
        )
        await self.send("response.create")

    def events(self) -> list[Json]:
        """Returns what came so far."""
        return [json.loads(frame.text) for frame in self.frames if frame.sender == "server"]

    def item(self, item_id: str) -> Json:
        """Returns the newest state of an item."""
        items = [event["item"] for event in self.events() if "item" in event]
        return next(item for item in reversed(items) if item["id"] == item_id)

    def kinds_of(self, item_id: str) -> list[str]:
        """Returns the types of the events about an item."""
        return [
            event["type"]
            for event in self.events()
            if item_id in (event.get("item_id"), event.get("item", {}).get("id"))
        ]

    def spoken(self) -> str | None:
        """Returns what the tones of all answers say."""
        deltas = [event["delta"] for event in self.events() if event["type"] == "response.output_audio.delta"]
        return decode(np.frombuffer(b"".join(map(base64.b64decode, deltas)), dtype="<i2"), RATE)


@asynccontextmanager
async def client(
    url: str, profile: Profile = YANDEX, *, is_sound: bool = True, **fields: object
) -> AsyncIterator[SocketClient]:
    """Yields a client of a server; its traffic is judged when the test ends, unless the server has faults."""
    frames = traffic.record(profile.name) if is_sound else []
    async with connect(url + MODEL, additional_headers=KEY, max_size=None, **fields) as websocket:
        yield SocketClient(websocket, frames)


@asynccontextmanager
async def session(
    dialogue: Dialogue, profile: Profile = YANDEX, *, faults: Sequence[str] = (), **options: object
) -> AsyncIterator[SocketClient]:
    """Yields the only client of a server of its own."""
    async with serving(dialogue, profile, faults=faults, **options) as (_, url):  # noqa: SIM117  # reads better
        async with client(url, profile, is_sound=not faults) as each:
            yield each
