"""What a provider is, what it is given to connect with, and how an attempt to connect may fail."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

import msgspec

from voxruntime.clock import Clock
from voxruntime.providers.uplink import Uplink
from voxruntime.realtime.interface import ClientEvents, RealtimeClient

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[tuple[int, str]]]]
"""Looks a host name up: (address family, numeric address), best first. Raises OSError or RemoteError."""

Spawn: TypeAlias = Callable[[Coroutine[object, object, None]], asyncio.Task[None]]
"""Starts a task that its owner ends: `create_task` of the session's TaskGroup."""


class Capabilities(msgspec.Struct, frozen=True):
    """What a provider can do.

    Attributes:
        default_model: Model of a scenario that names none.
        default_rate: Hz that the host declares in both directions when the scenario does not.
        client_types: Wire types that the provider accepts.
        takes_assistant_items: Whether the client may put words of the assistant into the conversation.
    """

    default_model: str
    default_rate: int
    client_types: frozenset[str]
    takes_assistant_items: bool


@dataclass(frozen=True)
class RealtimeRequest:
    """What a scenario asks a connection for.

    Attributes:
        api_key: The provider's credential; no text that voxrt makes holds it.
        folder_id: Where the provider's account keeps the model.
        model: Bare name of the model; the provider's default when empty.
        url: Another server that speaks the protocol, `ws://` or `wss://`; the provider's own when empty.
    """

    api_key: str = field(repr=False)
    folder_id: str
    model: str = ""
    url: str = ""


class Timing(msgspec.Struct, frozen=True):
    """Times of a connection, in seconds.

    Attributes:
        connect_s: Longest way to an open WebSocket: name, TCP, TLS and upgrade together.
        close_s: Longest wait for the far end's part of the closing handshake.
        ping_interval_s: Between two pings; 0 sends none.
        silent_pings: A connection breaks once so many pings in a row brought no byte of any kind. One lost
        pong
            proves nothing; with two pings of 12 s a half-open connection is seen within 36 s.
        append_ms: Milliseconds of audio in one append, 20 to 100.
    """

    connect_s: float = 10.0
    close_s: float = 2.0
    ping_interval_s: float = 12.0
    silent_pings: int = 2
    append_ms: int = 20


class Network(msgspec.Struct, frozen=True):
    """What clients connect with; one for all connections of an engine, but for `spawn`.

    Attributes:
        clock: Runs every timer.
        resolve: Looks names up, outside the engine's process; IP addresses and `localhost` do without it.
        spawn: Starts the task that opens the connection; it ends when the connection is open, or is not to be.
        tls: Made once, before the first call, since making it takes tens of ms. None: no `wss://` is possible.
        timing: Times of each connection.
        uplink: Sends the callers' audio of all connections together.
    """

    clock: Clock
    resolve: Resolve
    spawn: Spawn
    tls: ssl.SSLContext | None = None
    timing: Timing = Timing()
    uplink: Uplink = msgspec.field(default_factory=Uplink)


Connect: TypeAlias = Callable[[RealtimeRequest, Network, ClientEvents], RealtimeClient]
"""Starts a connection and returns its client at once; the events say what became of it."""


class Provider(msgspec.Struct, frozen=True):
    """A realtime provider.

    Attributes:
        namespace: Name of its API in scenarios, e.g. `Yandex`.
        capabilities: What it can do.
        connect: Starts a connection.
    """

    namespace: str
    capabilities: Capabilities
    connect: Connect


class Obstacle(Enum):
    """Where an attempt to connect failed without an HTTP answer."""

    ADDRESS = "address"
    """The URL or the host's name leads nowhere."""
    UNREACHABLE = "unreachable"
    """No TCP connection."""
    TLS = "tls"
    """No TLS: a certificate that is not trusted, or no TLS server."""
    CLOSED = "closed"
    """The far end closed before it answered."""
    NOT_WEBSOCKET = "not_websocket"
    """What answered is no WebSocket server."""
    TIMEOUT = "timeout"
    """Nothing came of it in time."""
    ABORTED = "aborted"
    """The owner closed before it was open."""


class Blocked(msgspec.Struct, frozen=True):
    """An attempt that ended without an HTTP answer; `detail` is a phrase for a message, perhaps empty.

    For `ADDRESS` it is a whole sentence, since whoever looks names up knows what to do about it.
    """

    obstacle: Obstacle
    detail: str = ""


class HttpAnswer(msgspec.Struct, frozen=True):
    """An HTTP answer that opens no WebSocket."""

    status: int
    headers: Mapping[str, str]
    body: str


ConnectFailure: TypeAlias = Blocked | HttpAnswer
