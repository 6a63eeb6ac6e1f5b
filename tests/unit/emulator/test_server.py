"""Contract of emulator/server.py: real sockets on the loopback, an independent WebSocket client."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conformance.emulator.driver import DIALOGUE
from socket_client import KEY, MODEL, Json, SocketClient, client
from socket_client import serving as serving_dialogue
from voxruntime.clock import Clock
from voxruntime.emulator.profiles import OPENAI, PROFILES, Profile
from voxruntime.emulator.server import EmulatorServer, VoiceDetection
from voxruntime.errors import ConfigError
from voxruntime.speech.tones import ToneEngines
from voxruntime.testing import virtual_loop

serving = partial(serving_dialogue, DIALOGUE)


async def comes_true(condition: Callable[[], bool]) -> None:
    """Returns when the other side of a socket, in this loop, has taken notice; fails after 10 s."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # nothing tells when the last task of a connection is gone
            await asyncio.sleep(0)  # noqa: TID251  # yields, takes no time


async def conversation(profile: Profile, detection: VoiceDetection) -> SocketClient:
    async with serving(profile, voice_detection=detection) as (_, url), client(url, profile) as each:
        await each.configure()
        await each.send("response.create")
        await each.until("response.done")
        await each.speak("hello")
        await each.until("response.done")
        return each


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("detection", VoiceDetection)
def test_caller_is_greeted_understood_and_answered(profile: str, detection: VoiceDetection) -> None:
    each = asyncio.run(conversation(PROFILES[profile], detection))
    assert each.spoken() == "Welcome to the desk. Hello to you."


def test_same_conversation_in_virtual_time() -> None:
    each = virtual_loop.run(conversation(PROFILES["yandex"], VoiceDetection.ENERGY))
    assert each.spoken() == "Welcome to the desk. Hello to you."


def run_and_see_status(path: str, headers: dict[str, str], **options: object) -> tuple[int, Json, str | None]:
    async def main() -> tuple[int, Json, str | None]:
        async with serving(**options) as (_, url):
            base = url.removesuffix("/v1/realtime")
            with pytest.raises(InvalidStatus) as caught:
                await connect(base + path, additional_headers=headers)
            response = caught.value.response
            return response.status_code, json.loads(response.body), response.headers.get("Retry-After")

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "headers", "status", "words"),
    [
        ("/v1/realtime" + MODEL, {}, 401, "Authorization"),
        ("/v1/realtime" + MODEL, {"Authorization": "Api-Key "}, 401, "Authorization"),
        ("/v1/realtime" + MODEL, {"Authorization": "Basic abc"}, 401, "Authorization"),
        ("/v1/realtime", KEY, 400, "model"),
        ("/v2/realtime" + MODEL, KEY, 404, "/v2/realtime"),
    ],
)
def test_upgrade_is_refused_with_a_reason(
    path: str, headers: dict[str, str], status: int, words: str
) -> None:
    found, body, _ = run_and_see_status(path, headers)
    assert found == status
    assert body["error"]["code"] == status
    assert words in body["error"]["message"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 599])
def test_fault_refuses(status: int) -> None:
    found, body, retry_after = run_and_see_status("/v1/realtime" + MODEL, KEY, faults=[f"refuse:{status}"])
    assert (found, body["error"]["code"]) == (status, status)
    assert (retry_after is not None) == (status == 429)


@pytest.mark.parametrize("scheme", ["Api-Key", "api-key", "Bearer"])
@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/realtime/", "/v1/realtime/openai"])
@pytest.mark.parametrize("model", ["gpt://folder/model", "gpt%3A%2F%2Ffolder%2Fmodel"])
def test_session_opens_with_any_credential_at_either_path(scheme: str, path: str, model: str) -> None:
    async def main() -> Json:
        async with serving() as (_, url):
            address = f"{url.removesuffix('/v1/realtime')}{path}?model={model}"
            async with connect(address, additional_headers={"Authorization": f"{scheme} x"}) as websocket:
                return await SocketClient(websocket, []).receive()

    event = asyncio.run(main())
    assert (event["type"], event["session"]["model"]) == ("session.created", "gpt://folder/model")


def test_subprotocol_is_echoed_when_it_is_offered() -> None:
    async def main() -> list[str | None]:
        found = []
        async with serving() as (_, url):
            for offered in (None, ["realtime"], ["other"], ["other", "realtime"]):
                async with client(url, subprotocols=offered) as each:
                    found.append(each.websocket.subprotocol)
        return found

    assert asyncio.run(main()) == [None, "realtime", None, "realtime"]


def test_openai_profile_has_a_model_of_its_own() -> None:
    async def main() -> Json:
        async with serving(OPENAI) as (_, url), connect(url, additional_headers=KEY) as websocket:
            return await SocketClient(websocket, []).receive()

    assert asyncio.run(main())["session"]["model"] == "gpt-realtime"


def test_bare_model_name_is_told_and_closed_with_1008() -> None:
    async def main() -> tuple[Json, int]:
        async with serving() as (_, url), connect(url + "?model=bare", additional_headers=KEY) as websocket:
            event = await SocketClient(websocket, []).receive()
            await websocket.wait_closed()
            return event, websocket.close_code or 0

    event, code = asyncio.run(main())
    assert (event["type"], event["error"]["code"], code) == ("error", "invalid_model", 1008)


