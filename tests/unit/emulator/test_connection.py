"""Contract of emulator/connection.py, with a client in the same process and in virtual time."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from voxruntime.audio.tonewords import encode
from voxruntime.clock import Clock
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.core import Brain
from voxruntime.emulator.brain.pace import Pace
from voxruntime.emulator.connection import Connection
from voxruntime.emulator.dialogue import parse
from voxruntime.emulator.faults import FaultyStream, parse_fault
from voxruntime.emulator.ids import Ids
from voxruntime.emulator.mcp.client import McpProcess
from voxruntime.emulator.profiles import YANDEX
from voxruntime.speech.interface import (
    PCM16,
    Heard,
    Recognizer,
    SpeechUnavailable,
    Synthesizer,
    VoiceDetector,
)
from voxruntime.speech.tones import EnergyDetector, ToneRecognizer, ToneSynthesizer
from voxruntime.testing import virtual_loop

RATE = 8000
WELCOME = "Welcome to a rather long greeting."
TALK = parse(
    f"""
    [state.a]
    say = "{WELCOME}"
    no_match = "Pardon?"

    [[state.a.expect]]
    phrases = ["hello"]
    say = "Hello."
    """,
    "talk.toml",
)


class MemoryChannel:
    """A client in the same process."""

    def __init__(self, clock: Clock) -> None:
        self.sent: list[tuple[float, str]] = []
        self.closed: tuple[int, str] | None = None
        self.was_aborted = False
        self.is_unplugged = False
        self.binary: list[bytes] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._closed = asyncio.Event()
        self._clock = clock
        self._frames: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.taken = 0

    async def receive(self) -> str | bytes | None:
        frame = await self._frames.get()
        self.taken += 1
        return frame

    async def send(self, frame: str | bytes) -> None:
        await self.reads.wait()
        if isinstance(frame, bytes):
            self.binary.append(frame)
        else:
            self.sent.append((self._clock.now(), frame))

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
        self.leave()

    async def wait_closed(self) -> None:
        await self._closed.wait()

    def abort(self) -> None:
        self.was_aborted = True
        self.leave()

    def unplug(self) -> None:
        self.is_unplugged = True

    def leave(self) -> None:
        self._frames.put_nowait(None)
        self._closed.set()

    def say(self, frame: object) -> None:
        self._frames.put_nowait(frame if isinstance(frame, bytes) else json.dumps(frame))

    def append(self, pcm: PCM16) -> None:
        self.say({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm.tobytes()).decode()})

    def events(self) -> list[dict[str, object]]:
        return [json.loads(text) for _, text in self.sent]

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events()]

    def transcripts(self) -> list[str]:
        return [
            event["transcript"]
            for event in self.events()
            if event["type"] == "response.output_audio_transcript.done"
        ]


class Engines:
    """Tone engines that can be made slow or be taken away."""

    def __init__(self) -> None:
        self.recognizer: Recognizer = ToneRecognizer()
        self.synthesizer: Synthesizer = ToneSynthesizer()
        self.detector: VoiceDetector = EnergyDetector()

    def voice_detector(self) -> VoiceDetector:
        return self.detector


class Deaf:
    async def recognize(self, pcm: PCM16, rate: int, *, phrases: Sequence[str], language: str) -> Heard:
        raise SpeechUnavailable("the recogniser is gone")


class Mute:
    rate = 8000

    async def synthesize(
        self, text: str, *, language: str, voice: str, speed: float = 1.0
    ) -> AsyncIterator[PCM16]:
        if text:
            raise SpeechUnavailable("the voice is gone")
        yield np.zeros(0, dtype=np.int16)


class Slow:
    rate = 8000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ended: list[str] = []

    async def synthesize(
        self, text: str, *, language: str, voice: str, speed: float = 1.0
    ) -> AsyncIterator[PCM16]:
        try:
            for _ in range(100):
                await self._clock.sleep(1.0)
                yield np.ones(800, dtype=np.int16)
        finally:
            self.ended.append(text)


class Endless:
    rate = 8000

    async def synthesize(
        self, text: str, *, language: str, voice: str, speed: float = 1.0
    ) -> AsyncIterator[PCM16]:
        for _ in range(300):
            yield np.ones(8000, dtype=np.int16)


class Detector:
    """A voice detector that is lost after some calls, or never answers."""

    window_ms = 20

    def __init__(self, calls: int, *, hangs: bool = False) -> None:
        self._calls = calls
        self._hangs = hangs
        self._energy = EnergyDetector()
        self.is_closed = False

    async def detect(self, pcm: PCM16, rate: int) -> list[float]:
        self._calls -= 1
        if self._calls < 0:
            if self._hangs:
                await asyncio.Event().wait()
            raise SpeechUnavailable("the detector is gone")
        return await self._energy.detect(pcm, rate)

    def close(self) -> None:
        self.is_closed = True


class Stage:
    """A running connection."""

    def __init__(
        self, *faults: str, detector: VoiceDetector | None = None, behaviour: Behaviour | None = None
    ) -> None:
        self.clock = Clock(asyncio.get_running_loop())
        self.channel = MemoryChannel(self.clock)
        self.engines = Engines()
        brain = Brain(
            "gpt://a/b",
            YANDEX,
            msgspec.structs.replace(TALK, server=behaviour or TALK.server),
            new_id=Ids(1),
            detector_window_ms=detector and detector.window_ms,
            now=self.clock.now(),
            unix_s=0.0,
        )
        self.connection = Connection(
            brain,
            self.channel,
            self.engines,
            detector=detector,
            mcp=McpProcess(self.clock).session(),
            clock=self.clock,
            faults=FaultyStream([parse_fault(fault) for fault in faults]),
        )

    async def __aenter__(self) -> Stage:
        self.running = asyncio.ensure_future(self.connection.run())
        rate = {"format": {"type": "audio/pcm", "rate": RATE}}
        self.channel.say({"type": "session.update", "session": {"audio": {"input": rate, "output": rate}}})
        await self.clock.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.running.done():
            self.channel.leave()
        await self.running

    async def speak(self, text: str) -> None:
        pcm = np.concatenate((encode(text, RATE), np.zeros(RATE, dtype=np.int16)))
        for start in range(0, len(pcm), 160):
            self.channel.append(pcm[start : start + 160])
            await self.clock.sleep(0.02)


def in_virtual_time(main: Callable[[], Coroutine[object, object, None]]) -> Callable[[], None]:
    def test() -> None:
        virtual_loop.run(main())

    test.__name__ = main.__name__
    return test


@in_virtual_time
async def test_client_is_greeted_heard_and_answered() -> None:
    async with Stage() as stage:
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(5)
        await stage.speak("hello")
        await stage.clock.sleep(5)
        assert stage.channel.transcripts() == [WELCOME, "Hello."]


@in_virtual_time
async def test_answer_is_streamed_at_its_pace() -> None:
    async with Stage() as stage:
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(5)
        sent = [at for at, text in stage.channel.sent if "output_audio.delta" in text]
        steps = [after - before for before, after in itertools.pairwise(sent)]
        assert steps == pytest.approx([0.02] * len(steps))


@in_virtual_time
async def test_outside_detector_finds_the_turns_and_is_closed_with_the_connection() -> None:
    detector = Detector(calls=10_000)
    async with Stage(detector=detector) as stage:
        await stage.speak("hello")
        await stage.clock.sleep(5)
        assert stage.channel.transcripts() == ["Hello."]
    assert detector.is_closed


@in_virtual_time
async def test_lost_detector_is_replaced() -> None:
    async with Stage(detector=Detector(calls=5)) as stage:
        await stage.speak("hello")
        await stage.speak("hello")
        await stage.clock.sleep(5)
        assert stage.channel.transcripts()[-1] == "Hello."


@in_virtual_time
async def test_detector_that_never_answers_is_given_up() -> None:
    async with Stage(detector=Detector(calls=0, hangs=True)) as stage:
        for _ in range(600):
            stage.channel.append(np.zeros(160, dtype=np.int16))
        await stage.clock.sleep(1)
        await stage.speak("hello")
        await stage.clock.sleep(5)
        assert stage.channel.transcripts() == ["Hello."]


@in_virtual_time
async def test_lost_recogniser_is_told_to_the_client() -> None:
    async with Stage() as stage:
        stage.engines.recognizer = Deaf()
        await stage.speak("hello")
        await stage.clock.sleep(5)
        kinds = stage.channel.kinds()
        assert "conversation.item.input_audio_transcription.failed" in kinds
        assert kinds[-1] == "response.done"


@in_virtual_time
async def test_lost_voice_fails_the_response() -> None:
    async with Stage() as stage:
        stage.engines.synthesizer = Mute()
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(5)
        response = stage.channel.events()[-1]["response"]
        assert response["status_details"]["error"]["message"] == "the voice is gone"


@in_virtual_time
async def test_cancelled_answer_is_not_synthesised_any_more() -> None:
    async with Stage() as stage:
        stage.engines.synthesizer = slow = Slow(stage.clock)
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(3.5)
        stage.channel.say({"type": "response.cancel"})
        await stage.clock.sleep(0.1)
        assert slow.ended == [WELCOME]
        assert stage.channel.kinds()[-1] == "response.done"


@in_virtual_time
async def test_client_that_goes_away_leaves_nothing() -> None:
    before = len(asyncio.all_tasks())
    stage = Stage(detector=Detector(calls=10_000))
    stage.engines.synthesizer = slow = Slow(stage.clock)
    async with stage:
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(3.5)
        stage.channel.leave()
        await stage.running
        sent = len(stage.channel.sent)
        await stage.clock.sleep(60)
        assert len(stage.channel.sent) == sent
    assert slow.ended == [WELCOME]
    assert len(asyncio.all_tasks()) == before


@in_virtual_time
async def test_binary_frame_is_an_error() -> None:
    async with Stage() as stage:
        stage.channel.say(b"\x00")
        await stage.clock.sleep(0.1)
        assert stage.channel.kinds()[-1] == "error"


@in_virtual_time
async def test_expired_session_is_told_and_closed() -> None:
    async with Stage(behaviour=Behaviour(max_session_s=30)) as stage:
        await stage.clock.sleep(31)
        assert stage.channel.kinds()[-1] == "error"
        assert stage.channel.closed == (1001, "The session ended after 30 s.")


@in_virtual_time
async def test_client_that_does_not_read_is_not_read_from() -> None:
    async with Stage() as stage:
        stage.channel.reads.clear()
        for _ in range(5000):
            stage.channel.say({"type": "nonsense"})
        await stage.clock.sleep(1)
        assert 1000 < stage.channel.taken < 1100
        assert not stage.channel.was_aborted


@in_virtual_time
async def test_client_that_never_reads_is_cut_off_before_the_memory_is_full() -> None:
    async with Stage(behaviour=Behaviour(pace=Pace(delta_ms=20, times_realtime=1000.0))) as stage:
        stage.engines.synthesizer = Endless()
        stage.channel.reads.clear()
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(60)
        assert stage.channel.was_aborted


@in_virtual_time
async def test_client_that_reads_late_gets_everything() -> None:
    async with Stage() as stage:
        for _ in range(5000):
            stage.channel.say({"type": "nonsense"})
        await stage.clock.sleep(1)
        assert stage.channel.kinds().count("error") == 5000


@in_virtual_time
async def test_events_come_late_but_not_later_and_later() -> None:
    async with Stage("late:500") as stage:
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(5)
        created = next(at for at, text in stage.channel.sent if "response.created" in text)
        deltas = [at for at, text in stage.channel.sent if "output_audio.delta" in text]
        assert created == pytest.approx(0.51)
        assert deltas[-1] - deltas[0] == pytest.approx(0.02 * (len(deltas) - 1))


@in_virtual_time
async def test_dropped_connection_ends() -> None:
    async with Stage("drop:3") as stage:
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(5)
        assert stage.channel.was_aborted
        assert stage.running.done()
        assert len(stage.channel.sent) == 3


@in_virtual_time
async def test_stalled_connection_neither_sends_nor_reads_and_stays_open() -> None:
    async with Stage("stall:3") as stage:
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(5)
        taken = stage.channel.taken
        for _ in range(100):
            stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(5)
        assert len(stage.channel.sent) == 3
        assert stage.channel.taken <= taken + 1
        assert not stage.running.done()


@in_virtual_time
async def test_unplugged_connection_takes_nothing_in_and_stays_open() -> None:
    async with Stage("half_open:3") as stage:
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(5)
        assert stage.channel.is_unplugged
        assert len(stage.channel.sent) == 3
        assert not stage.running.done()


@in_virtual_time
async def test_connection_is_closed_by_a_server_that_breaks_down() -> None:
    async with Stage("close:3") as stage:
        stage.channel.say({"type": "response.create"})
        await stage.running
        assert stage.channel.closed is not None
        assert stage.channel.closed[0] == 1011
        assert len(stage.channel.sent) == 3


@in_virtual_time
async def test_events_of_a_slow_line_keep_their_distance() -> None:
    async with Stage("slow:200") as stage:
        stage.channel.say({"type": "response.create"})
        await stage.clock.sleep(5)
        times = [at for at, _ in stage.channel.sent]
        assert len(times) > 10
        assert min(later - before for before, later in pairwise(times)) == pytest.approx(0.2)


@in_virtual_time
async def test_binary_frames_lie_between_events() -> None:
    async with Stage("binary:2") as stage:
        await stage.clock.sleep(1)
        assert len(stage.channel.binary) == len(stage.channel.sent) // 2 == 1


@in_virtual_time
async def test_utterance_that_is_not_transcribed_is_told_and_the_dialogue_goes_on() -> None:
    async with Stage("deaf:2") as stage:
        for _ in range(2):
            await stage.speak("hello")
            await stage.clock.sleep(5)
        failed = "conversation.item.input_audio_transcription.failed"
        assert stage.channel.kinds().count(failed) == 1
        assert stage.channel.transcripts()[-1] == "Pardon?"
