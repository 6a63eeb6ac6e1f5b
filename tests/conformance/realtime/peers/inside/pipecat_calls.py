"""Calls to a realtime server with Pipecat's `OpenAIRealtimeLLMService`, in a pipeline as its guide builds one.

Its client validates each event with models of its own and stops at any it cannot read. Each function is one call.
`given` holds `url` and `audio`: files of raw PCM16 at 24 kHz, by what is said in them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMRunFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

RATE = 24000
FRAME_BYTES = RATE // 50 * 2

Given = dict[str, object]

logger.remove()
logger.add(sys.stderr, level="WARNING")


class Ear(FrameProcessor):
    """Stands where the loudspeaker would: keeps what is to be heard, and errors on their way back."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = [""]
        self.audio_bytes = 0
        self.errors: list[str] = []
        self._changed = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSTextFrame():
                self.said[-1] += frame.text
            case TTSAudioRawFrame():
                self.audio_bytes += len(frame.audio)
            case TTSStoppedFrame():
                self.said.append("")
            case ErrorFrame():
                self.errors.append(frame.error)
        self._changed.set()
        await self.push_frame(frame, direction)

    async def heard(self, turns: int) -> list[str]:
        """Returns what was said once that many turns have ended."""
        while len(self.said) <= turns and not self.errors:
            self._changed.clear()
            await self._changed.wait()
        return self.said[:-1]

    async def hears(self, words: str) -> None:
        """Returns once words were said; how many turns an interruption makes of it is the client's business."""
        while words not in "".join(self.said) and not self.errors:
            self._changed.clear()
            await self._changed.wait()

    async def speaks(self) -> None:
        """Returns once there is a sound."""
        while not self.audio_bytes and not self.errors:
            self._changed.clear()
            await self._changed.wait()


class Call:
    """One running pipeline."""

    def __init__(self, worker: PipelineWorker, context: LLMContext, ear: Ear, given: Given) -> None:
        self.worker = worker
        self.context = context
        self.ear = ear
        self.given = given
        self.switched: list[str] = []

    async def say(self, words: str) -> None:
        """Speaks in real time: the client takes what comes at once to have been said at once."""
        pcm = recorded(self.given, words)
        for start in range(0, len(pcm), FRAME_BYTES):
            piece = pcm[start : start + FRAME_BYTES]
            await self.worker.queue_frame(InputAudioRawFrame(audio=piece, sample_rate=RATE, num_channels=1))
            await asyncio.sleep(0.02)  # noqa: TID251  # Pipecat has no clock of ours


def recorded(given: Given, words: str) -> bytes:
    """Returns speech and the second of silence after it, which ends a turn."""
    return Path(given["audio"][words]).read_bytes() + bytes(RATE * 2)


@asynccontextmanager
async def connected(given: Given, first_words: str) -> AsyncIterator[Call]:
    """Runs a pipeline whose context begins with words of the user, which are answered at once."""
    switched: list[str] = []

    async def switch_feature(params: FunctionCallParams) -> None:
        switched.append(params.arguments["feature"])
        await params.result_callback({"state": "on"})

    tool = FunctionSchema(
        "switch_feature", "Switches a feature.", {"feature": {"type": "string"}}, ["feature"], switch_feature
    )
    properties = events.SessionProperties(
        audio=events.AudioConfiguration(
            input=events.AudioInput(
                transcription=events.InputAudioTranscription(model="any"),
                turn_detection=events.TurnDetection(silence_duration_ms=400),
            )
        )
    )
    service = OpenAIRealtimeLLMService(
        api_key="any",
        base_url=given["url"],
        settings=OpenAIRealtimeLLMService.Settings(model="gpt-realtime", session_properties=properties),
    )
    context = LLMContext([{"role": "user", "content": first_words}], ToolsSchema([tool]))
    aggregators, ear = LLMContextAggregatorPair(context), Ear()
    worker = PipelineWorker(
        Pipeline([aggregators.user(), service, ear, aggregators.assistant()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_started(worker: PipelineWorker, frame: Frame) -> None:
        started.set()

    @worker.event_handler("on_pipeline_error")
    async def on_error(worker: PipelineWorker, frame: ErrorFrame) -> None:
        ear.errors.append(frame.error)

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await started.wait()
    call = Call(worker, context, ear, given)
    call.switched = switched
    await worker.queue_frame(LLMRunFrame())
    try:
        yield call
    finally:
        await worker.queue_frame(EndFrame())
        await running
    expect(ear.errors, [])


def expect(found: object, wanted: object) -> None:
    assert found == wanted, f"{found!r} is not {wanted!r}"


async def text_turn(given: Given) -> None:
    async with connected(given, "hello") as call:
        expect(await call.ear.heard(1), ["Hello to you."])
        assert call.ear.audio_bytes > RATE // 10, call.ear.audio_bytes


async def spoken_turn(given: Given) -> None:
    async with connected(given, "hello") as call:
        await call.ear.heard(1)
        await call.say("goodbye")
        expect((await call.ear.heard(2))[1:], ["Goodbye!"])
        assert {"role": "user", "content": "goodbye"} in call.context.get_messages(), (
            call.context.get_messages()
        )


async def function_call(given: Given) -> None:
    async with connected(given, "hello") as call:
        await call.ear.heard(1)
        await call.say("call forwarding")
        expect((await call.ear.heard(3))[1:], ["One moment.", "It is now on."])
        expect(call.switched, ["call forwarding"])


async def barge_in(given: Given) -> None:
    async with connected(given, "one moment please") as call:
        await call.ear.speaks()
        await call.say("hello")
        await call.ear.hears("Hello to you.")
