"""The embedded realtime server: WebSockets in front of one brain per client."""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Sequence
from enum import Enum
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from voxruntime.clock import Clock
from voxruntime.emulator.brain.core import Brain
from voxruntime.emulator.connection import Connection
from voxruntime.emulator.dialogue import Dialogue
from voxruntime.emulator.faults import FaultKind, FaultyStream, parse_fault, refusal
from voxruntime.emulator.ids import Ids
from voxruntime.emulator.mcp.client import McpProcess
from voxruntime.emulator.paths import PATHS, url_of
from voxruntime.emulator.profiles import YANDEX, Profile
from voxruntime.errors import ConfigError
from voxruntime.speech.interface import SpeechEngines

log = logging.getLogger(__name__)

_MAX_FRAME_BYTES = 16 * 1024 * 1024 * 4 // 3
"""15 MiB of audio in base64, and what is around it; a longer frame closes the connection with 1009."""

_PING_INTERVAL_S = 20.0
_PING_TIMEOUT_S = 60.0
_CLOSE_TIMEOUT_S = 2.0


class VoiceDetection(Enum):
    """Who tells speech from silence."""

    ENERGY = "energy"
    ENGINES = "engines"


class ServerOptions(msgspec.Struct, frozen=True):
    """How a server behaves towards all its clients.

    Attributes:
        voice_detection: The brain, by loudness, or the speech engines' own detector.
        max_connections: Sessions at a time; more are refused with 429.
        seed: Ids of the sessions are the same again for the same seed; None draws one.
    """

    voice_detection: VoiceDetection = VoiceDetection.ENERGY
    max_connections: int = 100
    seed: int | None = None


