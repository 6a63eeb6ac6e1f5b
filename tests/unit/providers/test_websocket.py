"""The link against real sockets: servers of `websockets`, and servers written here that break every rule."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Close, Opcode

from unit.providers.support import (
    AUTHORIZATION,
    PATIENCE_S,
    Conversation,
    Link,
    Linked,
    LinkOwner,
    answer,
    banner,
    close_at_once,
    failure_of,
    frame,
    read_request,
    silence,
    text_frame,
    upgrade,
    upgraded_then,
)
from voxruntime.providers.interface import Blocked, HttpAnswer, Obstacle, Timing
from voxruntime.providers.websocket import MAX_MESSAGE_BYTES


async def all_until_closed(*octets: bytes, then_wait: bool = True) -> list[tuple[object, ...]]:
    async with Link(upgraded_then(*octets, then_wait=then_wait)) as linked:
        await linked.owner.heard("closed")
    assert linked.owner.kinds().count("closed") == 1
    return linked.owner.notes[1:]


# Opening


def test_open_link_tells_status_and_headers_before_the_first_text() -> None:
    notes = asyncio.run(
        all_until_closed(text_frame("hello") + frame(Opcode.CLOSE, Close(1000, "bye").serialize()))
    )
    assert notes == [("text", "hello"), ("closed", 1000, "bye", True, "")]

    async def open_only() -> LinkOwner:
        async with Link(upgraded_then()) as linked:
            await linked.owner.heard("open")
        return linked.owner

    status, headers = asyncio.run(open_only()).last("open")
    assert (status, headers["X-Request-Id"]) == (101, "req-1")


def test_request_holds_path_query_and_headers_and_offers_no_compression() -> None:
    async def main() -> bytes:
        seen: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def converse(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            seen.set_result(await read_request(reader))

        async with Link(converse) as linked:
            await linked.owner.heard("failed")
        return seen.result()

    request = asyncio.run(main())
    assert request.startswith(b"GET /v1/realtime HTTP/1.1\r\n")
    assert f"\r\nAuthorization: {AUTHORIZATION}\r\n".encode() in request
    assert b"Extensions" not in request


def test_refusal_has_status_headers_and_body() -> None:
    failure = asyncio.run(failure_of(answer("401 Unauthorized", b'{"error":1}', "X-A: 1", "X-A: 2")))
    assert failure == HttpAnswer(401, {"X-A": "1, 2", "Content-Length": "11"}, '{"error":1}')


def test_refusal_without_length_ends_with_the_connection() -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 503 Busy\r\n\r\n\xff later")

    assert asyncio.run(failure_of(converse)) == HttpAnswer(503, {}, "\ufffd later")


async def close_after_request(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    linger_zero = b"\1\0\0\0\0\0\0\0"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)


async def half_a_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: web")


async def half_a_handshake_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await half_a_handshake(reader, writer)
    await reader.read()


async def binary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(bytes(range(256)) * 100)
    await reader.read()


async def wrong_accept_key(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    head = b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
    writer.write(head)
    await reader.read()


@pytest.mark.parametrize(
    ("converse", "obstacle"),
    [
        (close_at_once, Obstacle.CLOSED),
        (close_after_request, Obstacle.CLOSED),
        (reset, Obstacle.CLOSED),
        (half_a_handshake, Obstacle.CLOSED),
        (half_a_handshake_for_ever, Obstacle.TIMEOUT),
        (silence, Obstacle.TIMEOUT),
        (banner, Obstacle.NOT_WEBSOCKET),
        (binary, Obstacle.NOT_WEBSOCKET),
        (wrong_accept_key, Obstacle.NOT_WEBSOCKET),
    ],
)
def test_server_that_is_no_websocket_fails_the_link(converse: Conversation, obstacle: Obstacle) -> None:
    failure = asyncio.run(failure_of(converse))
    assert isinstance(failure, Blocked)
    assert failure.obstacle is obstacle


# Giving up


@pytest.mark.parametrize("converse", [silence, half_a_handshake_for_ever])
def test_close_before_open_aborts_and_leaves_no_task(converse: Conversation) -> None:
    async def main() -> tuple[list[tuple[object, ...]], list[bool]]:
        async with Link(converse, timing=Timing()) as linked:
            linked.link.close()
            linked.link.close()
        return linked.owner.notes, [task.done() for task in linked.net.spawned]

    notes, done = asyncio.run(main())
    assert notes == [("failed", Blocked(Obstacle.ABORTED))]
    assert done == [True]


async def notes_after(act: Callable[[Linked], None]) -> list[tuple[object, ...]]:
    """Does `act` while the name is looked up, and waits for the link's task."""
    asked = asyncio.Event()

    async def resolve(_host: str, _port: int) -> list[tuple[int, str]]:
        asked.set()
        await asyncio.Event().wait()
        return []

    async with Link("ws://realtime.example/", timing=Timing(), resolve=resolve) as linked:
        await asked.wait()
        act(linked)
        await asyncio.wait(linked.net.spawned)
    return linked.owner.notes


