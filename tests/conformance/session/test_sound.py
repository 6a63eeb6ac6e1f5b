"""What is said is heard, to the sample: whole sessions with real scenario processes, and long calls in virtual time."""

from __future__ import annotations

import asyncio
import base64
import gc
import itertools
import json
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from engine_network import connect_to, nobody
from session_doubles import ToldProvider
from session_stand import PARTY, Seen, Stand, run_session
from voxruntime.audio.pcm import FRAME_S, PCM16, frame_samples, silent_frame
from voxruntime.audio.resample import Resampler
from voxruntime.call.leg import CallParty, LegEvents
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.engine import Engine
from voxruntime.files.client import FileProcess
from voxruntime.providers.interface import Network
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.testing import virtual_loop
from voxruntime.testing.virtual_loop import VirtualLoop
from voxruntime.turn.messages import SourceFile

BRIDGE = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  event.call:answer()
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
  VoxEngine.sendMediaBetween(event.call, client)
end)
"""
BEGIN = 25
"""Tick at which all are connected."""
ITEM_S = 20


def noise(samples: int, seed: int) -> PCM16:
    """Sound in which no sample is zero and no stretch comes twice."""
    return np.random.default_rng(seed).integers(100, 30_000, samples).astype(np.int16)


def in_frames(frames: list[PCM16 | None], rate: int) -> PCM16:
    """What was heard, of shape (ticks, samples of a frame)."""
    silence = np.zeros(frame_samples(rate), dtype=np.int16)
    return np.stack([silence if frame is None else frame for frame in frames])


class Caller:
    """A far end that says noise, tick by tick, and keeps what it hears.

    Args:
        rate: Hz.
        ticks: After which it hangs up.
        on_tick: Told of each tick, before anything else happens in it.
        seed: Of its noise.
        enough: Frames of sound after which it hangs up too; 0 for no such end.
    """

    def __init__(
        self,
        rate: int,
        ticks: int,
        on_tick: Callable[[int], None] = lambda _tick: None,
        *,
        seed: int = 1,
        enough: int = 0,
    ) -> None:
        self.rate = rate
        self.said = noise(ticks * frame_samples(rate), seed).reshape(ticks, -1)
        self.heard: list[PCM16 | None] = []
        self.heard_at: list[float] = []
        self.ticks = 0
        self._sounding = 0
        self._enough = enough
        self._on_tick = on_tick
        self._events: LegEvents | None = None

    def open(self, party: CallParty, events: LegEvents) -> None:
        self._events = events

    def answer(self, headers: Mapping[str, str]) -> None: ...

    def reject(self, status: int) -> None: ...

    def hang_up(self, headers: Mapping[str, str]) -> None: ...

    def pull(self) -> PCM16 | None:
        self._on_tick(self.ticks)
        self.ticks += 1
        if self.ticks == len(self.said) or (self._enough and self._sounding >= self._enough):
            assert self._events is not None
            self._events.on_hung_up(200, "")
        return self.said[self.ticks - 1]

    def push(self, frame: PCM16 | None) -> None:
        self.heard.append(frame)
        self._sounding += frame is not None
        self.heard_at.append(asyncio.get_running_loop().time())


class Provider(ToldProvider):
    """Keeps what the caller said, and says items of noise."""

    def __init__(self, clock: Clock, rate: int) -> None:
        super().__init__(clock, rate)
        self.rate = rate
        self.heard: list[PCM16] = []
        self.said: list[tuple[int, PCM16]] = []
        """What was said at which tick."""
        self.said_samples = 0

    def send_audio(self, frame: PCM16) -> None:
        self.heard.append(frame)

    def speak(self, tick: int, samples: int) -> None:
        """Says so much more, in an item that begins anew now and then."""
        item = self.said_samples // (ITEM_S * self.rate)
        sound = noise(samples, 1000 + len(self.said))
        self.said.append((tick, sound))
        self.said_samples += samples
        self.say_audio(f"item{item}", sound)


@dataclass
class Call:
    """A call that is over, and both its ends."""

    caller: Caller
    provider: Provider

    @property
    def heard(self) -> PCM16:
        """By the caller, of shape (ticks, samples of a frame)."""
        return in_frames(self.caller.heard, self.caller.rate)


def talk(rates: tuple[int, int], ticks: int, on_tick: Callable[[Provider, int], None]) -> Call:
    """Runs a call in virtual time.

    Args:
        rates: Hz of the caller and of the provider.
        ticks: Its length, 20 ms each.
        on_tick: What the provider does at each tick, from `BEGIN` on.
    """
    providers: list[Provider] = []

    def on_caller_tick(tick: int) -> None:
        if tick >= BEGIN:
            on_tick(providers[0], tick)

    caller = Caller(rates[0], ticks, on_caller_tick)

    def prepare(stand: Stand) -> None:
        providers.append(Provider(stand.clock, rates[1]))
        stand.connect = providers[0].connect
        stand.session.alert(caller, PARTY)

    outcome, _ = virtual_loop.run(run_session(BRIDGE, prepare))
    assert outcome.error is None, outcome.error
    return Call(caller, providers[0])


def in_bursts(ticks: int, seed: int) -> Callable[[Provider, int], None]:
    """A provider that speaks in bursts, up to ten times as fast as it is heard, and stalls for seconds now and then."""
    random = np.random.default_rng(seed)
    stalled_until = 0

    def on_tick(provider: Provider, tick: int) -> None:
        nonlocal stalled_until
        if random.random() < 0.001:
            stalled_until = tick + int(random.integers(50, 400))
        ahead_s = provider.said_samples / provider.rate - (tick - BEGIN) * FRAME_S
        # What is said last is heard before the caller hangs up.
        is_due = tick >= stalled_until and random.random() < 0.1 and ahead_s < 30 and tick < ticks - 50 * 40
        if is_due:
            provider.speak(tick, int(random.integers(1, 100 * frame_samples(provider.rate))))

    return on_tick


def played(said: list[tuple[int, PCM16]], ticks: int, rate: int) -> PCM16:
    """What is to be heard of it: from tick to tick the next 20 ms of what is there by then, and silence behind its end."""
    sound, samples = np.concatenate([piece for _, piece in said]), frame_samples(rate)
    there = np.zeros(ticks, dtype=int)
    for tick, piece in said:
        there[tick] += len(piece)
    frames, begin = np.zeros((ticks, samples), dtype=np.int16), 0
    for frame, end in zip(frames, np.cumsum(there), strict=True):
        piece = sound[begin : min(begin + samples, end)]
        frame[: len(piece)] = piece
        begin += len(piece)
    assert begin == len(sound)
    return frames


def converted(frames: PCM16, in_rate: int, out_rate: int) -> PCM16:
    """All of it at another rate, without a call around it."""
    if in_rate == out_rate:
        return frames
    resampler = Resampler(in_rate, out_rate)
    pairs = itertools.pairwise([silent_frame(in_rate), *frames])
    return np.concatenate([resampler.process([before], [frame]) for before, frame in pairs])


@pytest.mark.parametrize(("rates", "minutes"), [((8000, 8000), 10), ((24000, 24000), 10), ((8000, 24000), 3)])
def test_a_long_call_in_bursts_with_stalls_is_heard_sample_by_sample_both_ways(
    rates: tuple[int, int], minutes: int
) -> None:
    ticks = minutes * 60 * 50
    call = talk(rates, ticks, in_bursts(ticks, seed=rates[1]))
    assert call.provider.said_samples > minutes * 30 * rates[1]
    expected = converted(played(call.provider.said, ticks, rates[1]), rates[1], rates[0])
    assert np.array_equal(call.heard, expected[: len(call.heard)])
    # The first frames go nowhere: the connection is not there yet.
    heard = np.stack(call.provider.heard)
    assert ticks - BEGIN < len(heard) <= ticks
    assert np.array_equal(heard, converted(call.caller.said[-len(heard) :], *rates))


def test_a_burst_of_ten_times_real_time_plays_at_real_time() -> None:
    def on_tick(provider: Provider, tick: int) -> None:
        if tick < BEGIN + 50:
            provider.speak(tick, 10 * frame_samples(24000))

    call = talk((24000, 24000), BEGIN + 600, on_tick)
    said = np.concatenate([sound for _, sound in call.provider.said]).reshape(500, -1)
    assert np.array_equal(call.heard[BEGIN : BEGIN + 500], said)
    assert not call.heard[BEGIN + 500 :].any()


@pytest.mark.parametrize("stall_ticks", [10, 60])
def test_a_stall_of_the_provider_is_silence_and_then_comes_the_next_sample(stall_ticks: int) -> None:
    def on_tick(provider: Provider, tick: int) -> None:
        if tick in {BEGIN, BEGIN + stall_ticks}:
            provider.speak(tick, 1000)

    call = talk((24000, 24000), BEGIN + 100, on_tick)
    heard = call.heard[BEGIN:].reshape(-1)
    (_, first), (_, second) = call.provider.said
    assert np.array_equal(heard[:1000], first)
    assert not heard[1000 : stall_ticks * 480].any()
    assert np.array_equal(heard[stall_ticks * 480 :][:1000], second)


@pytest.mark.parametrize("stall_s", [0.06, 0.3, 1.7])
def test_stalls_of_the_engine_never_become_delay_for_good_and_cost_no_word(stall_s: float) -> None:
    """The provider speaks in real time, 0.4 s of sound and 0.2 s of silence; each frame is filled with its number."""
    begun: list[float] = []

    def on_tick(provider: Provider, tick: int) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)

        def say(number: int) -> None:
            frame = np.full(frame_samples(24000), number if number % 30 < 20 else 0, dtype=np.int16)
            provider.say_audio("item", frame)
            loop.call_at(begun[0] + number * FRAME_S, say, number + 1)

        if tick == BEGIN:
            begun.append(loop.time())
            say(1)
        if tick in {BEGIN + 50, BEGIN + 60, BEGIN + 250}:
            loop.jump(stall_s)

    call = talk((24000, 24000), BEGIN + 50 * 40, on_tick)
    heard = [
        (at, int(frame[0])) for at, frame in zip(call.caller.heard_at, call.heard, strict=True) if frame.any()
    ]
    assert [number for _, number in heard] == [n for n in range(1, heard[-1][1] + 1) if n % 30 < 20]
    delays = [at - begun[0] - number * FRAME_S for at, number in heard]
    assert max(delays) > stall_s
    assert delays[-1] < delays[0] + 1.5 * FRAME_S


def test_what_was_said_is_let_go_with_the_call_and_does_not_wait_for_the_collector() -> None:
    said: list[weakref.ref[PCM16]] = []

    class Remembered(Caller):
        def pull(self) -> PCM16 | None:
            frame = super().pull()
            assert frame is not None
            said.append(weakref.ref(frame))
            return frame

    def prepare(stand: Stand) -> None:
        stand.connect = ToldProvider(stand.clock, 24000).connect
        stand.session.alert(Remembered(24000, 200), PARTY)

    gc.disable()
    try:
        virtual_loop.run(run_session(BRIDGE, prepare))
        assert len(said) == 200
        # Some wait to be measured together with those of other calls.
        assert sum(frame() is not None for frame in said) < 70
    finally:
        gc.enable()


@dataclass
class Echo:
    """A provider behind a real socket that sends all audio straight back; `heard` by the key of each client."""

    heard: dict[str, list[PCM16]] = field(default_factory=dict)

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        heard = self.heard[connection.request.headers["Authorization"].removeprefix("Api-Key ")] = []
        await connection.send(
            json.dumps({"type": "session.created", "event_id": "e", "session": {"id": "s"}})
        )
        ids = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        async for text in connection:
            message = json.loads(text)
            if message["type"] == "input_audio_buffer.append":
                heard.append(np.frombuffer(base64.b64decode(message["audio"]), dtype="<i2"))
                delta = {"type": "response.output_audio.delta", "delta": message["audio"]}
                await connection.send(json.dumps(delta | ids))


async def talk_to_echo(callers: Mapping[str, Caller]) -> Echo:
    """Runs calls side by side in one engine, in real time and over real sockets; each has a key of its own."""
    echo, clock = Echo(), Clock(asyncio.get_running_loop())
    files, scenarios = FileProcess(clock), ScenarioHost(clock, warm=0)
    await scenarios.start()
    await files.start()

    async with serve(echo.serve, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1/realtime"
        network = Network(clock, files.resolve, asyncio.get_running_loop().create_task)
        engine = Engine(clock, Limits(), files, scenarios, nobody, connect_to(url, network))
        text = BRIDGE.replace('"k"', "VoxEngine.customData()")
        sessions = {}
        for key, caller in callers.items():
            plan = SessionPlan(
                key, [SourceFile("s.lua", text)], {}, 1, RecordingPlan(Path("nowhere")), custom_data=key
            )
            sessions[key] = engine.open_session(plan, Seen())
            sessions[key].alert(caller, PARTY)
        try:
            outcomes = await asyncio.gather(*(session.run() for session in sessions.values()))
            assert [outcome.error for outcome in outcomes] == [None] * len(callers)
        finally:
            for session in sessions.values():
                engine.release_session(session)
            engine.close()
            await files.close()
            await scenarios.close()
    return echo


def test_calls_side_by_side_keep_to_themselves_and_lose_no_sample_over_real_sockets() -> None:
    rates = [24000, 24000, 8000, 24000, 8000, 24000]
    callers = {
        f"key{number}": Caller(rate, 60 * 50, seed=number, enough=50) for number, rate in enumerate(rates)
    }
    echo = asyncio.run(talk_to_echo(callers))
    for key, caller in callers.items():
        to_provider = np.concatenate(echo.heard[key])
        frames = len(to_provider) // frame_samples(24000)
        said = converted(caller.said[caller.ticks - frames : caller.ticks], caller.rate, 24000).reshape(-1)
        assert np.array_equal(to_provider, said)
        if caller.rate == 24000:
            heard = in_frames(caller.heard, caller.rate).reshape(-1)
            heard = heard[heard != 0]
            assert len(heard) > 40 * frame_samples(24000)
            assert np.array_equal(heard, said[: len(heard)])