class EmulatorServer:
    """Serves realtime sessions on a TCP port.

    Args:
        clock: Time; its loop runs the server.
        dialogue: What is expected and said in every session, and how the server behaves.
        engines: Hear and speak.
        profile: Whose dialect is spoken.
        options: Everything else.
    """

    def __init__(
        self,
        clock: Clock,
        dialogue: Dialogue,
        engines: SpeechEngines,
        *,
        profile: Profile = YANDEX,
        options: ServerOptions | None = None,
    ) -> None:
        self._clock = clock
        self._dialogue = dialogue
        self._engines = engines
        self._profile = profile
        self._options = options or ServerOptions()
        self._seed = secrets.randbits(64) if self._options.seed is None else self._options.seed
        self._server: Server | None = None
        self._sessions = 0
        self._faults = [parse_fault(spec) for spec in dialogue.server.faults]
        self._connections: set[Connection] = set()
        self._mcp = McpProcess(clock)

    @property
    def dialogue(self) -> Dialogue:
        """What is expected and said in new sessions."""
        return self._dialogue

    @property
    def connections(self) -> int:
        """Sessions that are open now."""
        return len(self._connections)

    async def start(self, host: str, port: int) -> str:
        """Listens, and returns the URL at which sessions are opened.

        Args:
            host: Address to listen on.
            port: TCP port; 0 takes a free one.

        Raises:
            ConfigError: The address cannot be listened on.
        """
        try:
            self._server = await self._listen(host, port)
        except OSError as error:
            message = (
                f"Cannot listen on {host}:{port}: {error.strerror or error}. Choose another with --port."
            )
            raise ConfigError("emulator.port", message) from None
        return url_of(host, next(iter(self._server.sockets)).getsockname()[1])

    async def start_on(self, listener: socket.socket) -> None:
        """Serves the clients of a socket that listens already, those that wait there first."""
        self._server = await self._listen(None, None, listener)

    def replace_dialogue(self, dialogue: Dialogue) -> list[str]:
        """Expects and says something else from now on; returns what keeps to the dialogue before, and why.

        How the server behaves changes with the next session.
        """
        self._dialogue = dialogue
        self._faults = [parse_fault(spec) for spec in dialogue.server.faults]
        stuck = [each for each in self._connections if not each.replace_dialogue(dialogue)]
        remark = (
            "a conversation stands in a state that the new dialogue does not have, or in another language: "
            "it goes on with the one before"
        )
        return [remark] * len(stuck)

    def speech_restarted(self, message: str) -> None:
        """Tells all clients that the speech engines began anew."""
        for connection in self._connections:
            connection.speech_restarted(message)

    async def close(self) -> None:
        """Ends all sessions with 1001 and stops listening."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        await self._mcp.close()

    async def _listen(
        self, host: str | None, port: int | None, listener: socket.socket | None = None
    ) -> Server:
        # Pings measure real time; where time jumps, every answer to one would be late. A server without a cable sends none.
        is_unplugged = any(fault.kind is FaultKind.HALF_OPEN for fault in self._faults)
        ping_interval = None if self._clock.is_virtual or is_unplugged else _PING_INTERVAL_S
        return await serve(
            self._serve,
            host,
            port,
            sock=listener,
            process_request=self._admit,
            select_subprotocol=_select_subprotocol,
            compression=None,
            max_size=_MAX_FRAME_BYTES,
            # A client that is unplugged, or stuck, does not hold up who closes the server.
            close_timeout=_CLOSE_TIMEOUT_S,
            ping_interval=ping_interval,
            ping_timeout=_PING_TIMEOUT_S,
        )

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:  # noqa: ARG002
        """Returns what refuses an upgrade, as plain HTTP; None lets it happen."""
        path = urlsplit(request.path).path
        status = refusal(self._faults)
        if status is not None:
            return _refused(status, "Refused because the fault 'refuse' is on.")
        if path.rstrip("/") not in PATHS:
            return _refused(404, f"There is nothing at {path[:100]}; sessions are opened at {PATHS[0]}.")
        if not _has_credential(request.headers):
            return _refused(401, "Send 'Authorization: Api-Key <key>' or 'Authorization: Bearer <token>'.")
        if self._model(request) is None:
            return _refused(400, "Name a model: ?model=gpt://<folder>/<model>.")
        if self.connections >= self._options.max_connections:
            return _refused(429, f"There are {self.connections} sessions already.")
        return None

    def _model(self, request: Request) -> str | None:
        named = parse_qs(urlsplit(request.path).query).get("model")
        return named[0] if named else self._profile.default_model

    async def _serve(self, websocket: ServerConnection) -> None:
        assert websocket.request is not None
        self._sessions += 1
        number = self._sessions
        detector = None
        if self._options.voice_detection is VoiceDetection.ENGINES:
            detector = self._engines.voice_detector()
        brain = Brain(
            self._model(websocket.request) or "",
            self._profile,
            self._dialogue,
            new_id=Ids(self._seed + number),
            detector_window_ms=detector.window_ms if detector else None,
            now=self._clock.now(),
            unix_s=self._clock.wall_ms() / 1000 - self._clock.now(),
        )
        connection = Connection(
            brain,
            _WebSocketChannel(websocket),
            self._engines,
            detector=detector,
            mcp=self._mcp.session(),
            clock=self._clock,
            faults=FaultyStream(self._faults),
        )
        self._connections.add(connection)
        log.info("Realtime session %d opened.", number)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            log.info("Realtime session %d closed.", number)


class _WebSocketChannel:
    """A WebSocket as a `Channel`."""

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes | None:
        try:
            return await self._websocket.recv()
        except ConnectionClosed:
            return None

    async def send(self, frame: str | bytes) -> None:
        try:
            await self._websocket.send(frame)
        except ConnectionClosed:
            return  # receive() tells the connection

    async def close(self, code: int, reason: str) -> None:
        # A close frame carries at most 123 bytes of reason.
        await self._websocket.close(code, reason.encode()[:123].decode(errors="ignore"))

    async def wait_closed(self) -> None:
        await self._websocket.wait_closed()

    def abort(self) -> None:
        self._websocket.transport.abort()

    def unplug(self) -> None:
        self._websocket.transport.pause_reading()


def _select_subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:  # noqa: ARG001
    return next((name for name in offered if name == "realtime"), None)


def _has_credential(headers: Headers) -> bool:
    scheme, _, credential = headers.get("Authorization", "").strip().partition(" ")
    return scheme.lower() in ("api-key", "bearer") and bool(credential.strip())


def _refused(status: int, message: str) -> Response:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Refused"
    body = msgspec.json.encode({"error": {"code": status, "message": message}})
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = "1"
    return Response(status, phrase, headers, body)
