"""The capacity benchmark's server gives back every sample, however its clients cut what they send."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

SERVER = Path(__file__).parents[2] / "bench" / "echo_server.py"
AUDIO = [base64.b64encode(bytes([number]) * size).decode() for number, size in enumerate((960, 0, 3, 4800))]
TIMEOUT_S = 60.0


@contextmanager
def serving(folder: Path | None = None) -> Iterator[int]:
    command = [sys.executable, str(SERVER), *(["--tls", str(folder)] if folder else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.stdin.close()
        assert server.wait() == 0


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as number:
        yield number


def append(audio: str) -> str:
    return f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}'


def delta(connection: ClientConnection) -> str:
    event = json.loads(connection.recv(timeout=TIMEOUT_S))
    assert event["type"] == "response.output_audio.delta"
    return str(event["delta"])


def test_audio_comes_back_unchanged(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/v1/realtime", compression=None) as connection:
        assert json.loads(connection.recv(timeout=TIMEOUT_S))["type"] == "session.created"
        connection.send('{"type":"session.update","session":{}}')
        assert json.loads(connection.recv(timeout=TIMEOUT_S))["type"] == "session.updated"
        for audio in AUDIO:
            connection.send(append(audio))
            assert delta(connection) == audio
            # As clients do that mask four bytes at a time, and those that leave the spaces in.
            connection.send(append(audio) + "   ")
            assert delta(connection) == audio
            connection.send(json.dumps({"audio": audio, "type": "input_audio_buffer.append"}))
            assert delta(connection) == audio
        assert connection.ping(b"?").wait(TIMEOUT_S)


def test_audio_comes_back_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    pem = authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem
    pem.write_to_path(str(tmp_path / "server.pem"))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with (
        serving(tmp_path) as port,
        connect(f"wss://127.0.0.1:{port}/", ssl=trust, compression=None) as connection,
    ):
        assert json.loads(connection.recv(timeout=TIMEOUT_S))["type"] == "session.created"
        for audio in AUDIO * 3:
            connection.send(append(audio))
        assert [delta(connection) for _ in AUDIO * 3] == AUDIO * 3


def talk(audio: Sequence[str]) -> bytes:
    """Returns all that a client sends: handshake, appends, a closing frame."""
    request = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    frames = [Frame(Opcode.TEXT, append(text).encode()) for text in audio] + [Frame(Opcode.CLOSE, b"")]
    return request + b"".join(frame.serialize(mask=True) for frame in frames)


def everything_from(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.mark.parametrize("piece", [1, 7, 1000, 1 << 20])
def test_frames_may_come_in_any_pieces(port: int, piece: int) -> None:
    octets = talk(AUDIO[:3])
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin in range(0, len(octets), piece):
            connection.sendall(octets[begin : begin + piece])
        answered = everything_from(connection)
    places = [answered.index(f'"delta":"{audio}"'.encode()) for audio in AUDIO[:3]]
    assert places == sorted(places)
    assert answered.endswith(b"\x88\x00")


def test_a_client_that_reads_late_misses_nothing(port: int) -> None:
    count = 1500
    with socket.socket() as connection:
        # So that the server's answers do not fit, and wait there.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(TIMEOUT_S)
        connection.connect(("127.0.0.1", port))
        sending = threading.Thread(target=connection.sendall, args=[talk(AUDIO[3:] * count)])
        sending.start()
        answered = everything_from(connection)
        sending.join()
    assert answered.count(f'"delta":"{AUDIO[3]}"'.encode()) == count
    assert answered.endswith(b"\x88\x00")
