"""The realtime clients of one session: which there are, and whose command goes to which."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from voxruntime.errors import ProtocolBreach
from voxruntime.files.client import FileProcess
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.session.diagnosis import Diagnostics
from voxruntime.session.hub import Hub, unknown_handle
from voxruntime.session.interruption import NOTHING_INTERRUPTED
from voxruntime.session.media import Media
from voxruntime.session.observer import SessionObserver
from voxruntime.session.queue import Event, Rank
from voxruntime.session.realtime import RealtimeUnit
from voxruntime.session.records import RealtimeRecord
from voxruntime.session.services import SessionPlan
from voxruntime.turn.inheritance import LiveObject
from voxruntime.turn.messages import (
    AdoptRealtime,
    CloseRealtime,
    ConnectRealtime,
    InterruptRealtime,
    Plain,
    SendRealtime,
    TruncateRealtime,
    WatchQuiet,
)

MAX_RECORDS = 1000
"""Clients of one session that its report tells of; the oldest that have ended are forgotten first."""

Connect = Callable[[ConnectRealtime, ClientEvents], RealtimeClient]
"""Starts a connection to the provider that the command names."""


class RealtimeClients:
    """The realtime clients of one session."""

    def __init__(
        self,
        hub: Hub,
        media: Media,
        connect: Connect,
        observer: SessionObserver,
        files: FileProcess,
        plan: SessionPlan,
    ) -> None:
        self._hub = hub
        self._media = media
        self._connect = connect
        self._observer = observer
        self._diagnostics = Diagnostics(hub, files, plan)
        self._units: dict[int, RealtimeUnit] = {}
        self._ended: set[int] = set()
        self._unclaimed: set[int] = set()
        self.records: list[RealtimeRecord] = []
        """One record a client, in the order they were created."""

    def connect(self, command: ConnectRealtime) -> None:
        """`createRealtimeAPIClient`: settles the command's promise later.

        Raises:
            ProtocolBreach: The handle is in use, or more clients are open than the limit, which Lua enforces.
        """
        handle = command.client
        is_over_limit = len(self._live()) >= self._hub.limits.sockets + len(self._unclaimed)
        if handle in self._units or handle in self._ended or is_over_limit:
            raise ProtocolBreach("protocol.handle", f"Realtime client {handle} is one too many.")
        record = RealtimeRecord(command.id, command.provider, command.privacy)
        self._keep(record)
        diagnosis = self._diagnostics.begin(command, record)
        unit = RealtimeUnit(self._hub, command, record, self._media, self._observer, diagnosis, self._forget)
        self._units[handle] = unit
        self._media.add(handle, unit)
        unit.client = self._connect(command, unit)

    def send(self, command: SendRealtime) -> None:
        """One client message to the provider.

        Raises:
            ProtocolBreach: Unknown client, or a body that is no JSON object.
        """
        if (unit := self._find(command.client)) is not None:
            unit.send(command)

    def truncate(self, command: TruncateRealtime) -> None:
        """`conversationItemTruncate` without a position: the engine fills in what was heard."""
        if (unit := self._find(command.client)) is not None:
            unit.truncate(command)

    def interrupt(self, command: InterruptRealtime) -> None:
        """`client:interrupt()`: settles the command's promise with what was heard."""
        if (unit := self._find(command.client)) is not None:
            unit.interrupt(command)
        else:
            self._settle(command.promise, NOTHING_INTERRUPTED)

    def watch_quiet(self, command: WatchQuiet) -> None:
        """`client:quiet()`: settles the command's promise once the agent has said all."""
        if (unit := self._find(command.client)) is not None:
            unit.watch_quiet(command)
        else:
            self._settle(command.promise, {"quiet": False})

    def close(self, command: CloseRealtime) -> None:
        """`client:close()`."""
        if (unit := self._find(command.client)) is not None:
            unit.close()

    def live(self) -> list[LiveObject]:
        """Returns the clients that are open or about to be, for code that may take them over."""
        return [_live_object(unit) for unit in self._live()]

    def hand_over(self) -> None:
        """New code has come, and has claimed no client yet."""
        self._unclaimed = {handle for handle, unit in self._units.items() if not unit.is_closing}

    def adopt(self, command: AdoptRealtime, waiting: list[Event]) -> list[Event]:
        """`createRealtimeAPIClient`, for a client that is live; returns what else new code has to hear of it.

        Args:
            command: What claims it.
            waiting: What has happened since the new code came.
        """
        self._unclaimed.discard(command.client)
        if (unit := self._find(command.client)) is not None:
            return unit.adopt(command.promise, waiting)
        self._settle(command.promise, {})
        return waiting

    def end_unclaimed(self) -> None:
        """Closes the clients that new code has not claimed."""
        for handle in list(self._unclaimed):
            unit = self._units[handle]
            self._hub.note("warning", f"{unit.label} is not taken over by the new code, and ends.")
            unit.close()
        self._unclaimed.clear()
        for unit in self._units.values():
            unit.is_handed_over = False

    def close_all(self) -> None:
        """The session has ended: no connection stays open."""
        for unit in list(self._units.values()):
            unit.close()

    def after_tick(self) -> None:
        """Reports what the last tick's playout changed."""
        for unit in self._units.values():
            unit.after_tick()

    def _live(self) -> list[RealtimeUnit]:
        return [unit for unit in self._units.values() if not unit.is_closing]

    def _find(self, handle: int) -> RealtimeUnit | None:
        """Returns a client; None for one that has ended before the scenario knew.

        Raises:
            ProtocolBreach: There never was such a client.
        """
        unit = self._units.get(handle)
        if unit is None and handle not in self._ended:
            raise unknown_handle("realtime client", handle)
        return unit

    def _settle(self, promise: int, result: Mapping[str, Plain]) -> None:
        self._hub.post(Event(Rank.SETTLEMENT, promise, "promise.resolve", dict(result)))

    def _forget(self, handle: int) -> None:
        """Lets go of a client that has ended, all but its record."""
        self._ended.add(handle)
        self._unclaimed.discard(handle)
        self._media.forget(handle)
        del self._units[handle]

    def _keep(self, record: RealtimeRecord) -> None:
        self.records.append(record)
        if len(self.records) > MAX_RECORDS:
            open_records = [unit.record for unit in self._units.values()]
            self.records.remove(next(kept for kept in self.records if kept not in open_records))


def _live_object(unit: RealtimeUnit) -> LiveObject:
    _tag, handle, public_id, socket_id, provider, _promise, *rest = msgspec.to_builtins(unit.asked)
    mirror: dict[str, object] = {"socket_id": socket_id, "declared": dict(unit.declared)}
    return LiveObject("realtime.connect", handle, public_id, [provider, *rest], mirror)
