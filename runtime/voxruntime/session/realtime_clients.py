"""The realtime clients of one session: which there are, and whose command goes to which."""

from __future__ import annotations

from collections.abc import Callable

from voxruntime.errors import ProtocolBreach
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.session.hub import Hub, unknown_handle
from voxruntime.session.media import Media
from voxruntime.session.observer import SessionObserver
from voxruntime.session.realtime import RealtimeUnit
from voxruntime.session.records import RealtimeRecord
from voxruntime.turn.inheritance import LiveObject
from voxruntime.turn.messages import (
    AdoptRealtime,
    CloseRealtime,
    ConnectRealtime,
    InterruptRealtime,
    SendRealtime,
    TruncateRealtime,
    WatchQuiet,
)

Connect = Callable[[ConnectRealtime, ClientEvents], RealtimeClient]
"""Starts a connection to the provider that the command names."""


class RealtimeClients:
    """The realtime clients of one session."""

    def __init__(self, hub: Hub, media: Media, connect: Connect, observer: SessionObserver) -> None:
        self._hub = hub
        self._media = media
        self._connect = connect
        self._observer = observer
        self._units: dict[int, RealtimeUnit] = {}
        self._unclaimed: set[int] = set()

    @property
    def records(self) -> list[RealtimeRecord]:
        """One record a client, in the order they were created."""
        return [unit.record for unit in self._units.values()]

    def connect(self, command: ConnectRealtime) -> None:
        """`createRealtimeAPIClient`: settles the command's promise later.

        Raises:
            ProtocolBreach: The handle is in use, or there are more clients than the limit, which Lua enforces.
        """
        is_over_limit = len(self._live()) >= self._hub.limits.sockets + len(self._unclaimed)
        if command.client in self._units or is_over_limit:
            raise ProtocolBreach("protocol.handle", f"Realtime client {command.client} is one too many.")
        record = RealtimeRecord(command.id, command.provider, command.privacy)
        unit = RealtimeUnit(self._hub, command, record, self._media, self._observer)
        self._units[command.client] = unit
        self._media.add(command.client, unit)
        unit.client = self._connect(command, unit)

    def send(self, command: SendRealtime) -> None:
        """One client message to the provider.

        Raises:
            ProtocolBreach: Unknown client, or a body that is no JSON object.
        """
        self._unit(command.client).send(command)

    def truncate(self, command: TruncateRealtime) -> None:
        """`conversationItemTruncate` without a position: the engine fills in what was heard."""
        self._unit(command.client).truncate(command)

    def interrupt(self, command: InterruptRealtime) -> None:
        """`client:interrupt()`: settles the command's promise with what was heard."""
        self._unit(command.client).interrupt(command)

    def watch_quiet(self, command: WatchQuiet) -> None:
        """`client:quiet()`: settles the command's promise once the agent has said all."""
        self._unit(command.client).watch_quiet(command)

    def close(self, command: CloseRealtime) -> None:
        """`client:close()`."""
        self._unit(command.client).close()

    def live(self) -> list[LiveObject]:
        """Returns the clients that are open or about to be, for code that may take them over."""
        return [unit.live() for unit in self._live()]

    def hand_over(self) -> None:
        """New code has come, and has claimed no client yet."""
        self._unclaimed = {handle for handle, unit in self._units.items() if not unit.has_ended}

    def adopt(self, command: AdoptRealtime) -> None:
        """`createRealtimeAPIClient`, for a client that is live."""
        self._unclaimed.discard(command.client)
        self._unit(command.client).adopt(command.promise)

    def end_unclaimed(self) -> None:
        """Closes the clients that new code has not claimed."""
        for handle in self._unclaimed:
            unit = self._units[handle]
            self._hub.note("warning", f"{unit.label} is not taken over by the new code, and ends.")
            unit.close()
        self._unclaimed.clear()
        for unit in self._units.values():
            unit.is_handed_over = False

    def close_all(self) -> None:
        """The session has ended: no connection stays open."""
        for unit in self._units.values():
            unit.close()

    def after_tick(self) -> None:
        """Reports what the last tick's playout changed."""
        for unit in self._units.values():
            unit.after_tick()

    def _live(self) -> list[RealtimeUnit]:
        return [unit for unit in self._units.values() if not unit.has_ended]

    def _unit(self, handle: int) -> RealtimeUnit:
        unit = self._units.get(handle)
        if unit is None:
            raise unknown_handle("realtime client", handle)
        return unit
