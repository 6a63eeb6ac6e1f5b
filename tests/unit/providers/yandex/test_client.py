"""The client against real WebSocket servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from unit.providers.support import (
    KEY,
    PATIENCE_S,
    QUICK,
    Conversation,
    Net,
    Owner,
    answer,
    close_at_once,
    frame,
    request_to,
    silence,
    tcp_server,
    text_frame,
    upgrade,
    upgraded_then,
)
from voxruntime.clock import Clock
from voxruntime.errors import InternalError, ProtocolBreach
from voxruntime.providers.interface import Timing
from voxruntime.providers.yandex.client import MAX_WAITING_CHARS, connect
from voxruntime.realtime.constants import Constant
from voxruntime.realtime.interface import Handshake, RealtimeClient, Refused

FRAME = np.arange(480, dtype=np.int16)
Handler = Callable[[ServerConnection], Awaitable[None]]
BOTH_WAYS = pytest.mark.parametrize("sees_audio", [True, False], ids=["each text", "together"])
"""Audio whose texts somebody looks at is sent text by text; otherwise that of all clients goes together."""


@dataclass
class Session:
    """A client and what it told its owner."""

    client: RealtimeClient
    owner: Owner


class Connected:
    """`async with Connected(server) as session`: a client of a server that the test writes."""

    def __init__(
        self,
        server: Handler | Conversation,
        *,
        by_hand: bool = False,
        timing: Timing = QUICK,
        sees_audio: bool = True,
    ) -> None:
        self._server = server
        self._by_hand = by_hand
        self._timing = timing
        self._sees_audio = sees_audio
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Session:
        if self._by_hand:
            url = await self._stack.enter_async_context(tcp_server(self._server))
        else:
            server = await self._stack.enter_async_context(
                serve(self._server, "127.0.0.1", 0, compression=None)
            )
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
        network = await self._stack.enter_async_context(Net(timing=self._timing))
        owner = Owner(sees_audio=self._sees_audio)
        client = connect(request_to(url), network, owner)
        assert owner.notes == []
        self._stack.push_async_callback(self._end, client, owner)
        return Session(client, owner)

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def _end(self, client: RealtimeClient, owner: Owner) -> None:
        client.close()
        await owner.until(lambda: owner.kinds()[-1:] in (["closed"], ["refused"]))


def says(*messages: object) -> Handler:
    """A server that says these things at once and then listens."""

    async def handler(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message if isinstance(message, str | bytes) else json.dumps(message))
        await connection.wait_closed()

    return handler


class Listener:
    """A server that notes every message."""

    def __init__(self) -> None:
        self.messages: list[dict[str, object]] = []
        self._changed = asyncio.Event()

    async def __call__(self, connection: ServerConnection) -> None:
        async for text in connection:
            self.messages.append(json.loads(text))
            self._changed.set()

    async def got(self, count: int) -> list[dict[str, object]]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.messages) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.messages


def delta(pcm: bytes, response_id: str = "resp_1") -> dict[str, object]:
    audio = base64.b64encode(pcm).decode()
    return {
        "type": "response.output_audio.delta",
        "response_id": response_id,
        "item_id": "item_1",
        "content_index": 0,
        "delta": audio,
    }


def server_texts(messages: list[dict[str, object]]) -> list[str]:
    """Messages as the client wrote them: without blanks."""
    return [json.dumps(message, separators=(",", ":")) for message in messages]


def pcm_of(message: dict[str, object]) -> bytes:
    return base64.b64decode(str(message["audio"]))


# Opening


def test_open_comes_before_the_first_event_and_tells_the_handshake() -> None:
    async def main() -> list[tuple[object, ...]]:
        created = text_frame('{"type":"session.created"}')

        async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upgrade(reader, writer)
            writer.write(created)
            await reader.read()

        async with Connected(together, by_hand=True) as session:
            await session.owner.heard("message")
        return session.owner.notes

    opened, message, *_ = asyncio.run(main())
    handshake = opened[1]
    assert isinstance(handshake, Handshake)
    assert (handshake.status, handshake.headers["X-Request-Id"]) == (101, "req-1")
    assert handshake.url.endswith("/v1/realtime?model=gpt%3A%2F%2Fb1gfolder%2Fspeech-realtime-250923")
    assert message == ("message", Constant.SESSION_CREATED, "session.created", '{"type":"session.created"}')


@pytest.mark.parametrize(
    ("server", "code", "status"),
    [
        (answer("401 Unauthorized", b'{"error":{"message":"unknown key"}}'), "provider.auth", 401),
        (answer("403 Forbidden", b"no"), "provider.auth", 403),
        (answer("429 Too Many", b"", "Retry-After: 1"), "provider.rate_limited", 429),
        (answer("500 Oops", b"<html>"), "provider.unavailable", 500),
        (answer("200 OK", b"a web page"), "provider.not_websocket", 200),
        (close_at_once, "provider.unreachable", 0),
        (silence, "provider.timeout", 0),
    ],
)
def test_refusal_is_the_only_event_and_explains_itself(server: Conversation, code: str, status: int) -> None:
    async def main() -> list[tuple[object, ...]]:
        async with Connected(server, by_hand=True) as session:
            await session.owner.heard("refused")
        return session.owner.notes

    ((_, refused),) = asyncio.run(main())
    assert isinstance(refused, Refused)
    assert (refused.code, refused.status) == (code, status)
    assert "ws://127.0.0.1:" in refused.message
    assert KEY not in repr(refused)


def test_request_that_goes_nowhere_is_refused_after_connect_has_returned() -> None:
    async def main() -> list[tuple[object, ...]]:
        owner = Owner()
        async with Net() as network:
            connect(request_to("ws://127.0.0.1:1/", api_key=""), network, owner)
            assert owner.notes == []
            await owner.heard("refused")
        return owner.notes

    ((_, refused),) = asyncio.run(main())
    assert isinstance(refused, Refused)
    assert refused.code == "provider.auth"


def test_wss_without_tls_is_our_fault() -> None:
    async def main() -> None:
        async with Net() as network:
            connect(request_to("wss://127.0.0.1:1/"), network, Owner())

    with pytest.raises(BaseExceptionGroup) as caught:
        asyncio.run(main())
    assert isinstance(caught.value.exceptions[0], InternalError)


def test_close_before_open_is_a_refusal_and_nothing_else() -> None:
    async def main() -> list[tuple[object, ...]]:
        async with Connected(silence, by_hand=True, timing=Timing()) as session:
            session.client.close()
            session.client.close()
        return session.owner.notes

    ((_, refused),) = asyncio.run(main())
    assert isinstance(refused, Refused)
    assert refused.code == "provider.aborted"


# What is sent


@BOTH_WAYS
def test_everything_sent_arrives_in_order_also_what_was_sent_before_open(sees_audio: bool) -> None:
    async def main() -> tuple[list[dict[str, object]], Owner]:
        server = Listener()
        async with Connected(server, sees_audio=sees_audio) as session:
            session.client.send("session.update", '{"session":{"type":"realtime"}}')
            session.client.send_audio(FRAME)
            session.owner.on_note = lambda note: (
                session.client.send("response.create", "{}") if note[0] == "open" else None
            )
            await session.owner.heard("open")
            session.client.send_audio(-FRAME)
            session.client.send("response.cancel", '{"response_id":"r"}')
            return await server.got(5), session.owner

    messages, owner = asyncio.run(main())
    assert [message["type"] for message in messages] == [
        "session.update", "input_audio_buffer.append", "response.create", "input_audio_buffer.append",
        "response.cancel",
    ]  # fmt: skip
    assert messages[0]["session"] == {"type": "realtime"}
    assert (pcm_of(messages[1]), pcm_of(messages[3])) == (FRAME.tobytes(), (-FRAME).tobytes())
    seen = [json.loads(text) for direction, text in owner.wire if direction == ">"]
    assert seen == messages or not sees_audio
    assert owner.traffic.sent_messages == 5
    assert owner.traffic.sent_bytes == sum(map(len, server_texts(messages)))


def test_body_that_is_no_object_raises_at_once() -> None:
    async def main() -> None:
        async with Connected(Listener()) as session:
            await session.owner.heard("open")
            with pytest.raises(ProtocolBreach):
                session.client.send("response.create", "null")

    asyncio.run(main())


def test_last_part_of_a_long_append_is_sent_when_no_more_audio_comes() -> None:
    async def main() -> list[dict[str, object]]:
        server = Listener()
        async with Connected(server, timing=Timing(append_ms=60)) as session:
            await session.owner.heard("open")
            for _ in range(4):
                session.client.send_audio(FRAME)
            await server.got(2)
            session.client.send_audio(FRAME)
            return await server.got(3)

    assert [len(pcm_of(message)) for message in asyncio.run(main())] == [3 * 960, 960, 960]


@BOTH_WAYS
def test_audio_that_was_sent_before_close_leaves_before_it(sees_audio: bool) -> None:
    async def main() -> list[dict[str, object]]:
        server = Listener()
        async with Connected(server, sees_audio=sees_audio) as session:
            await session.owner.heard("open")
            session.client.send_audio(FRAME)
            session.client.close()
            session.client.send_audio(-FRAME)
            await session.owner.heard("closed")
        return server.messages

    assert [pcm_of(message) for message in asyncio.run(main())] == [FRAME.tobytes()]


@BOTH_WAYS
def test_audio_of_any_length_keeps_its_order(sees_audio: bool) -> None:
    pieces = [np.full(samples, samples, dtype=np.int16) for samples in (480, 240, 960, 479, 1, 480, 481, 7)]

    async def main() -> bytes:
        server = Listener()
        async with Connected(server, sees_audio=sees_audio) as session:
            await session.owner.heard("open")
            for piece in pieces:
                session.client.send_audio(piece)
            # Another rate, with the last piece still in line: 20 ms are 160 samples from now on.
            session.client.set_rates(8000, 0)
            session.client.send_audio(FRAME[:160])
            return b"".join(map(pcm_of, await server.got(7)))

    assert asyncio.run(main()) == b"".join(piece.tobytes() for piece in [*pieces, FRAME[:160]])


@BOTH_WAYS
def test_every_piece_of_audio_has_its_level_before_the_next_message_is_told(sees_audio: bool) -> None:
    sizes = ((480, 7), (240, 100), (240, 200), (480, 3000))
    pieces = [np.full(samples, level, dtype=np.int16) for samples, level in sizes]
    said = b"".join(frame(Opcode.TEXT, b'{"type":"%d"}' % number) for number in range(2))

    async def main() -> list[list[float]]:
        async with Connected(upgraded_then(said), by_hand=True, sees_audio=sees_audio) as session:
            known: list[list[float]] = []

            def on_note(note: tuple[object, ...]) -> None:
                if note[0] == "message":
                    known.append(list(session.owner.levels))
                    for piece in pieces:
                        session.client.send_audio(piece)

            session.owner.on_note = on_note
            await session.owner.heard("message", count=2)
            return known

    assert asyncio.run(main()) == [[], [7.0, 100.0, 200.0, 3000.0]]


def test_close_drops_an_append_that_has_not_been_filled() -> None:
    async def main() -> list[dict[str, object]]:
        server = Listener()
        async with Connected(server, timing=Timing(append_ms=100)) as session:
            await session.owner.heard("open")
            session.client.send_audio(FRAME)
            session.client.close()
            await session.owner.heard("closed")
        return server.messages

    assert asyncio.run(main()) == []


@BOTH_WAYS
def test_provider_that_stalls_loses_the_oldest_audio_and_no_message(sees_audio: bool) -> None:
    async def main() -> tuple[list[dict[str, object]], float]:
        go_on = asyncio.Event()
        server = Listener()

        async def stalls_first(connection: ServerConnection) -> None:
            connection.transport.pause_reading()
            await go_on.wait()
            connection.transport.resume_reading()
            await server(connection)

        async with Connected(stalls_first, sees_audio=sees_audio) as session:
            await session.owner.heard("open")
            clock = Clock(asyncio.get_running_loop())
            count = 0
            while not session.client.dropped_audio_ms:
                if count % 100 == 0:
                    session.client.send("conversation.item.delete", json.dumps({"item_id": str(count)}))
                session.client.send_audio(np.full(480, count % 30_000, dtype=np.int16))
                await clock.give_way()
                count += 1
            for _ in range(50):
                session.client.send_audio(FRAME)
            await clock.give_way()
            dropped = session.client.dropped_audio_ms
            go_on.set()
            messages = await server.got(count + 50 + (count + 99) // 100 - round(dropped / 20))
        return messages, dropped

    messages, dropped = asyncio.run(main())
    assert dropped == 20 * 51
    deleted = [message["item_id"] for message in messages if message["type"] == "conversation.item.delete"]
    assert deleted == [str(100 * number) for number in range(len(deleted))]
    newest = [message for message in messages if message["type"] == "input_audio_buffer.append"][-50:]
    assert {pcm_of(message) for message in newest} == {FRAME.tobytes()}


def test_provider_that_reads_nothing_is_given_up_when_too_many_messages_wait() -> None:
    async def main() -> list[tuple[object, ...]]:
        async def reads_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upgrade(reader, writer)
            await asyncio.Event().wait()

        async with Connected(reads_nothing, by_hand=True) as session:
            await session.owner.heard("open")
            big = json.dumps({"item": "x" * (MAX_WAITING_CHARS // 4)})
            for _ in range(20):
                session.client.send("conversation.item.create", big)
            assert session.owner.kinds() == ["open"]
            await session.owner.heard("closed")
        return session.owner.notes[1:]

    (_, message), closed = asyncio.run(main())
    assert "reads nothing" in str(message)
    assert closed == ("closed", 1006, "", False)


# What is heard


def test_messages_and_audio_come_in_wire_order() -> None:
    async def main() -> list[tuple[object, ...]]:
        done = {"type": "response.done", "response": {"id": "resp_1", "status": "completed"}}
        async with Connected(says(delta(b"\1\2"), done, delta(b"\3\4\5"), {"type": "new.kind"})) as session:
            await session.owner.heard("message", 2)
        return session.owner.notes[1:5]

    assert [note[:3] for note in asyncio.run(main())] == [
        ("audio", "item_1", 0),
        ("message", Constant.RESPONSE_DONE, "response.done"),
        ("audio", "item_1", 0),
        ("message", Constant.UNKNOWN, "new.kind"),
    ]


def test_output_rate_is_the_one_of_the_audio_that_is_handed_over() -> None:
    async def main() -> list[int]:
        def updated(rate: int) -> dict[str, object]:
            audio = {"output": {"format": {"type": "audio/pcm", "rate": rate}}}
            return {"type": "session.updated", "session": {"audio": audio}}

        rates: list[int] = []
        server = says(delta(b"\1\2"), updated(44100), delta(b"\1\2"), updated(8000), delta(b"\1\2"))
        async with Connected(server) as session:
            session.client.set_rates(16000, 16000)
            session.owner.on_note = lambda note: (
                rates.append(session.client.output_rate) if note[0] == "audio" else None
            )
            await session.owner.heard("audio", 3)
            assert session.client.input_rate == 16000
        return rates

    assert asyncio.run(main()) == [16000, 44100, 8000]


def test_late_audio_of_a_cancelled_response_is_seen_on_the_wire_only() -> None:
    async def main() -> Owner:
        async def handler(connection: ServerConnection) -> None:
            await connection.recv()
            for response_id in ("resp_1", "resp_2"):
                await connection.send(json.dumps(delta(b"\1\2", response_id)))
            await connection.wait_closed()

        async with Connected(handler) as session:
            await session.owner.heard("open")
            session.client.send("response.cancel", '{"response_id":"resp_1"}')
            await session.owner.heard("audio")
        return session.owner

    owner = asyncio.run(main())
    assert [note[3] for note in owner.notes if note[0] == "audio"] == ["resp_2"]
    assert [direction for direction, _ in owner.wire] == [">", "<", "<"]


@pytest.mark.parametrize(
    "garbage", ["", "garbage", "[1]", b"\xff\x00binary", '{"type":"response.output_audio.delta","delta":"?"}']
)
def test_garbage_is_dropped_with_a_reason_and_the_connection_lives(garbage: str | bytes) -> None:
    async def main() -> Owner:
        async with Connected(says(garbage, {"type": "error"})) as session:
            await session.owner.heard("message")
        return session.owner

    owner = asyncio.run(main())
    assert owner.kinds() == ["open", "message", "closed"]
    assert [direction for direction, _ in owner.wire if direction == "!"] == ["!"]


def test_json_in_a_binary_frame_is_a_message() -> None:
    async def main() -> tuple[object, ...]:
        async with Connected(says(b'{"type":"error"}')) as session:
            return await session.owner.heard("message")

    assert asyncio.run(main())[0] is Constant.ERROR


# Ends


def test_nothing_is_handed_over_after_close_but_its_end() -> None:
    async def main() -> Owner:
        octets = b"".join(text_frame(json.dumps(message)) for message in ({"type": "a"}, delta(b"\1\2")))
        async with Connected(upgraded_then(octets * 3), by_hand=True) as session:
            session.owner.on_note = lambda note: session.client.close() if note[0] == "message" else None
            await session.owner.heard("closed")
        return session.owner

    owner = asyncio.run(main())
    assert owner.kinds() == ["open", "message", "closed"]
    assert len(owner.wire) == 6


def test_client_that_has_ended_takes_everything_and_does_nothing() -> None:
    async def main() -> tuple[list[object], list[object]]:
        server = Listener()
        async with Connected(server) as session:
            await session.owner.heard("open")
            session.client.close()
            for _ in range(2):
                session.client.send("response.create", "{}")
                session.client.send_audio(FRAME)
                session.client.set_rates(8000, 8000)
                session.client.close()
                await session.owner.heard("closed")
            assert session.client.input_rate == 24000
        return session.owner.notes[1:], list(server.messages)

    assert asyncio.run(main()) == ([("closed", 1000, "", True)], [])


def test_server_that_closes_is_a_clean_end_without_error() -> None:
    async def main() -> list[tuple[object, ...]]:
        async def handler(connection: ServerConnection) -> None:
            await connection.close(1008, "bad model")

        async with Connected(handler) as session:
            await session.owner.heard("closed")
        return session.owner.notes[1:]

    assert asyncio.run(main()) == [("closed", 1008, "bad model", True)]


def test_drop_in_the_middle_of_a_frame_is_an_error_then_the_end() -> None:
    async def main() -> list[tuple[object, ...]]:
        server = upgraded_then(text_frame(json.dumps(delta(b"\1\2" * 500)))[:700], then_wait=False)
        async with Connected(server, by_hand=True) as session:
            await session.owner.heard("closed")
        return session.owner.notes[1:]

    assert asyncio.run(main()) == [
        ("error", "The realtime connection broke: the connection was dropped."),
        ("closed", 1006, "", False),
    ]


def test_message_over_the_cap_ends_with_code_1009() -> None:
    async def main() -> list[tuple[object, ...]]:
        header = b"\x81\x7f" + (17 * 1024 * 1024).to_bytes(8, "big")
        async with Connected(upgraded_then(header), by_hand=True) as session:
            await session.owner.heard("closed")
        return session.owner.notes[1:]

    error, closed = asyncio.run(main())
    assert (error[0], closed[:2]) == ("error", ("closed", 1009))


def test_connects_and_closes_leave_no_task_and_no_socket() -> None:
    async def main() -> int:
        async with serve(says({"type": "session.created"}), "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            for _ in range(40):
                owner = Owner()
                async with Net(timing=QUICK) as network:
                    client = connect(request_to(url), network, owner)
                    await owner.heard("message")
                    client.close()
                    await owner.heard("closed")
                assert owner.kinds() == ["open", "message", "closed"]
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
    gc.collect()  # an unclosed socket warns here, and a warning fails the test


def test_pings_of_the_server_are_answered_while_audio_flows() -> None:
    async def main() -> float:
        latency: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        async def handler(connection: ServerConnection) -> None:
            try:
                latency.set_result(await (await connection.ping()))
                await connection.wait_closed()
            except ConnectionClosed as error:
                latency.set_exception(error)

        async with Connected(handler) as session:
            await session.owner.heard("open")
            session.client.send_audio(FRAME)
            async with asyncio.timeout(PATIENCE_S):
                return await latency

    assert asyncio.run(main()) > 0


def test_fragmented_message_is_one_message() -> None:
    async def main() -> tuple[object, ...]:
        octets = frame(Opcode.TEXT, b'{"type":', fin=False) + frame(Opcode.CONT, b'"error"}')
        async with Connected(upgraded_then(octets), by_hand=True) as session:
            return await session.owner.heard("message")

    assert asyncio.run(main())[2] == '{"type":"error"}'
