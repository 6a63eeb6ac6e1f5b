from __future__ import annotations

import asyncio
import os
import select
import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime import event_loop
from voxruntime.event_loop import CROWD, EngineLoop, GatheringSelector

pytestmark = pytest.mark.skipif(
    not hasattr(select, "epoll"), reason="an EngineLoop needs epoll, which Linux has"
)

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


@pytest.fixture
def crowd() -> Iterator[list[socket.socket]]:
    """More ends of connections than a loop serves one by one; what is sent to an end comes from its peer."""
    with ExitStack() as stack:
        yield [stack.enter_context(end) for _ in range(CROWD // 2 + 1) for end in socket.socketpair()]


@pytest.fixture
def gathering(crowd: list[socket.socket]) -> Iterator[GatheringSelector]:
    """A selector for all of them."""
    with GatheringSelector() as gathering:
        for end in crowd:
            gathering.register(end, READ)
        yield gathering


def files(found: list[tuple[selectors.SelectorKey, int]]) -> list[object]:
    return [key.fileobj for key, _ in found]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["register", "modify", "unregister", "send", "receive", "close peer"]),
            st.integers(0, 2),
            st.sampled_from([READ, WRITE, READ | WRITE]),
        ),
        max_size=30,
    ),
    st.sets(st.integers(0, 2)),
)
def test_finds_what_the_standard_selector_finds(steps: list[tuple[str, int, int]], urgent: set[int]) -> None:
    with ExitStack() as stack:
        pairs = [[stack.enter_context(end) for end in socket.socketpair()] for _ in range(3)]
        both = [stack.enter_context(each) for each in (GatheringSelector(), selectors.EpollSelector())]
        for ours, peer in pairs:
            ours.setblocking(False)
            peer.setblocking(False)
        for step, number, events in steps:
            ours, peer = pairs[number]
            is_known = ours.fileno() in both[1].get_map()
            match step:
                case "register" if not is_known:
                    if number in urgent:
                        both[0].mark_urgent(ours.fileno())  # type: ignore[attr-defined]  # the first is ours
                    for selector in both:
                        selector.register(ours, events)
                case "modify" if is_known:
                    for selector in both:
                        selector.modify(ours, events)
                case "unregister" if is_known:
                    for selector in both:
                        selector.unregister(ours)
                case "send" if peer.fileno() >= 0:
                    peer.send(b"x")
                case "receive" if select.select([ours], [], [], 0)[0]:
                    ours.recv(100)
                case "close peer":
                    peer.close()
            found = [{(key.fd, mask) for key, mask in selector.select(0)} for selector in both]
            assert found[0] == found[1]


class TestGathering:
    def test_what_has_come_since_is_found_together(
        self, gathering: GatheringSelector, crowd: list[socket.socket]
    ) -> None:
        crowd[1].send(b"x")
        assert files(gathering.select(10)) == [crowd[0]]
        crowd[0].recv(1)
        crowd[3].send(b"x")
        crowd[5].send(b"x")
        assert set(files(gathering.select(10))) == {crowd[2], crowd[4]}

    def test_an_urgent_one_comes_first_and_with_the_others(
        self, gathering: GatheringSelector, crowd: list[socket.socket]
    ) -> None:
        ours, peer = socket.socketpair()
        with ours, peer:
            gathering.mark_urgent(ours.fileno())
            gathering.register(ours, READ)
            crowd[1].send(b"x")
            peer.send(b"x")
            assert files(gathering.select(10)) == [ours, crowd[0]]
            assert files(gathering.select(10)) == [ours, crowd[0]]

    def test_a_wait_with_nothing_to_find_ends(
        self, gathering: GatheringSelector, crowd: list[socket.socket]
    ) -> None:
        crowd[1].send(b"x")
        gathering.select(10)
        crowd[0].recv(1)
        assert gathering.select(0.0001) == []

    def test_a_descriptor_is_urgent_no_more_once_it_was_unregistered(self) -> None:
        with closing(GatheringSelector()) as gathering, ExitStack() as stack:
            ours, peer, other, of_other = (
                stack.enter_context(end) for _ in range(2) for end in socket.socketpair()
            )
            gathering.mark_urgent(ours.fileno())
            gathering.register(ours, READ)
            gathering.unregister(ours)
            gathering.register(ours, READ)
            peer.send(b"x")
            of_other.send(b"x")
            gathering.register(other, READ)
            assert set(files(gathering.select(10))) == {ours, other}

    def test_a_file_that_was_closed_can_be_unregistered(self) -> None:
        with closing(GatheringSelector()) as gathering:
            ours, peer = os.pipe()
            gathering.register(ours, READ)
            os.close(ours)
            os.close(peer)
            assert gathering.unregister(ours).fd == ours
            assert not gathering.get_map()

    def test_an_unknown_file_is_a_key_error(self, crowd: list[socket.socket]) -> None:
        with GatheringSelector() as gathering:
            with pytest.raises(KeyError):
                gathering.get_key(crowd[0])
            gathering.register(crowd[0], READ)
            with pytest.raises(KeyError):
                gathering.register(crowd[0], READ)


def test_an_urgent_reader_is_called_before_the_others() -> None:
    called: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EngineLoop)
        with ExitStack() as stack:
            ours, peer, urgent, of_urgent = (
                stack.enter_context(end) for _ in range(2) for end in socket.socketpair()
            )
            loop.add_reader(ours, called.append, "other")
            loop.add_urgent_reader(urgent.fileno(), lambda: called.append("urgent"))
            peer.send(b"x")
            of_urgent.send(b"x")
            while len(called) < 2:
                await asyncio.to_thread(lambda: None)
            loop.remove_reader(ours)
            loop.remove_reader(urgent.fileno())

    event_loop.run(main())
    assert called[:2] == ["urgent", "other"]


def test_streams_work_on_it() -> None:
    async def main() -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.read()).upper())
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1")
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello" * 100_000)
            writer.write_eof()
            answered = await reader.read()
            writer.close()
        return answered

    assert event_loop.run(main()) == b"HELLO" * 100_000
