"""Speech engines in processes of their own, as the embedded server and scripted callers use them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence

from voxruntime.audio import pcm as samples
from voxruntime.clock import Clock
from voxruntime.errors import ConfigError
from voxruntime.speech.interface import (
    PCM16,
    Heard,
    Recognizer,
    SpeechUnavailable,
    Synthesizer,
    VoiceDetector,
)
from voxruntime.speech.messages import (
    SYNTHESIS_RATE,
    CloseStream,
    Detect,
    Endpoint,
    Probabilities,
    Recognize,
    Recognized,
    Role,
    Sound,
    Synthesize,
)
from voxruntime.speech.pieces import pieces
from voxruntime.speech.tones import EnergyDetector
from voxruntime.speech.worker import Worker

WINDOW_MS = 32
"""One window of voice detection."""

OnRestart = Callable[[str], None]


class SpeechProcess:
    """`SpeechEngines` of the extra `speech`: one process detects voice and speaks, another recognises.

    Order: `start`, `ready`, anything, `close`. When a process dies, what was asked of it fails with
    `SpeechUnavailable`, open detectors go by loudness until the next is up, and what is asked then is answered. After
    three starts in a row that failed, everything fails.

    Args:
        clock: Holds virtual time still while a job is under way.
        endpoint: Recognises in place of the phrases' own recogniser.
    """

    def __init__(self, clock: Clock, endpoint: Endpoint | None = None) -> None:
        self.on_restart: OnRestart | None = None
        """Told what happened, each time a process has died and another is starting."""
        self._voice = Worker(Role.VOICE, clock, self._restarted)
        self._recognition = Worker(Role.RECOGNITION, clock, self._restarted)
        self._streams = itertools.count(1)
        self.recognizer: Recognizer = _ProcessRecognizer(self._recognition, endpoint)
        self.synthesizer: Synthesizer = _ProcessSynthesizer(self._voice)

    @property
    def pids(self) -> dict[Role, int | None]:
        """The processes that run now."""
        return {Role.VOICE: self._voice.pid, Role.RECOGNITION: self._recognition.pid}

    async def start(self) -> None:
        """Starts the processes and returns at once.

        Raises:
            ConfigError: The system refuses another process.
        """
        try:
            await self._voice.start()
            await self._recognition.start()
        except OSError as error:
            await self.close()
            message = (
                f"The speech process cannot be started: {error.strerror}. Look at the limits of the system."
            )
            raise ConfigError("speech.no_process", message) from None

    async def ready(self) -> None:
        """Returns once voice detection and synthesis answer; recognition needs a second more, before anyone has spoken.

        Raises:
            ConfigError: The process does not start.
        """
        try:
            await self._voice.ready()
        except SpeechUnavailable as error:
            message = (
                f"Speech is unavailable: {error.reason}. Its error is above; --no-speech does without it."
            )
            raise ConfigError("speech.no_process", message) from None

    async def close(self) -> None:
        """Ends the processes. Harmless when repeated."""
        await asyncio.gather(self._voice.close(), self._recognition.close())

    def voice_detector(self) -> VoiceDetector:
        """Returns a detector for one audio stream."""
        return _ProcessDetector(self._voice, next(self._streams))

    def _restarted(self, reason: str) -> None:
        if self.on_restart is not None:
            self.on_restart(reason)


class _ProcessDetector:
    """A stream of the voice process; while there is none it goes by loudness, window by window."""

    window_ms = WINDOW_MS

    def __init__(self, worker: Worker, stream: int) -> None:
        self._worker = worker
        self._stream = stream
        self._energy = EnergyDetector(window_ms=WINDOW_MS)

    async def detect(self, pcm: PCM16, rate: int) -> list[float]:
        by_energy = await self._energy.detect(pcm, rate)
        if self._worker.is_being_replaced():
            return by_energy
        octets = samples.encode(pcm)
        try:
            with self._worker.job(lambda job: Detect(job, self._stream, octets, rate)) as job:
                reply = await job.reply()
        except SpeechUnavailable:
            if self._worker.is_being_replaced():
                return by_energy
            raise
        assert isinstance(reply, Probabilities)
        return reply.values

    def close(self) -> None:
        self._worker.send(CloseStream(self._stream))


class _ProcessRecognizer:
    def __init__(self, worker: Worker, endpoint: Endpoint | None) -> None:
        self._worker = worker
        self._endpoint = endpoint

    async def recognize(self, pcm: PCM16, rate: int, *, phrases: Sequence[str], language: str) -> Heard:
        octets = samples.encode(pcm)
        with self._worker.job(
            lambda job: Recognize(job, octets, rate, list(phrases), language, self._endpoint)
        ) as job:
            reply = await job.reply()
        assert isinstance(reply, Recognized)
        return Heard(reply.text, reply.confidence, reply.is_match)


class _ProcessSynthesizer:
    rate = SYNTHESIS_RATE

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def synthesize(
        self, text: str, *, language: str, voice: str, speed: float = 1.0
    ) -> AsyncIterator[PCM16]:
        # Piece by piece: a long text neither fills memory nor keeps other calls waiting.
        for piece in pieces(text):
            with self._worker.job(self._request(piece, language, voice, speed)) as job:
                while isinstance(reply := await job.reply(), Sound):
                    yield samples.decode(reply.pcm)

    @staticmethod
    def _request(piece: str, language: str, voice: str, speed: float) -> Callable[[int], Synthesize]:
        return lambda job: Synthesize(job, piece, language, voice, speed)
