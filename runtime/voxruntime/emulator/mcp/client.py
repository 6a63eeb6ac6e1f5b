"""The MCP process, as the embedded server sees it: started by the first session that names an MCP server."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
from collections.abc import Callable

from voxruntime.channel import Channel
from voxruntime.clock import Clock
from voxruntime.emulator.mcp.messages import (
    MAX_MESSAGE_BYTES,
    CallTool,
    Cancel,
    Endpoint,
    EndSession,
    Failed,
    Job,
    Listed,
    ListTools,
    Reply,
    Returned,
    Tool,
    decode_reply,
    encode,
)
from voxruntime.turn.framing import FrameReader, frame

MODULE = "voxruntime.emulator.mcp.process"

MISSING = "MCP servers need the package 'mcp': pip install 'voxruntime[mcp]'."

_CLOSE_S = 2.0
_CLIENT_GONE = -32000


class McpFailed(Exception):
    """An MCP server did not do what it was asked.

    Attributes:
        failure: What happened.
    """

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.message)
        self.failure = failure

    @property
    def error(self) -> dict[str, object]:
        """What happened, as `mcp_call` items show it."""
        shown: dict[str, object] = {"type": self.failure.kind, "message": self.failure.message}
        return shown if self.failure.kind == "tool_execution_error" else {**shown, "code": self.failure.code}


class McpProcess:
    """Asks MCP servers, in a process of its own. Nothing is started before the first question.

    When the process dies, what was asked of it fails, and the next question starts another.

    Args:
        clock: Holds virtual time still while a question is under way.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._starting = asyncio.Lock()
        self._channel: Channel | None = None
        self._sessions = itertools.count(1)
        self._jobs = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Reply]] = {}

    @property
    def pid(self) -> int | None:
        """The id of the process that runs now; None while there is none."""
        return None if self._channel is None or self._channel.lost.is_set() else self._channel.pid

    def session(self) -> McpSession:
        """Returns what one realtime session asks its servers through."""
        return McpSession(next(self._sessions), self)

    async def close(self) -> None:
        """Ends the process; after 2 s in any case. Harmless when repeated."""
        channel = self._channel
        if channel is None:
            return
        channel.finish()
        watchdog = self._clock.watchdog(_CLOSE_S, channel.kill)
        try:
            with self._clock.work.token():
                await channel.lost.wait()
        finally:
            watchdog.cancel()
        channel.reap()
        self._channel = None

    async def ask(self, request: Callable[[int], Job]) -> Reply:
        """Returns the answer to a question.

        Args:
            request: Makes it from the number it is given.

        Raises:
            McpFailed: It was not answered as it should.
        """
        number = next(self._jobs)
        with self._clock.work.token():
            channel = await self._started(number)
            answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            lost = asyncio.ensure_future(channel.lost.wait())
            self._waiting[number] = answer
            try:
                channel.send(frame(encode(request(number))))
                await asyncio.wait((answer, lost), return_when=asyncio.FIRST_COMPLETED)
            finally:
                del self._waiting[number]
                lost.cancel()
                if not answer.done():
                    channel.send(frame(encode(Cancel(number))))
        if not answer.done():
            raise _unavailable(number, "The MCP process ended unexpectedly.")
        reply = answer.result()
        if isinstance(reply, Failed):
            raise McpFailed(reply)
        return reply

    def tell(self, message: EndSession) -> None:
        """Sends what has no answer, if there is anybody to take it."""
        if self._channel is not None:
            self._channel.send(frame(encode(message)))

    async def _started(self, job: int) -> Channel:
        """Returns the process's line, once it runs."""
        async with self._starting:
            if self._channel is not None and not self._channel.lost.is_set():
                return self._channel
            if importlib.util.find_spec("mcp") is None:
                raise _unavailable(job, MISSING)
            if self._channel is not None:
                self._channel.reap()
            reader = FrameReader(MAX_MESSAGE_BYTES)

            def take(octets: bytes) -> None:
                for body in reader.feed(octets):
                    self._take(decode_reply(body))

            try:
                self._channel = await Channel.spawn([MODULE], take, self._clock.work)
            except OSError as error:
                raise _unavailable(job, f"The MCP process cannot be started: {error.strerror}.") from None
            return self._channel

    def _take(self, reply: Reply) -> None:
        answer = self._waiting.get(reply.job)
        if answer is not None and not answer.done():
            answer.set_result(reply)


class McpSession:
    """The MCP servers of one realtime session.

    Args:
        number: Names it; each session has its own with every server.
        process: Asks them.
    """

    def __init__(self, number: int, process: McpProcess) -> None:
        self._number = number
        self._process = process

    async def list_tools(self, endpoint: Endpoint) -> list[Tool]:
        """Returns what a server offers.

        Raises:
            McpFailed: It does not answer, or refuses.
        """
        reply = await self._process.ask(lambda job: ListTools(job, self._number, endpoint))
        assert isinstance(reply, Listed)
        return reply.tools

    async def call_tool(self, endpoint: Endpoint, name: str, arguments: str) -> str:
        """Returns what a tool returned.

        Args:
            endpoint: The server.
            name: The tool.
            arguments: JSON text of an object.

        Raises:
            McpFailed: The tool failed, or its server does not answer or refuses.
        """
        reply = await self._process.ask(lambda job: CallTool(job, self._number, endpoint, name, arguments))
        assert isinstance(reply, Returned)
        return reply.output

    def close(self) -> None:
        """Ends what it has with its servers."""
        self._process.tell(EndSession(self._number))


def _unavailable(job: int, message: str) -> McpFailed:
    return McpFailed(Failed(job, "protocol_error", _CLIENT_GONE, message))
