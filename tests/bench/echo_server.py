"""A realtime server that sends each piece of audio straight back: the far end of the capacity benchmark.

    python tests/bench/echo_server.py [--cpu 1] [--tls DIR]

Prints its port, and serves until standard input ends. It knows no more of the protocol than the benchmark needs, and
does as little as it can, so that it is never what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import sys
from contextlib import suppress
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
APPEND, AUDIO, HEAD = b'"input_audio_buffer.append"', b'"audio":', 200
LONG, TEXT, CLOSE = 126, 0x81, 0x88


def text_frame(payload: bytes) -> bytes:
    """Returns a frame of 126 to 65535 bytes of text, or fewer than 126."""
    size = len(payload)
    head = bytes((TEXT, size)) if size < LONG else bytes((TEXT, LONG)) + size.to_bytes(2, "big")
    return head + payload


class Echo(asyncio.Protocol):
    """One client."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._left = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        data = self._left + data if self._left else data
        if not self._is_open:
            request, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._left = request
                return
            self._is_open = True
            self._transport.write(upgrade(request) + text_frame(CREATED))
        self._transport.write(self._answer(data))

    def _answer(self, data: bytes) -> bytes:
        """Returns the frames that answer the whole frames in `data`; keeps what is left of it."""
        assert self._transport is not None
        at, answers = 0, []
        while len(data) - at >= 8:
            size, start = data[at + 1] & 0x7F, at + 2
            if size == LONG:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            end = start + 4 + size
            if len(data) < end:
                break
            if data[at] == CLOSE:
                self._transport.close()
            payload = apply_mask(data[start + 4 : end], data[start : start + 4])
            if APPEND in payload[:HEAD]:
                start = payload.index(b'"', payload.index(AUDIO) + len(AUDIO)) + 1
                answers.append(text_frame(BEFORE + payload[start : payload.index(b'"', start)] + AFTER))
            elif UPDATE in payload:
                answers.append(text_frame(UPDATED))
            at = end
        self._left = data[at:]
        return b"".join(answers)


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


async def serve(tls: ssl.SSLContext | None) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, ssl=tls)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


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
    asyncio.run(serve(tls))


if __name__ == "__main__":
    main()
