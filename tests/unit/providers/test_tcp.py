"""Names, addresses and TLS, seen through a link that connects with them."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.uri import parse_uri

from unit.providers.support import (
    Conversation,
    Link,
    Net,
    banner,
    client_tls,
    close_at_once,
    failure_of,
    server_tls,
    silence,
    tcp_server,
    upgraded_then,
)
from voxruntime.errors import RemoteError
from voxruntime.providers.interface import Blocked, HttpAnswer, Obstacle, Timing
from voxruntime.providers.tcp import open_stream


def test_port_that_nobody_listens_on_is_unreachable() -> None:
    async def main() -> Blocked | HttpAnswer:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            return await failure_of(f"ws://127.0.0.1:{unused.getsockname()[1]}/")

    assert asyncio.run(main()) == Blocked(Obstacle.UNREACHABLE, "connection refused")


# Names


async def failure_with(resolve: Callable[..., object]) -> Blocked | HttpAnswer:
    return await failure_of("ws://realtime.example:9/", resolve=resolve)


def test_name_that_is_not_found_says_what_the_resolver_says() -> None:
    async def resolve(host: str, _port: int) -> list[tuple[int, str]]:
        raise RemoteError("net.dns", f"Host {host} was not found. Check its spelling.")

    failure = asyncio.run(failure_with(resolve))
    assert failure == Blocked(Obstacle.ADDRESS, "Host realtime.example was not found. Check its spelling.")


def test_resolver_of_the_system_may_fail_too() -> None:
    async def resolve(_host: str, _port: int) -> list[tuple[int, str]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert asyncio.run(failure_with(resolve)) == Blocked(Obstacle.ADDRESS, "name or service not known.")


def test_name_without_address_leads_nowhere() -> None:
    async def resolve(_host: str, _port: int) -> list[tuple[int, str]]:
        return []

    failure = asyncio.run(failure_with(resolve))
    assert failure == Blocked(Obstacle.ADDRESS, "the name has no address.")


def test_next_address_is_tried_when_one_refuses() -> None:
    async def main() -> list[object]:
        async with tcp_server(upgraded_then()) as url:
            port = parse_uri(url).port

            async def resolve(host: str, asked_port: int) -> list[tuple[int, str]]:
                assert (host, asked_port) == ("realtime.example", port)
                return [(socket.AF_INET, "127.0.0.2"), (socket.AF_INET, "127.0.0.1")]

            async with Link(f"ws://realtime.example:{port}/", resolve=resolve) as linked:
                await linked.owner.heard("open")
            return linked.owner.kinds()

    assert asyncio.run(main())[0] == "open"


@asynccontextmanager
async def port_that_swallows(address: str, port: int) -> AsyncIterator[None]:
    """A listener whose queue is full: the kernel drops what asks for a connection."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex((address, port))
        yield
        for one in waiting:
            one.close()


def test_address_that_swallows_packets_leaves_time_for_the_next() -> None:
    async def main() -> list[object]:
        async with tcp_server(upgraded_then()) as url:
            port = parse_uri(url).port

            async def resolve(_host: str, _port: int) -> list[tuple[int, str]]:
                return [(socket.AF_INET, "127.0.0.2"), (socket.AF_INET, "127.0.0.1")]

            timing = Timing(connect_s=1.0)
            async with (
                port_that_swallows("127.0.0.2", port),
                Link(f"ws://realtime.example:{port}/", resolve=resolve, timing=timing) as linked,
            ):
                await linked.owner.until(lambda: bool(linked.owner.notes))
            return linked.owner.kinds()

    assert asyncio.run(main())[0] == "open"


def test_address_of_a_family_that_the_machine_has_not_is_unreachable() -> None:
    async def resolve(_host: str, _port: int) -> list[tuple[int, str]]:
        return [(9999, "no address")]

    failure = asyncio.run(failure_with(resolve))
    assert isinstance(failure, Blocked)
    assert failure.obstacle is Obstacle.UNREACHABLE