def test_close_while_the_name_is_looked_up_aborts() -> None:
    notes = asyncio.run(notes_after(lambda linked: linked.link.close()))
    assert notes == [("failed", Blocked(Obstacle.ABORTED))]


def test_cancelled_task_passes_through_and_reports_nothing() -> None:
    def cancel(linked: Linked) -> None:
        linked.net.spawned[0].cancel()

    assert asyncio.run(notes_after(cancel)) == []


# Texts


def test_text_comes_whole_however_the_bytes_are_cut() -> None:
    octets = text_frame("раз") + frame(Opcode.PING, b"x") + text_frame("") + text_frame("y" * 70_000)
    end = frame(Opcode.CLOSE, b"")

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        for position in range(200):
            writer.write(octets[position : position + 1])
            await writer.drain()
        writer.write(octets[200:] + end)
        await reader.read()

    async def main() -> list[tuple[object, ...]]:
        async with Link(converse) as linked:
            await linked.owner.heard("closed")
        return linked.owner.notes[1:]

    assert asyncio.run(main()) == [
        ("text", "раз"), ("text", ""), ("text", "y" * 70_000), ("closed", 1005, "", True, ""),
    ]  # fmt: skip


def test_fragments_are_joined_across_pings_and_inside_characters() -> None:
    whole = "дельта".encode()
    notes = asyncio.run(
        all_until_closed(
            frame(Opcode.TEXT, whole[:3], fin=False),
            frame(Opcode.PING, b"?"),
            frame(Opcode.CONT, b"", fin=False) + frame(Opcode.CONT, whole[3:], fin=True),
            frame(Opcode.CLOSE, Close(1001, "going").serialize()),
        )
    )
    assert notes == [("text", "дельта"), ("closed", 1001, "going", True, "")]


def test_json_in_binary_frames_is_a_text_too() -> None:
    notes = asyncio.run(all_until_closed(frame(Opcode.BINARY, b"{}") + frame(Opcode.CLOSE, b"")))
    assert notes[0] == ("text", "{}")


def test_message_that_is_not_utf8_is_left_to_the_owner_and_the_link_lives() -> None:
    octets = frame(Opcode.TEXT, b"\xff\xfe") + frame(Opcode.BINARY, b"\x80") + text_frame("next")
    notes = asyncio.run(all_until_closed(octets + frame(Opcode.CLOSE, b"")))
    assert notes[:3] == [("text", r"\xff\xfe"), ("text", r"\x80"), ("text", "next")]