def test_sessions_are_bounded_and_a_closed_one_makes_room() -> None:
    async def main() -> None:
        async with serving(max_connections=2) as (server, url):
            async with client(url) as first, client(url) as second:
                sessions = {(await each.receive())["session"]["id"] for each in (first, second)}
                assert len(sessions) == 2
                with pytest.raises(InvalidStatus):
                    await connect(url + MODEL, additional_headers=KEY)
            await comes_true(lambda: not server.connections)
            async with client(url) as third:
                assert (await third.receive())["type"] == "session.created"

    asyncio.run(main())


def test_client_that_vanishes_in_mid_answer_leaves_nothing() -> None:
    async def main() -> None:
        async with serving() as (server, url):
            before = len(asyncio.all_tasks())
            async with client(url) as each:
                await each.configure()
                await each.send("response.create")
                await each.until("response.output_audio.delta")
                each.websocket.transport.abort()
            await comes_true(lambda: not server.connections and len(asyncio.all_tasks()) == before)

    asyncio.run(main())


def test_all_clients_are_told_when_speech_begins_anew() -> None:
    async def main() -> None:
        async with serving() as (server, url), client(url) as first, client(url) as second:
            for each in (first, second):
                await each.receive()
            server.speech_restarted("The speech process ended; a new one takes over.")
            for each in (first, second):
                assert (await each.until("error"))["error"] == {
                    "type": "server_error",
                    "code": "speech_restarted",
                    "message": "The speech process ended; a new one takes over.",
                    "param": None,
                    "event_id": None,
                }
                await each.configure()
                await each.until("session.updated")

    asyncio.run(main())


def test_closing_the_server_closes_its_sessions() -> None:
    async def main() -> int:
        async with serving() as (server, url), client(url) as each:
            await each.receive()
            await server.close()
            with pytest.raises(ConnectionClosed):
                await each.until("never")
            return each.websocket.close_code or 0

    assert asyncio.run(main()) == 1001


def test_server_that_never_started_can_be_closed() -> None:
    async def main() -> None:
        await EmulatorServer(Clock(asyncio.get_running_loop()), DIALOGUE, ToneEngines()).close()

    asyncio.run(main())


def test_taken_port_is_told() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            server = EmulatorServer(Clock(asyncio.get_running_loop()), DIALOGUE, ToneEngines())
            with pytest.raises(ConfigError, match=r"Cannot listen on 127.0.0.1:\d+: .*--port"):
                await server.start("127.0.0.1", taken.getsockname()[1])

    asyncio.run(main())


def test_drop_cuts_without_a_closing_handshake() -> None:
    async def main() -> int:
        async with serving(faults=["drop:2"]) as (_, url), client(url) as each:
            await each.send("response.create")
            with pytest.raises(ConnectionClosed):
                await each.until("response.done")
            return each.websocket.close_code or 0

    assert asyncio.run(main()) == 1006


def test_too_long_a_frame_ends_the_connection() -> None:
    async def main() -> int:
        async with serving() as (_, url):
            # Not as a context: the client library stumbles over closing what the server has cut.
            websocket = await connect(url + MODEL, additional_headers=KEY)
            with suppress(ConnectionClosed):
                await websocket.send(" " * (23 * 1024 * 1024))
            await websocket.wait_closed()
            return websocket.close_code or 0

    # A reset that overtakes the close frame hides its code.
    assert asyncio.run(main()) in (1009, 1006)


def test_too_much_audio_in_one_event_is_an_error_and_the_session_goes_on() -> None:
    async def main() -> Json:
        async with serving() as (_, url), client(url) as each:
            await each.send("input_audio_buffer.append", audio="A" * (15 * 1024 * 1024 * 4 // 3 + 8))
            error = await each.until("error")
            await each.configure()
            await each.until("session.updated")
            return error

    assert asyncio.run(main())["error"]["param"] == "audio"


def test_unplugged_server_answers_no_ping() -> None:
    async def main() -> None:
        quiet = {"is_sound": False, "ping_interval": None, "close_timeout": 0.1}
        async with serving(faults=["half_open:1"]) as (_, url), client(url, **quiet) as each:
            await each.receive()
            pong = await each.websocket.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(pong), 0.2)

    asyncio.run(main())


def test_stalled_server_still_answers_pings() -> None:
    async def main() -> None:
        async with serving(faults=["stall:1"]) as (_, url), client(url, is_sound=False) as each:
            await each.receive()
            await asyncio.wait_for(await each.websocket.ping(), 20)

    asyncio.run(main())


def test_server_that_breaks_down_closes_with_1011() -> None:
    async def main() -> int:
        async with serving(faults=["close:2"]) as (_, url), client(url, is_sound=False) as each:
            await each.send("response.create")
            with pytest.raises(ConnectionClosed):
                await each.until("response.done")
            return each.websocket.close_code or 0

    assert asyncio.run(main()) == 1011


def test_binary_frame_is_one() -> None:
    async def main() -> object:
        async with serving(faults=["binary:1"]) as (_, url), client(url, is_sound=False) as each:
            await each.receive()
            return await each.websocket.recv()

    assert isinstance(asyncio.run(main()), bytes)
