"""Contract of session/realtime_clients.py: which clients there are, and what becomes of commands to those that ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from session_doubles import RecordingHub, ToldProvider
from voxruntime.config import Limits
from voxruntime.errors import ProtocolBreach
from voxruntime.files.client import FileProcess
from voxruntime.media.graph import Graph
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.session.media import Media
from voxruntime.session.observer import SessionObserver
from voxruntime.session.realtime_clients import MAX_RECORDS, RealtimeClients
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import (
    ClearMedia,
    CloseRealtime,
    ConnectRealtime,
    InterruptRealtime,
    SendRealtime,
    SourceFile,
    WatchQuiet,
)


class SlowToClose(ToldProvider):
    """A connection whose closing handshake takes its time."""

    def close(self) -> None:
        self.is_closed = True


class Deaf(SlowToClose):
    """A connection whose provider has stopped to read."""

    @property
    def dropped_audio_ms(self) -> float:
        return 40.0


class Stand:
    """The clients of a session, and the connections they made."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.hub = RecordingHub(limits)
        self.media = Media(self.hub, Graph())
        self.opened: list[ClientEvents] = []
        self.provider: type[SlowToClose] = SlowToClose
        plan = SessionPlan("s", [SourceFile("s.lua", "")], {}, 1, RecordingPlan(Path("recordings")))
        files = FileProcess(self.hub.clock)
        self.clients = RealtimeClients(self.hub, self.media, self._connect, SessionObserver(), files, plan)

    def _connect(self, _command: ConnectRealtime, events: ClientEvents) -> RealtimeClient:
        self.opened.append(events)
        return self.provider(self.hub.clock, 24000)

    def connect(self, handle: int) -> None:
        self.clients.connect(
            ConnectRealtime(handle, f"client-{handle}", "s", "Yandex", handle, "k", "f", "m")
        )


def on_a_stand(test: Callable[[Stand], None], limits: Limits | None = None) -> None:
    async def main() -> None:
        test(Stand(limits))

    virtual_loop.run(main())


def test_commands_to_a_client_that_has_ended_do_nothing_and_settle() -> None:
    def check(stand: Stand) -> None:
        stand.connect(1)
        stand.opened[0].on_closed(1006, "", False)
        stand.clients.send(SendRealtime(1, "response.create", "{}"))
        stand.clients.close(CloseRealtime(1))
        stand.media.clear(ClearMedia(1))
        stand.clients.watch_quiet(WatchQuiet(1, 7, 0.0))
        stand.clients.interrupt(InterruptRealtime(1, 8, True, True))
        settled = {
            event.target: event.payload for event in stand.hub.events if event.name == "promise.resolve"
        }
        assert settled == {7: {"quiet": False}, 8: {"heard_ms": 0, "cancelled": False, "truncated": False}}
        assert [record.id for record in stand.clients.records] == ["client-1"]

    on_a_stand(check)


def test_a_client_that_never_was_and_one_that_was_already_are_breaches() -> None:
    def check(stand: Stand) -> None:
        stand.connect(1)
        stand.opened[0].on_closed(1000, "", True)
        for handle in (1, 2):
            with pytest.raises(ProtocolBreach):
                stand.connect(1) if handle == 1 else stand.clients.close(CloseRealtime(2))

    on_a_stand(check)


def test_clients_that_are_closing_leave_room_for_others() -> None:
    def check(stand: Stand) -> None:
        stand.connect(1)
        with pytest.raises(ProtocolBreach):
            stand.connect(2)
        stand.clients.close(CloseRealtime(1))
        stand.connect(3)

    on_a_stand(check, Limits(sockets=1))


def test_records_of_clients_that_ended_give_way_and_those_of_open_ones_stay() -> None:
    def check(stand: Stand) -> None:
        stand.connect(1)
        for handle in range(2, MAX_RECORDS + 3):
            stand.connect(handle)
            stand.opened[-1].on_closed(1000, "", True)
        ids = [record.id for record in stand.clients.records]
        assert len(ids) == MAX_RECORDS
        assert (ids[0], ids[1], ids[-1]) == ("client-1", "client-4", f"client-{MAX_RECORDS + 2}")

    on_a_stand(check)


def test_a_provider_that_does_not_read_is_told_of_once_within_a_second() -> None:
    def check(stand: Stand) -> None:
        stand.provider = Deaf
        stand.connect(1)
        for _ in range(50):
            stand.clients.after_tick()
        told = [
            (
                "warning",
                "Yandex client client-1: the provider does not read; the caller's oldest audio is dropped.",
            )
        ]
        assert stand.hub.notes == told
        for _ in range(100):
            stand.clients.after_tick()
        assert stand.hub.notes == told
        assert stand.clients.records[0].dropped_audio_ms == 40.0

    on_a_stand(check)