def test_texts_arrive_at_the_server_in_order_and_pings_are_answered() -> None:
    async def main() -> list[str | bytes]:
        received: asyncio.Queue[str | bytes] = asyncio.Queue()

        async def handler(connection: ServerConnection) -> None:
            await (await connection.ping())
            async for message in connection:
                received.put_nowait(message)

        async with serve(handler, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with Link(f"ws://127.0.0.1:{port}/") as linked:
                await linked.owner.heard("open")
                for text in ("a", "ж" * 100_000, "c"):
                    await linked.owner.until(linked.link.can_send)
                    linked.link.send(text.encode())
                async with asyncio.timeout(PATIENCE_S):
                    return [await received.get() for _ in range(3)]

    assert asyncio.run(main()) == ["a", "ж" * 100_000, "c"]


def test_far_end_that_reads_nothing_shows_as_not_writable_until_it_reads() -> None:
    async def main() -> tuple[int, int, int]:
        go_on = asyncio.Event()
        total = 0

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal total
            await upgrade(reader, writer)
            await go_on.wait()
            while chunk := await reader.read(65536):
                total += len(chunk)

        async with Link(converse) as linked:
            await linked.owner.heard("open")
            sent = 0
            while linked.link.can_send():
                linked.link.send(b"x" * 4096)
                sent += 1
            go_on.set()
            await linked.owner.heard("writable")
            linked.link.close()
            await linked.owner.heard("closed")
        return sent, total, linked.owner.kinds().count("writable")

    sent, total, writable = asyncio.run(main())
    assert total >= sent * 4096
    assert writable == 1


# Ends


def test_close_is_a_closing_handshake_of_code_1000() -> None:
    async def main() -> tuple[list[tuple[object, ...]], int | None]:
        async def handler(connection: ServerConnection) -> None:
            await connection.wait_closed()
            codes.set_result(connection.close_code)

        codes: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        async with serve(handler, "127.0.0.1", 0) as server:
            async with Link(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as linked:
                await linked.owner.heard("open")
                linked.link.close()
                linked.link.close()
                assert not linked.link.can_send()
                await linked.owner.heard("closed")
            return linked.owner.notes[1:], await codes

    assert asyncio.run(main()) == ([("closed", 1000, "", True, "")], 1000)


def test_close_that_is_not_answered_ends_in_time() -> None:
    async def main() -> list[tuple[object, ...]]:
        async with Link(upgraded_then()) as linked:
            await linked.owner.heard("open")
            linked.link.close()
            await linked.owner.heard("closed")
        return linked.owner.notes[1:]

    assert asyncio.run(main()) == [("closed", 1006, "", False, "")]


def test_close_from_within_an_event_drops_nothing_that_was_read() -> None:
    async def main() -> list[object]:
        octets = text_frame("a") + text_frame("b") + frame(Opcode.CLOSE, b"")
        async with Link(upgraded_then(octets)) as linked:
            linked.owner.on_note = lambda _: linked.link.close()
            await linked.owner.heard("closed")
        return linked.owner.kinds()

    assert asyncio.run(main()) == ["open", "text", "text", "closed"]


@pytest.mark.parametrize(
    "octets", [b"", text_frame("half")[:3], frame(Opcode.TEXT, b"part", fin=False), frame(Opcode.PING, b"")]
)
def test_drop_is_an_error_and_code_1006(octets: bytes) -> None:
    (note,) = asyncio.run(all_until_closed(octets, then_wait=False))
    assert note == ("closed", 1006, "", False, "the connection was dropped")


def test_reset_names_its_reason() -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await reader.readexactly(1)
        linger_zero = b"\1\0\0\0\0\0\0\0"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)

    async def main() -> tuple[object, ...]:
        async with Link(converse) as linked:
            await linked.owner.heard("open")
            linked.link.send(b"go")
            return await linked.owner.heard("closed")

    code, _, was_clean, error = asyncio.run(main())
    assert (code, was_clean) == (1006, False)
    assert str(error).startswith("the connection was dropped (")


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"\xff\xff\xff\xff", 1002),
        (frame(Opcode.CONT, b"no beginning"), 1002),
        (b"\x81\x83abcdxyz", 1002),
        (b"\x81\x7f" + (MAX_MESSAGE_BYTES + 1).to_bytes(8, "big"), 1009),
        (frame(Opcode.CLOSE, b"\0"), 1002),
    ],
)
def test_bytes_that_are_no_websocket_end_the_link_with_their_code(octets: bytes, code: int) -> None:
    notes = asyncio.run(all_until_closed(text_frame("before") + octets))
    assert notes[0] == ("text", "before")
    _, found, _, was_clean, error = notes[1]
    assert (found, was_clean) == (code, False)
    assert str(error).startswith("not a WebSocket any more: ")


def test_break_off_ends_at_once_and_only_once() -> None:
    async def main() -> list[tuple[object, ...]]:
        async with Link(upgraded_then()) as linked:
            await linked.owner.heard("open")
            linked.link.break_off("it reads nothing")
            linked.link.break_off("again")
            linked.link.close()
        return linked.owner.notes[1:]

    assert asyncio.run(main()) == [("closed", 1006, "", False, "it reads nothing")]


# Silence


def test_far_end_that_went_silent_is_found_by_pings() -> None:
    async def main() -> tuple[object, ...]:
        timing = Timing(ping_interval_s=0.02, silent_pings=2)
        async with Link(upgraded_then(), timing=timing) as linked:
            return await linked.owner.heard("closed")

    assert asyncio.run(main()) == (1006, "", False, "the provider was silent for 0.04 s")


def test_pings_that_are_answered_keep_the_link_and_one_lost_pong_does_not_end_it() -> None:
    async def main() -> list[object]:
        enough = asyncio.Event()

        async def answer_every_second_ping(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await upgrade(reader, writer)
            for number in range(6):
                head = await reader.readexactly(6)
                assert head[0] & 0x0F == Opcode.PING
                if number % 2:
                    writer.write(frame(Opcode.PONG, b""))
            enough.set()
            await reader.read()

        timing = Timing(ping_interval_s=0.05, silent_pings=3)
        async with Link(answer_every_second_ping, timing=timing) as linked:
            async with asyncio.timeout(PATIENCE_S):
                await enough.wait()
            return linked.owner.kinds()

    assert asyncio.run(main()) == ["open"]


# Secrets


def test_no_log_record_holds_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.run(all_until_closed(text_frame("hello") + frame(Opcode.CLOSE, b"")))
    asyncio.run(failure_of(answer("401 Unauthorized", b"")))
    assert AUTHORIZATION not in caplog.text
