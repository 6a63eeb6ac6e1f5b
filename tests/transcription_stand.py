"""A transcription endpoint on the loopback: keeps what it is asked, answers what a test gives it."""

from __future__ import annotations

import io
import json
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = "/v1/audio/transcriptions"


@dataclass(frozen=True)
class Asked:
    """One request: its path, its credential, its form fields, and the format and frames of its WAV file."""

    path: str
    authorization: str | None
    fields: dict[str, str]
    filename: str | None
    channels: int
    width: int
    rate: int
    frames: bytes


@dataclass(frozen=True)
class Answer:
    """What the endpoint answers; `release` holds it back until it is set."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    release: threading.Event | None = None


def text(words: str) -> Answer:
    return Answer(json.dumps({"text": words}).encode())


class Endpoint(ThreadingHTTPServer):
    """Answers in the order given; the last answer is given again and again."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{PATH}"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(self._parse(body))
        answer = self.server.answers[min(len(self.server.asked), len(self.server.answers)) - 1]
        if answer.release is not None:
            answer.release.wait(30)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _parse(self, body: bytes) -> Asked:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        fields, file, filename = {}, b"", None
        for part in message.iter_parts():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            name = part.get_param("name", header="content-disposition")
            if name == "file":
                file, filename = content, part.get_filename()
            else:
                fields[str(name)] = content.decode()
        with wave.open(io.BytesIO(file)) as sound:
            return Asked(
                path=self.path,
                authorization=self.headers["Authorization"],
                fields=fields,
                filename=filename,
                channels=sound.getnchannels(),
                width=sound.getsampwidth(),
                rate=sound.getframerate(),
                frames=sound.readframes(sound.getnframes()),
            )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as in the class above
        pass


@contextmanager
def endpoint(*answers: Answer) -> Iterator[Endpoint]:
    """Serves while the block runs."""
    server = Endpoint(list(answers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