def test_close_while_tcp_connects_aborts_and_leaves_no_socket() -> None:
    async def main() -> list[tuple[object, ...]]:
        async with tcp_server(upgraded_then()) as url:
            port = parse_uri(url).port
            connecting = asyncio.Event()

            async def resolve(_host: str, _port: int) -> list[tuple[int, str]]:
                asyncio.get_running_loop().call_soon(connecting.set)
                return [(socket.AF_INET, "127.0.0.2")]

            async with (
                port_that_swallows("127.0.0.2", port),
                Link(f"ws://realtime.example:{port}/", resolve=resolve, timing=Timing()) as linked,
            ):
                await connecting.wait()
                linked.link.close()
                await asyncio.wait(linked.net.spawned)
            return linked.owner.notes

    assert asyncio.run(main()) == [("failed", Blocked(Obstacle.ABORTED))]
    gc.collect()  # an unclosed socket warns here, and a warning fails the test


def test_stream_sends_small_frames_at_once_and_holds_back_little() -> None:
    async def main() -> tuple[int, tuple[int, int]]:
        async with tcp_server(silence) as url, Net() as network:
            transport = await open_stream(
                "127.0.0.1", parse_uri(url).port, asyncio.Protocol(), network, tls=None
            )
            assert isinstance(transport, asyncio.Transport)
            connected = transport.get_extra_info("socket")
            no_delay = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            limits = transport.get_write_buffer_limits()
            transport.abort()
        return no_delay, limits

    assert asyncio.run(main()) == (1, (0, 1))


def test_localhost_needs_no_resolver() -> None:
    async def main() -> list[object]:
        async with (
            tcp_server(upgraded_then()) as url,
            Link(f"ws://localhost:{parse_uri(url).port}/") as linked,
        ):
            await linked.owner.heard("open")
        return linked.owner.kinds()

    assert asyncio.run(main())[0] == "open"


def test_resolver_that_never_answers_is_given_up_in_time() -> None:
    async def resolve(_host: str, _port: int) -> list[tuple[int, str]]:
        await asyncio.Event().wait()
        return []

    assert asyncio.run(failure_with(resolve)) == Blocked(Obstacle.TIMEOUT, "after 0.3 s")


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_link_over_tls_carries_texts_both_ways_and_closes_cleanly(authority: trustme.CA) -> None:
    async def main() -> list[tuple[object, ...]]:
        async def handler(connection: ServerConnection) -> None:
            async for message in connection:
                await connection.send(message)

        async with serve(handler, "127.0.0.1", 0, ssl=server_tls(authority)) as server:
            port = server.sockets[0].getsockname()[1]
            async with Link(f"wss://127.0.0.1:{port}/", timing=Timing(), tls=client_tls(authority)) as linked:
                await linked.owner.heard("open")
                linked.link.send("ж".encode() * 50_000)
                await linked.owner.heard("text")
                linked.link.close()
                await linked.owner.heard("closed")
        return linked.owner.notes[1:]

    notes = [note for note in asyncio.run(main()) if note[0] != "writable"]
    assert notes == [("text", "ж" * 50_000), ("closed", 1000, "", True, "")]


def test_certificate_that_is_not_trusted_fails_with_the_reason(authority: trustme.CA) -> None:
    async def main() -> Blocked | HttpAnswer:
        async with tcp_server(silence, ssl=server_tls(authority)) as url:
            return await failure_of(url, timing=Timing(), tls=client_tls(None))

    failure = asyncio.run(main())
    assert isinstance(failure, Blocked)
    assert failure.obstacle is Obstacle.TLS
    assert "certificate is not trusted" in failure.detail


def test_certificate_of_another_host_fails(authority: trustme.CA) -> None:
    async def main() -> Blocked | HttpAnswer:
        async with tcp_server(silence, ssl=server_tls(authority, "other.example")) as url:
            return await failure_of(url, timing=Timing(), tls=client_tls(authority))

    failure = asyncio.run(main())
    assert isinstance(failure, Blocked)
    assert failure.obstacle is Obstacle.TLS


@pytest.mark.parametrize(
    ("converse", "obstacle"),
    [(banner, Obstacle.TLS), (close_at_once, Obstacle.CLOSED), (silence, Obstacle.TIMEOUT)],
)
def test_server_without_tls_fails_a_wss_link(
    converse: Conversation, obstacle: Obstacle, authority: trustme.CA
) -> None:
    async def main() -> Blocked | HttpAnswer:
        async with tcp_server(converse) as url:
            return await failure_of(url.replace("ws:", "wss:"), tls=client_tls(authority))

    failure = asyncio.run(main())
    assert isinstance(failure, Blocked)
    assert failure.obstacle is obstacle
