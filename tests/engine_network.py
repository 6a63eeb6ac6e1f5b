"""What an engine under test connects with: all realtime clients go to one server, and nobody answers an outgoing call."""

from __future__ import annotations

import msgspec

from voxruntime.call.leg import Leg
from voxruntime.providers.interface import Network, RealtimeRequest, Spawn
from voxruntime.providers.registry import find_provider
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.session.services import ConnectProvider
from voxruntime.turn.messages import ConnectRealtime, StartCall


def connect_to(url: str, network: Network) -> ConnectProvider:
    """Returns what connects every client to `url`; as in a run, all share the network but for who starts their tasks."""

    def connect(spawn: Spawn, command: ConnectRealtime, events: ClientEvents) -> RealtimeClient:
        provider = find_provider(command.provider)
        assert provider is not None
        request = RealtimeRequest(command.api_key, command.folder_id, command.model, url)
        return provider.connect(request, msgspec.structs.replace(network, spawn=spawn), events)

    return connect


async def nobody(_command: StartCall) -> Leg | None:
    """Dials in vain."""
    return None
