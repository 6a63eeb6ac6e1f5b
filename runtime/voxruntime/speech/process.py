"""A speech process: detects voice and speaks, or recognises, for many calls at once.

Started as `python -I -m voxruntime.speech.process ROLE FD`, where FD is its end of a socket pair; it ends with the
other end. It loads the engines of its role before it says that it is ready, and others when they are asked for. Voice
detection is answered before anything else that waits; recognition and synthesis follow in the order of their coming.
What a transcription endpoint is asked goes out at once: one call does not wait for the network of another.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING

from voxruntime.audio import pcm as samples
from voxruntime.audio.pcm import PCM16
from voxruntime.speech.engines.voice import VoiceStreams
from voxruntime.speech.interface import SpeechUnavailable
from voxruntime.speech.messages import (
    MAX_MESSAGE_BYTES,
    Cancel,
    CloseStream,
    Detect,
    Endpoint,
    Failed,
    Probabilities,
    Ready,
    Recognize,
    Recognized,
    Reply,
    Request,
    Role,
    Sound,
    Spoken,
    Synthesize,
    decode_request,
    encode,
)
from voxruntime.turn.framing import FrameReader, frame

if TYPE_CHECKING:
    from voxruntime.speech.engines.espeak import Espeak
    from voxruntime.speech.engines.grammar import GrammarRecognizer

_READ_BYTES = 256 * 1024


class Desk:
    """Takes requests, does them, and sends the answers.

    Args:
        connection: The engine.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._streams = VoiceStreams()
        self._espeak: Espeak | None = None
        self._recognizer: GrammarRecognizer | None = None
        self._waiting: deque[Recognize | Synthesize] = deque()

    @property
    def has_work(self) -> bool:
        """Whether a job waits for `work`."""
        return bool(self._waiting)

    def warm_up(self, role: Role) -> None:
        """Loads the engines of a role; what is wrong with one is told to those who need it."""
        if role is Role.VOICE:
            with contextlib.suppress(SpeechUnavailable):
                self._streams.warm_up()
            with contextlib.suppress(SpeechUnavailable):
                self._voice()
        else:
            with contextlib.suppress(SpeechUnavailable):
                self._ear()
        self._send(Ready())

    def take(self, request: Request) -> None:
        """Does at once what is urgent, and puts the rest where `work` finds it."""
        match request:
            case Detect():
                self._detect(request)
            case CloseStream():
                self._streams.close(request.stream)
            case Cancel():
                self._waiting = deque(job for job in self._waiting if job.job != request.job)
            case Recognize(endpoint=Endpoint() as endpoint):
                # The thread does nothing but wait for the network.
                threading.Thread(target=self._transcribe, args=(request, endpoint), daemon=True).start()
            case _:
                self._waiting.append(request)

    def work(self) -> None:
        """Does the job that has waited longest."""
        job = self._waiting.popleft()
        try:
            if isinstance(job, Recognize):
                self._recognize(job)
            else:
                self._synthesize(job)
        except SpeechUnavailable as error:
            self._send(Failed(job.job, error.reason))

    def _detect(self, job: Detect) -> None:
        try:
            values = self._streams.process(job.stream, samples.decode(job.pcm), job.rate)
        except SpeechUnavailable as error:
            self._send(Failed(job.job, error.reason))
        else:
            self._send(Probabilities(job.job, values))

    def _recognize(self, job: Recognize) -> None:
        heard = self._ear().recognize(samples.decode(job.pcm), job.rate, job.phrases, job.language)
        self._send(Recognized(job.job, heard.text, heard.confidence, heard.is_match))

    def _transcribe(self, job: Recognize, endpoint: Endpoint) -> None:
        from voxruntime.speech.engines.transcription import transcribe  # noqa: PLC0415  # see the module's text

        reply: Reply = Failed(job.job, "recognition failed; its error is above")
        try:
            heard = transcribe(endpoint, samples.decode(job.pcm), job.rate, job.phrases, job.language)
            reply = Recognized(job.job, heard.text, heard.confidence, heard.is_match)
        except SpeechUnavailable as error:
            reply = Failed(job.job, error.reason)
        finally:
            # Whatever happens: somebody waits.
            self._send(reply)

    def _synthesize(self, job: Synthesize) -> None:
        def send(pcm: PCM16) -> None:
            self._send(Sound(job.job, samples.encode(pcm)))

        self._voice().synthesize(job.text, send, language=job.language, voice=job.voice, speed=job.speed)
        self._send(Spoken(job.job))

    def _voice(self) -> Espeak:
        if self._espeak is None:
            from voxruntime.speech.engines.espeak import Espeak  # noqa: PLC0415  # see the module's text

            self._espeak = Espeak()
        return self._espeak

    def _ear(self) -> GrammarRecognizer:
        if self._recognizer is None:
            from voxruntime.speech.engines.grammar import GrammarRecognizer  # noqa: PLC0415  # see the module's text

            self._recognizer = GrammarRecognizer(self._pronounce)
        return self._recognizer

    def _pronounce(self, word: str, language: str) -> str:
        return self._voice().ipa(word, language)

    def _send(self, reply: Reply) -> None:
        # An engine that is gone is noticed where requests are read.
        with self._sending, contextlib.suppress(OSError):
            self._connection.sendall(frame(encode(reply)))


def serve(connection: socket.socket, role: Role) -> None:
    """Does what the engine asks until it closes its end."""
    desk = Desk(connection)
    desk.warm_up(role)
    reader = FrameReader(MAX_MESSAGE_BYTES)
    while True:
        if desk.has_work and not select.select([connection], [], [], 0)[0]:
            desk.work()
            continue
        chunk = _receive(connection)
        if not chunk:
            return
        for body in reader.feed(chunk):
            desk.take(decode_request(body))


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_READ_BYTES)
    except ConnectionError:
        return b""


def main() -> None:
    """Runs the process in the role and on the descriptor that the arguments name."""
    # Ctrl-C and a service manager's SIGTERM go to the engine, whose calls still speak.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[2])), Role(sys.argv[1]))
    # Not sys.exit: it would wait for a model that is being loaded.
    os._exit(0)


if __name__ == "__main__":
    main()
