"""However a server frames its messages and the network cuts the bytes, the same messages come out."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode

from unit.providers.support import Link, Linked, frame, upgraded_then

SIZES = st.sampled_from([0, 1, 120, 124, 1400, 65_530, 65_534, 70_000])
"""Lengths, but for what makes each message another one, on both sides of 126 and 65,536."""


def pieces(octets: bytes, places: list[float]) -> list[bytes]:
    """Cuts bytes at these shares of their length."""
    ends = sorted({0, *(int(place * len(octets)) for place in places), len(octets)})
    return [octets[begin:end] for begin, end in pairwise(ends)] or [b""]


@st.composite
def framed_messages(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """Messages, and what a server may send for them."""
    texts, octets = [], b""
    shares = st.lists(st.floats(0, 1), max_size=2)
    controls = st.sampled_from([b"", frame(Opcode.PING, b"?"), frame(Opcode.PONG, b"")])
    for number in range(draw(st.integers(1, 6))):
        text = f"{number}" + "x" * draw(SIZES)
        texts.append(text)
        parts = pieces(text.encode(), draw(st.one_of(st.just([]), shares)))
        for place, part in enumerate(parts):
            opcode = Opcode.CONT if place else draw(st.sampled_from([Opcode.TEXT, Opcode.BINARY]))
            octets += frame(opcode, part, fin=place == len(parts) - 1) + draw(controls)
    return texts, octets


def receive(linked: Linked, octets: bytes) -> None:
    """Gives the link bytes as a transport does."""
    while octets:
        buffer = linked.link.get_buffer(-1)
        size = min(len(octets), len(buffer))
        buffer[:size] = octets[:size]
        linked.link.buffer_updated(size)
        octets = octets[size:]


def test_messages_come_whole_however_they_are_framed_and_cut() -> None:
    async def main() -> None:
        async with Link(upgraded_then()) as linked:
            await linked.owner.heard("open")

            @settings(deadline=None, max_examples=100)
            @given(framed_messages(), st.lists(st.floats(0, 1), max_size=6))
            def check(sent: tuple[list[str], bytes], places: list[float]) -> None:
                texts, octets = sent
                linked.owner.notes.clear()
                for read in pieces(octets, places):
                    receive(linked, read)
                assert linked.owner.notes == [("text", text) for text in texts]

            check()

    asyncio.run(main())


def test_messages_come_whole_byte_by_byte() -> None:
    octets = b"".join(
        [
            frame(Opcode.TEXT, b"a" * 130),
            frame(Opcode.TEXT, b"b" * 125),
            frame(Opcode.TEXT, b"c" * 200, fin=False)
            + frame(Opcode.PING, b"?")
            + frame(Opcode.CONT, b"d" * 130),
            frame(Opcode.BINARY, b"e" * 130),
        ]
    )

    async def main() -> list[tuple[object, ...]]:
        async with Link(upgraded_then()) as linked:
            await linked.owner.heard("open")
            for place in range(len(octets)):
                receive(linked, octets[place : place + 1])
            return linked.owner.notes[1:]

    expected = ["a" * 130, "b" * 125, "c" * 200 + "d" * 130, "e" * 130]
    assert asyncio.run(main()) == [("text", text) for text in expected]


def test_what_is_left_in_the_shared_buffer_is_no_message() -> None:
    async def main() -> list[tuple[object, ...]]:
        async with Link(upgraded_then()) as linked:
            await linked.owner.heard("open")
            whole = frame(Opcode.TEXT, b"a" * 130)
            receive(linked, whole)
            # The rest of the buffer still holds the frame before.
            receive(linked, whole[:2])
            receive(linked, whole[2:-1])
            before = len(linked.owner.notes)
            receive(linked, whole[-1:])
            return [("before", before), *linked.owner.notes[1:]]

    assert asyncio.run(main()) == [("before", 2), ("text", "a" * 130), ("text", "a" * 130)]


def test_a_whole_text_between_fragments_of_another_message_is_against_the_rules() -> None:
    async def main() -> list[tuple[object, ...]]:
        async with Link(upgraded_then()) as linked:
            await linked.owner.heard("open")
            receive(linked, frame(Opcode.TEXT, b"begun", fin=False))
            receive(linked, frame(Opcode.TEXT, b"a" * 200))
            return linked.owner.notes[1:]

    ((kind, code, *_),) = asyncio.run(main())
    assert (kind, code) == ("closed", 1002)
