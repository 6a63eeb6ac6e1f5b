"""The engine's event loop: asyncio's own, which in a crowd does not wake for every single message.

With a hundred sessions something arrives every tenth of a millisecond. A wakeup for each costs more than what it brings
is worth, so what arrives within GATHER_S is taken together, as network cards do with interrupts. Ticks wait for nothing.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector, SelectorKey
from typing import Protocol, TypeAlias, TypeVar

CROWD = 100
"""Descriptors from which on a loop gathers: some 25 sessions. Fewer are served at once."""

GATHER_S = 0.001
"""Least time between two wakeups for ordinary descriptors; epoll counts whole milliseconds."""


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


_Result = TypeVar("_Result")
_File: TypeAlias = int | _HasFileno
_Epoll: TypeAlias = "select.epoll"


class _KeyMap(Mapping[_File, SelectorKey]):
    """The keys of a selector, by descriptor or by what has one."""

    def __init__(self) -> None:
        self.of_descriptor: dict[int, SelectorKey] = {}

    def __getitem__(self, fileobj: _File) -> SelectorKey:
        return self.of_descriptor[_descriptor(fileobj)]

    def __iter__(self) -> Iterator[_File]:
        return iter(self.of_descriptor)

    def __len__(self) -> int:
        return len(self.of_descriptor)


class GatheringSelector(BaseSelector):
    """epoll, with some descriptors that are urgent: they end any wait, and come first in what `select` returns."""

    def __init__(self) -> None:
        self._map = _KeyMap()
        self._keys = self._map.of_descriptor
        self._epoll = select.epoll()
        # Readable, as a descriptor of the other, while one of its own is.
        self._urgent = select.epoll()
        self._epoll.register(self._urgent, select.EPOLLIN)
        self._urgent_descriptors: set[int] = set()
        self._has_just_woken = False

    def mark_urgent(self, descriptor: int) -> None:
        """Makes a descriptor urgent that is registered after this, until it is unregistered."""
        self._urgent_descriptors.add(descriptor)

    def register(self, fileobj: _File, events: int, data: object = None) -> SelectorKey:
        descriptor = _descriptor(fileobj)
        if descriptor in self._keys:
            raise KeyError(f"{fileobj!r} is registered already")
        self._epoll_of(descriptor).register(descriptor, _epoll_events(events))
        return self._keep(SelectorKey(fileobj, descriptor, events, data))

    def unregister(self, fileobj: _File) -> SelectorKey:
        key = self._keys.pop(_descriptor(fileobj))
        # One that is closed already has left its epoll by that.
        with suppress(OSError):
            self._epoll_of(key.fd).unregister(key.fd)
        self._urgent_descriptors.discard(key.fd)
        return key

    def modify(self, fileobj: _File, events: int, data: object = None) -> SelectorKey:
        key = self._map[fileobj]
        if events != key.events:
            self._epoll_of(key.fd).modify(key.fd, _epoll_events(events))
        return self._keep(SelectorKey(key.fileobj, key.fd, events, data))

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        wait_s = -1.0 if timeout is None else max(timeout, 0.0)
        most = len(self._keys) + 1
        found: list[tuple[int, int]] = []
        if wait_s and self._has_just_woken and most > CROWD:
            found = self._urgent.poll(GATHER_S if wait_s < 0 else min(wait_s, GATHER_S))
            wait_s = 0.0 if found else wait_s if wait_s < 0 else max(0.0, wait_s - GATHER_S)
        arrived = self._epoll.poll(wait_s, most)
        self._has_just_woken = bool(arrived)
        if not found and self._urgent_descriptors and arrived:
            found = self._urgent.poll(0)
        # Without the nested epoll, which has no key.
        return [
            (key, _EVENTS.get(events, _BOTH) & key.events)
            for descriptor, events in found + arrived
            if (key := self._keys.get(descriptor)) is not None
        ]

    def close(self) -> None:
        self._keys.clear()
        self._epoll.close()
        self._urgent.close()

    def get_map(self) -> Mapping[_File, SelectorKey]:
        return self._map

    def _keep(self, key: SelectorKey) -> SelectorKey:
        self._keys[key.fd] = key
        return key

    def _epoll_of(self, descriptor: int) -> _Epoll:
        return self._urgent if descriptor in self._urgent_descriptors else self._epoll


class EngineLoop(asyncio.SelectorEventLoop):
    """A loop on a `GatheringSelector`."""

    def __init__(self) -> None:
        self._gathering = GatheringSelector()
        super().__init__(self._gathering)

    def add_urgent_reader(self, descriptor: int, callback: Callable[[], None]) -> None:
        """As `add_reader`, for a descriptor that is served before all others; `remove_reader` ends it."""
        self._gathering.mark_urgent(descriptor)
        self.add_reader(descriptor, callback)


def run(main: Coroutine[object, object, _Result]) -> _Result:
    """Does what `asyncio.run` does, on an `EngineLoop` where the system has epoll."""
    with asyncio.Runner(loop_factory=EngineLoop if hasattr(select, "epoll") else None) as runner:
        return runner.run(main)


_BOTH = EVENT_READ | EVENT_WRITE
_EVENTS = {select.EPOLLIN: EVENT_READ, select.EPOLLOUT: EVENT_WRITE} if hasattr(select, "epoll") else {}
"""Anything else is an end or an error, which both reading and writing show."""


def _epoll_events(events: int) -> int:
    return (select.EPOLLIN if events & EVENT_READ else 0) | (select.EPOLLOUT if events & EVENT_WRITE else 0)


def _descriptor(fileobj: _File) -> int:
    return fileobj if isinstance(fileobj, int) else fileobj.fileno()
