"""Pipecat: its realtime service in a pipeline as its guide builds one, and its own resamplers. No transport of its own."""

from __future__ import annotations

import asyncio
import sys
import time

import numpy as np
from loguru import logger
from pipecat.audio.utils import create_stream_resampler
from pipecat.frames.frames import Frame, InputAudioRawFrame, LLMRunFrame, TTSAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner
from pulses import FRAME_S, PulseTrack

logger.remove()
logger.add(sys.stderr, level="ERROR")


class Ear(FrameProcessor):
    """Stands where the transport's output would: cuts what comes into frames of the leg's rate."""

    def __init__(self, track: PulseTrack) -> None:
        super().__init__()
        self._track = track
        self._down = create_stream_resampler()
        self._waiting = b""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._waiting += await self._down.resample(frame.audio, frame.sample_rate, self._track.rate)
            size = self._track.rate // 50 * 2
            while len(self._waiting) >= size:
                self._track.take(np.frombuffer(self._waiting[:size], dtype=np.int16))
                self._waiting = self._waiting[size:]
        await self.push_frame(frame, direction)


async def talk(url: str, track: PulseTrack, started: asyncio.Event) -> None:
    service = OpenAIRealtimeLLMService(
        api_key="any", base_url=url, settings=OpenAIRealtimeLLMService.Settings(model="any")
    )
    aggregators = LLMContextAggregatorPair(LLMContext([]))
    worker = PipelineWorker(
        Pipeline([aggregators.user(), service, Ear(track), aggregators.assistant()]),
        params=PipelineParams(audio_in_sample_rate=track.rate, audio_out_sample_rate=track.rate),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )

    @worker.event_handler("on_pipeline_started")
    async def on_started(_worker: PipelineWorker, _frame: Frame) -> None:
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await started.wait()
    await worker.queue_frame(LLMRunFrame())
    due = time.monotonic()
    while not running.done():
        pcm = track.give().tobytes()
        await worker.queue_frame(InputAudioRawFrame(audio=pcm, sample_rate=track.rate, num_channels=1))
        due += FRAME_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
