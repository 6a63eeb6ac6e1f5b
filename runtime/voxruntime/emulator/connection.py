"""One connection: moves texts between a client and a brain, and does the work the brain asks for."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from voxruntime.clock import Clock, Timer
from voxruntime.emulator.brain.core import Brain
from voxruntime.emulator.brain.requests import (
    Abandon,
    CallTool,
    DetectVoice,
    ListTools,
    Recognize,
    Request,
    Synthesize,
)
from voxruntime.emulator.dialogue import Dialogue
from voxruntime.emulator.faults import (
    INTERNAL_ERROR_CLOSE,
    CloseProperly,
    Cut,
    FaultyStream,
    Send,
    Step,
    Unplug,
)
from voxruntime.emulator.mcp.client import McpFailed, McpSession
from voxruntime.speech.interface import SpeechEngines, SpeechUnavailable, VoiceDetector

log = logging.getLogger(__name__)

_OUTGOING_PAUSES_READING = 1000
"""Events waiting for the client past which nothing more is read from it."""

_OUTGOING_LIMIT = 10_000
"""Events waiting past which the client is cut off: it does not read."""

_DETECTIONS_LIMIT = 500
"""Pieces of audio waiting for the voice detector, 10 s of them; a slower one is given up."""


class Channel(Protocol):
    """A client, as a connection sees it: a WebSocket, or a pair of queues in the same process."""

    async def receive(self) -> str | bytes | None:
        """Returns the next frame; None when the client is gone."""

    async def send(self, frame: str | bytes) -> None:
        """Sends a frame; does nothing when the client is gone."""

    async def close(self, code: int, reason: str) -> None:
        """Ends the connection with a closing handshake."""

    async def wait_closed(self) -> None:
        """Returns when the client is gone, even while nothing is received or sent."""

    def abort(self) -> None:
        """Cuts the connection."""

    def unplug(self) -> None:
        """Stays open, but takes nothing in any more, not even pings."""


class Connection:
    """Serves one client; `run` returns when it is gone, and nothing of it is left then.

    Args:
        brain: The session.
        channel: The client.
        engines: Hear and speak for the brain.
        detector: Voice detector of this stream; None when the brain needs none.
        mcp: Asks the MCP servers that the client names.
        clock: Time.
        faults: What goes wrong on the way to the client.
    """

    def __init__(
        self,
        brain: Brain,
        channel: Channel,
        engines: SpeechEngines,
        *,
        detector: VoiceDetector | None,
        mcp: McpSession,
        clock: Clock,
        faults: FaultyStream,
    ) -> None:
        self._brain = brain
        self._channel = channel
        self._engines = engines
        self._detector = detector
        self._mcp = mcp
        self._clock = clock
        self._faults = faults
        self._tasks = asyncio.TaskGroup()
        self._outgoing: asyncio.Queue[tuple[float, str]] = asyncio.Queue(_OUTGOING_LIMIT)
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_gone = False
        self._detections: asyncio.Queue[DetectVoice] = asyncio.Queue(_DETECTIONS_LIMIT)
        self._work: dict[int, asyncio.Task[None]] = {}
        self._timer: Timer | None = None
        self._timer_due: float | None = None

    async def run(self) -> None:
        """Serves the client until it is gone."""
        try:
            async with self._tasks as tasks:
                always = [tasks.create_task(self._send_outgoing()), tasks.create_task(self._watch())]
                if self._detector:
                    always.append(tasks.create_task(self._detect_voice(self._detector)))
                self._pump()
                await self._receive_incoming()
                for task in [*always, *self._work.values()]:
                    task.cancel()
                # Nothing new begins while those end.
                self._stop_timer()
        finally:
            self._stop_timer()
            self._mcp.close()
            if self._detector:
                self._detector.close()

    def replace_dialogue(self, dialogue: Dialogue) -> bool:
        """Goes on with another dialogue from the next answer on; False when the conversation cannot."""
        return self._brain.replace_dialogue(dialogue)

    def speech_restarted(self, message: str) -> None:
        """Tells the client that the speech engines began anew."""
        self._brain.speech_restarted(message, now=self._clock.now())
        self._pump()

    async def _receive_incoming(self) -> None:
        while not self._is_gone and (frame := await self._channel.receive()) is not None:
            if isinstance(frame, str):
                self._brain.receive_text(frame, now=self._clock.now())
            else:
                self._brain.receive_binary(now=self._clock.now())
            self._pump()
            await self._has_room.wait()

    async def _watch(self) -> None:
        await self._channel.wait_closed()
        self._is_gone = True
        self._has_room.set()

    async def _send_outgoing(self) -> None:
        while True:
            due, text = await self._outgoing.get()
            if self._outgoing.qsize() <= _OUTGOING_PAUSES_READING:
                self._has_room.set()
            if due > self._clock.now():
                await self._clock.sleep_until(due)
            for step in self._faults.process(text):
                await self._send(step)
            if self._faults.spacing:
                await self._clock.sleep(self._faults.spacing)
            closing = self._brain.closing()
            if closing and self._outgoing.empty():
                await self._channel.close(closing.code, closing.reason)

    async def _send(self, step: Step) -> None:
        match step:
            case Send():
                await self._channel.send(step.frame)
                return
            case Cut():
                self._channel.abort()
            case CloseProperly():
                await self._channel.close(INTERNAL_ERROR_CLOSE, "The fault 'close' is on.")
            case Unplug():
                self._channel.unplug()
        self._has_room.clear()
        # Nothing follows; the task is cancelled when the client is gone.
        await asyncio.Event().wait()

    def _pump(self) -> None:
        """Hands on what the brain has to say and to ask, and waits for its next deadline."""
        for text in self._brain.outgoing():
            try:
                self._outgoing.put_nowait((self._clock.now() + self._faults.delay, text))
            except asyncio.QueueFull:
                log.warning("A client of the realtime server does not read; it is cut off.")
                self._channel.abort()
                return
        if self._outgoing.qsize() > _OUTGOING_PAUSES_READING:
            self._has_room.clear()
        for request in self._brain.requests():
            self._start(request)
        due = self._brain.next_deadline()
        if due != self._timer_due:
            self._stop_timer()
            self._timer_due = due
            self._timer = None if due is None else self._clock.call_at(due, self._tick)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = self._timer_due = None
        self._brain.tick(now=self._clock.now())
        self._pump()

    def _start(self, request: Request) -> None:
        match request:
            case DetectVoice():
                self._queue_detection(request)
            case Recognize():
                self._work[request.id] = self._tasks.create_task(self._recognize(request))
            case Synthesize():
                self._work[request.id] = self._tasks.create_task(self._synthesize(request))
            case ListTools():
                self._work[request.id] = self._tasks.create_task(self._list_tools(request))
            case CallTool():
                self._work[request.id] = self._tasks.create_task(self._call_tool(request))
            case Abandon():
                if task := self._work.pop(request.id, None):
                    task.cancel()

    def _queue_detection(self, request: DetectVoice) -> None:
        try:
            self._detections.put_nowait(request)
        except asyncio.QueueFull:
            self._give_up_detector("it is too slow")

    async def _detect_voice(self, detector: VoiceDetector) -> None:
        while True:
            request = await self._detections.get()
            try:
                probabilities = await detector.detect(request.pcm, request.rate)
            except SpeechUnavailable as gone:
                self._give_up_detector(gone.reason)
                return
            self._brain.voice_detected(probabilities, now=self._clock.now())
            self._pump()

    def _give_up_detector(self, reason: str) -> None:
        log.warning("The voice detector is given up (%s); turns are found by loudness.", reason)
        while not self._detections.empty():
            self._detections.get_nowait()
        self._brain.voice_detection_failed(now=self._clock.now())
        self._pump()

    async def _recognize(self, request: Recognize) -> None:
        try:
            if self._faults.deafens():
                raise SpeechUnavailable("the fault 'deaf' is on")
            heard = await self._engines.recognizer.recognize(
                request.pcm, request.rate, phrases=request.phrases, language=request.language
            )
        except SpeechUnavailable as gone:
            self._brain.recognition_failed(request.id, gone.reason, now=self._clock.now())
        else:
            self._brain.recognized(request.id, heard.text, now=self._clock.now())
        self._work.pop(request.id, None)
        self._pump()

    async def _synthesize(self, request: Synthesize) -> None:
        synthesizer = self._engines.synthesizer
        try:
            async for pcm in synthesizer.synthesize(
                request.text, language=request.language, voice=request.voice, speed=request.speed
            ):
                self._brain.synthesized(request.id, pcm, synthesizer.rate, now=self._clock.now())
                self._pump()
        except SpeechUnavailable as gone:
            self._brain.synthesis_failed(request.id, gone.reason, now=self._clock.now())
        else:
            self._brain.synthesis_ended(request.id, synthesizer.rate, now=self._clock.now())
        self._work.pop(request.id, None)
        self._pump()

    async def _list_tools(self, request: ListTools) -> None:
        try:
            tools = await self._mcp.list_tools(request.endpoint)
        except McpFailed as failed:
            reason = failed.failure.message
            log.warning("MCP server '%s' at %s: %s", request.server_label, request.endpoint.url, reason)
            self._brain.tool_listing_failed(request.id, reason, now=self._clock.now())
        else:
            self._brain.tools_listed(request.id, tools, now=self._clock.now())
        self._work.pop(request.id, None)
        self._pump()

    async def _call_tool(self, request: CallTool) -> None:
        try:
            output = await self._mcp.call_tool(request.endpoint, request.name, request.arguments)
        except McpFailed as failed:
            self._brain.tool_failed(request.id, failed.error, now=self._clock.now())
        else:
            self._brain.tool_returned(request.id, output, now=self._clock.now())
        self._work.pop(request.id, None)
        self._pump()
