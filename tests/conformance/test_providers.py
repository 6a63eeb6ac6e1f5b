"""What every provider of the registry must do, against a server on loopback that speaks the protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from unit.providers.support import (
    KEY,
    QUICK,
    Conversation,
    Net,
    Owner,
    answer,
    close_at_once,
    request_to,
    silence,
    tcp_server,
    upgraded_then,
)
from voxruntime.audio.pcm import RATES
from voxruntime.providers.interface import Provider
from voxruntime.providers.registry import PROVIDERS
from voxruntime.realtime.constants import APPEND_TYPE, CLIENT_TYPES
from voxruntime.realtime.interface import RealtimeClient, Refused

EACH_PROVIDER = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.namespace)

Act = Callable[[RealtimeClient, Owner], Awaitable[None]]


async def parrot(connection: ServerConnection) -> None:
    """Greets as every server does, then says the caller's audio back."""
    await connection.send('{"type":"session.created","session":{}}')
    async for text in connection:
        message = json.loads(text)
        if message["type"] == APPEND_TYPE:
            ids = {"response_id": "resp_1", "item_id": "item_1", "content_index": 0}
            await connection.send(
                json.dumps({"type": "response.output_audio.delta", **ids, "delta": message["audio"]})
            )
        else:
            await connection.send(json.dumps({"type": "session.updated", "session": {}}))


async def with_parrot(provider: Provider, act: Act) -> list[tuple[object, ...]]:
    async with serve(parrot, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
        return await with_server_at(url, provider, act)


async def with_server_at(url: str, provider: Provider, act: Act) -> list[tuple[object, ...]]:
    owner = Owner()
    async with Net(timing=QUICK) as network:
        client = provider.connect(request_to(url), network, owner)
        await act(client, owner)
        await owner.until(lambda: owner.kinds()[-1:] in (["closed"], ["refused"]))
        client.close()
    return owner.notes


async def only_wait(client: RealtimeClient, owner: Owner) -> None:
    pass


async def close_now(client: RealtimeClient, _: Owner) -> None:
    client.close()


@EACH_PROVIDER
def test_provider_describes_itself(provider: Provider) -> None:
    assert provider.namespace.isidentifier()
    assert provider.capabilities.default_rate in RATES
    assert provider.capabilities.default_model
    assert APPEND_TYPE in provider.capabilities.client_types <= set(CLIENT_TYPES)


@EACH_PROVIDER
def test_conversation_has_its_events_in_order_and_one_end(provider: Provider) -> None:
    frame = np.arange(provider.capabilities.default_rate // 50, dtype=np.int16)

    async def talk(client: RealtimeClient, owner: Owner) -> None:
        await owner.heard("message")
        assert client.input_rate == client.output_rate == provider.capabilities.default_rate
        client.set_rates(client.input_rate, client.output_rate)
        client.send("session.update", '{"session":{}}')
        client.send_audio(frame)
        await owner.heard("audio")
        client.close()
        client.close()

    notes = asyncio.run(with_parrot(provider, talk))
    assert [note[0] for note in notes] == ["open", "message", "message", "audio", "closed"]
    assert notes[3] == ("audio", "item_1", 0, "resp_1", frame.astype("<i2").tobytes())
    assert notes[4] == ("closed", 1000, "", True)


@EACH_PROVIDER
@pytest.mark.parametrize(
    ("server", "act", "code", "retryable"),
    [
        (answer("401 Unauthorized", b"{}"), only_wait, "provider.auth", False),
        (answer("403 Forbidden", b"{}"), only_wait, "provider.auth", False),
        (answer("429 Too Many Requests", b"{}"), only_wait, "provider.rate_limited", True),
        (answer("500 Internal Server Error", b"{}"), only_wait, "provider.unavailable", True),
        (answer("404 Not Found", b"{}"), only_wait, "provider.not_websocket", False),
        (close_at_once, only_wait, "provider.unreachable", True),
        (silence, only_wait, "provider.timeout", True),
        (silence, close_now, "provider.aborted", False),
    ],
)
def test_connection_that_does_not_open_is_refused_once(
    provider: Provider, server: Conversation, act: Act, code: str, retryable: bool
) -> None:
    async def main() -> list[tuple[object, ...]]:
        async with tcp_server(server) as url:
            return await with_server_at(url, provider, act)

    ((kind, refused),) = asyncio.run(main())
    assert kind == "refused"
    assert isinstance(refused, Refused)
    assert (refused.code, refused.retryable) == (code, retryable)
    assert KEY not in repr(refused)
    assert refused.message.endswith(".")


@EACH_PROVIDER
def test_drop_is_an_error_and_then_the_end(provider: Provider) -> None:
    async def main() -> list[tuple[object, ...]]:
        async with tcp_server(upgraded_then(then_wait=False)) as url:
            return await with_server_at(url, provider, only_wait)

    opened, error, closed = asyncio.run(main())
    assert (opened[0], error[0]) == ("open", "error")
    assert closed == ("closed", 1006, "", False)
