"""Whatever bytes a scenario process sends, decoding raises the documented error, soon, and keeps nothing."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator

import msgspec

from voxruntime.turn import messages
from voxruntime.turn.framing import FrameReader, FrameTooLong
from voxruntime.turn.messages import LogLine, Reply, encode

COUNT = int(os.environ.get("VOXRT_FUZZ_MESSAGES", "20000"))
"""A full measurement takes 1,000,000."""

SEEDS = [
    encode(Reply(1, [messages.Listen(0, "Call.Connected", ["main.lua:1"]), messages.Terminate()], True)),
    encode(Reply(2, [messages.AnswerCall(-1, {"X-A": "b"}), messages.StartTimer(1, 20.0, False)], True)),
    encode(
        Reply(
            3,
            [messages.SendRealtime(1, "response.create", '{"a":1}')],
            False,
            False,
            messages.Fault("a.b", "c"),
        )
    ),
    encode(LogLine(1, "info", "text", "main.lua:1")),
]

MAX_CPU_S = 0.005
LARGE = 1024 * 1024


def mutations(count: int) -> Iterator[bytes]:
    """Messages with bytes changed, left out, doubled, and mere noise."""
    chance = random.Random(1)
    for _ in range(count):
        body = bytearray(chance.choice(SEEDS))
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(body) + 1)
            match chance.randrange(4):
                case 0:
                    body[at : at + 1] = bytes(
                        [chance.choice((0x90, 0x9F, 0xC1, 0xDD, 0xDF, 0xDB, 0xFF, 0x00, at & 0xFF))]
                    )
                case 1:
                    del body[at : at + chance.randrange(1, 5)]
                case 2:
                    body[at:at] = body[at : at + chance.randrange(1, 9)]
                case _:
                    body[at:at] = chance.randbytes(chance.randrange(1, 9))
        yield bytes(body)


LARGE_ONES = {
    "commands": b"\x96\xa5reply\x01\xdd\x00\x01\x00\x00" + b"\x91\xa9terminate" * 65536,
    "empty_arrays": b"\xdd\x00\x10\x00\x00" + b"\x90" * LARGE,
    "empty_arrays_in_a_reply": b"\xdd\x00\x10\x00\x06\xa5reply\x01\x90\xc3\xc3\xc0" + b"\x90" * LARGE,
    "empty_arrays_in_a_command": b"\x96\xa5reply\x01\x91\xdd\x00\x10\x00\x00\xa9terminate" + b"\x90" * LARGE,
    "places": b"\x96\xa5reply\x01\x91\x94\xa6listen\x00\xa0\xdd\x00\x10\x00\x00" + b"\xa0" * LARGE,
    "headers": b"\x96\xa5reply\x01\x91\x93\xabcall.answer\x01\xdf\x00\x05\x00\x00" + b"\xa1a\xa0" * 0x50000,
    "nesting": b"\x91" * LARGE,
    "nested_maps": b"\x81\xa0" * (LARGE // 2),
    "text": encode(Reply(1, [messages.SendRealtime(1, "x", "ж" * (LARGE // 2))], True)),
    "most_that_is_allowed": b"\x96\xa5reply\x01\xdc\x03\xe8"
    + (b"\x93\xabcall.answer\x01\xde\x00\x32" + b"\xa1a\xa0" * 50) * 1000
    + b"\xc3\xc3\xc0",
}


def decode(decoder: Callable[[bytes], object], body: bytes) -> float:
    """Decodes, whatever it is; returns the CPU seconds it took."""
    begun = time.thread_time()
    with contextlib.suppress(msgspec.DecodeError):
        decoder(body)
    return time.thread_time() - begun


def test_any_bytes_give_a_message_or_the_documented_error() -> None:
    for body in mutations(COUNT):
        decode(messages.decode_reply, body)
        decode(messages.decode_log, body)


def test_no_message_takes_long() -> None:
    slow = {
        name: took
        for name, body in LARGE_ONES.items()
        # The least of three: others use the machine too.
        if (took := min(decode(messages.decode_reply, body) for _ in range(3))) > MAX_CPU_S
    }
    assert slow == {}


def test_nothing_is_kept() -> None:
    for body in [*mutations(200), *LARGE_ONES.values()]:
        decode(messages.decode_reply, body)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for body in [*mutations(COUNT // 10), *LARGE_ONES.values()]:
        decode(messages.decode_reply, body)
        decode(messages.decode_log, body)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < LARGE


def test_frames_of_noise_end_or_are_cut() -> None:
    chance = random.Random(2)
    for _ in range(COUNT // 20):
        reader = FrameReader(4096)
        try:
            for _ in range(20):
                for body in reader.feed(chance.randbytes(chance.randrange(1, 400))):
                    decode(messages.decode_reply, body)
        except FrameTooLong:
            continue
