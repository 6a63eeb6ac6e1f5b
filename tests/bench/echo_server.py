"""A realtime server that sends each piece of audio straight back: the far end of the capacity benchmark.

    python tests/bench/echo_server.py [--cpu 1] [--tls DIR]

Prints its port, and serves until standard input ends. It knows no more of the protocol than the benchmark needs, and
does as little as it can, so that it is never what is measured: one loop over epoll without asyncio, a read and a write
for whatever a client has sent. Linux only.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import ssl
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from websockets.frames import apply_mask
from websockets.utils import accept_key

CREATED = b'{"type":"session.created","event_id":"e","session":{"id":"s"}}'
UPDATED = b'{"type":"session.updated","event_id":"e","session":{"id":"s"}}'
UPDATE = b'"session.update"'
BEFORE = (
    b'{"type":"response.output_audio.delta","event_id":"event","response_id":"response","item_id":"item",'
    b'"output_index":0,"content_index":0,"delta":"'
)
AFTER = b'"}'
APPEND, AUDIO = b'"input_audio_buffer.append"', b'"audio":'
TWO_BYTES, EIGHT_BYTES = 126, 127
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
READ_BYTES = 16 * 1024
"""At least a TLS record: what is left in the layer above the socket would not wake anybody."""

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def frame_head(opcode: int, size: int) -> bytes:
    """Returns the head of a server's frame (RFC 6455 §5.2)."""
    if size < TWO_BYTES:
        return bytes((opcode, size))
    if size < 1 << 16:
        return bytes((opcode, TWO_BYTES)) + size.to_bytes(2, "big")
    return bytes((opcode, EIGHT_BYTES)) + size.to_bytes(8, "big")


def text_frame(payload: bytes) -> bytes:
    return frame_head(TEXT, len(payload)) + payload


@cache
def before_audio(size: int) -> bytes:
    """Returns what precedes audio of `size` bytes in its answer, with the head of the frame."""
    return frame_head(TEXT, len(BEFORE) + size + len(AFTER)) + BEFORE


class Client:
    """One connection: what it has sent and is not whole, what it has not taken."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # The methods of a TLS socket that have these names only check arguments and call read and write.
        self._read = connection.read if isinstance(connection, ssl.SSLSocket) else connection.recv
        self._write = connection.write if isinstance(connection, ssl.SSLSocket) else connection.send
        self._left = b""
        self._unsent = b""
        self._is_open = False
        self._is_closed = False

    def serve(self) -> int:
        """Reads, answers, and returns what to wait for now: an epoll mask, 0 at the end.

        A client that does not take its answers is not read.
        """
        try:
            if self._unsent:
                return self._send(b"")
            octets = self._read(READ_BYTES)
        except WOULD_BLOCK:
            # A TLS handshake, which reading does by the way, or a record that is cut.
            return select.EPOLLIN
        except OSError:
            octets = b""
        if not octets:
            self._connection.close()
            return 0
        octets = self._left + octets if self._left else octets
        return self._send(self._answer(octets) if self._is_open else self._open(octets))

    def _send(self, answer: bytes) -> int:
        if not (answer := self._unsent + answer if self._unsent else answer):
            return select.EPOLLIN
        try:
            sent = self._write(answer)
        except WOULD_BLOCK:
            sent = 0
        except OSError:
            sent, self._is_closed = len(answer), True
        self._unsent = b"" if sent == len(answer) else answer[sent:]
        if self._is_closed and not self._unsent:
            self._connection.close()
            return 0
        return select.EPOLLOUT if self._unsent else select.EPOLLIN

    def _open(self, octets: bytes) -> bytes:
        request, found, rest = octets.partition(b"\r\n\r\n")
        if not found:
            self._left = request
            return b""
        self._is_open = True
        return upgrade(request) + text_frame(CREATED) + self._answer(rest)

    def _answer(self, octets: bytes) -> bytes:
        """Returns the frames that answer the whole frames in `octets`; keeps what is left of it."""
        at, known, answers = 0, len(octets), []
        while known - at >= 6:
            size, start = octets[at + 1] & 0x7F, at + 6
            if size == TWO_BYTES:
                size, start = octets[at + 2] << 8 | octets[at + 3], at + 8
            elif size == EIGHT_BYTES:
                size, start = int.from_bytes(octets[at + 2 : at + 10], "big"), at + 14
            if known < start + size:
                break
            payload = apply_mask(octets[start : start + size], octets[start - 4 : start])
            answers.append(self._answer_frame(octets[at], payload))
            at = start + size
        self._left = octets[at:]
        return answers[0] if len(answers) == 1 else b"".join(answers)

    def _answer_frame(self, opcode: int, payload: bytes) -> bytes:
        if APPEND in payload:
            begin = payload.index(b'"', payload.index(AUDIO) + len(AUDIO)) + 1
            audio = payload[begin : payload.index(b'"', begin)]
            return before_audio(len(audio)) + audio + AFTER
        if opcode == CLOSE:
            self._is_closed = True
            return frame_head(CLOSE, len(payload)) + payload
        if opcode == PING:
            return frame_head(PONG, len(payload)) + payload
        return text_frame(UPDATED) if UPDATE in payload else b""


def upgrade(request: bytes) -> bytes:
    """Returns the answer to a handshake (RFC 6455 §4.2.2)."""
    for line in request.decode().split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "sec-websocket-key":
            accepted = accept_key(value.strip())
            return (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accepted}\r\n\r\n"
            ).encode()
    return b"HTTP/1.1 400 Bad Request\r\n\r\n"


def accepted(listener: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    connection, _ = listener.accept()
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is None:
        return connection
    return tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)


def serve(listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Serves until standard input ends."""
    poll, stdin = select.epoll(), sys.stdin.fileno()
    poll.register(listener, select.EPOLLIN)
    poll.register(stdin, select.EPOLLIN)
    clients: dict[int, Client] = {}
    waits: dict[int, int] = {}
    while True:
        for number, _ in poll.poll():
            client = clients.get(number)
            if client is not None:
                wait = client.serve()
                if not wait:
                    # Closing it has taken it out of the poll.
                    del clients[number], waits[number]
                elif wait != waits[number]:
                    waits[number] = wait
                    poll.modify(number, wait)
            elif number == stdin:
                if not os.read(stdin, READ_BYTES):
                    return
            else:
                connection = accepted(listener, tls)
                clients[connection.fileno()] = Client(connection)
                waits[connection.fileno()] = select.EPOLLIN
                poll.register(connection, select.EPOLLIN)


def main() -> None:
    parser = argparse.ArgumentParser(description="Echoes the audio of realtime clients.")
    parser.add_argument("--cpu", type=int, help="the processor it stays on")
    parser.add_argument("--tls", type=Path, help="folder with server.pem: certificate and key")
    options = parser.parse_args()
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    # What else runs there must not be measured either.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    tls = None
    if options.tls is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls / "server.pem")
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(listener.getsockname()[1], flush=True)
        serve(listener, tls)


if __name__ == "__main__":
    main()
