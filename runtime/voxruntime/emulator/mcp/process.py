"""The MCP process: talks to the MCP servers of all sessions, with the official client.

Started as `python -I -m voxruntime.emulator.mcp.process FD`, where FD is its end of a socket pair; it ends with the
other end. It is a process because the client takes a second to import, and HTTP has no place in the engine's loop.
Each realtime session has one MCP session with each of its servers, opened by the first job and kept; jobs of one are
done one after the other. After a failure it is opened anew by the next job.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator

import httpx2
import msgspec
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from voxruntime.emulator.mcp.messages import (
    MAX_MESSAGE_BYTES,
    MAX_OUTPUT_CHARS,
    CallTool,
    Cancel,
    Endpoint,
    EndSession,
    Failed,
    Job,
    Listed,
    ListTools,
    Reply,
    Request,
    Returned,
    Tool,
    decode_request,
    encode,
)
from voxruntime.turn.framing import FrameReader, frame

_ANSWER_S = 30.0
"""Time an MCP server has for one answer, as long as OpenAI's and Yandex's clients wait for other HTTP tools."""

_CONNECT_S = 5.0

_MAX_TOOLS = 1000

_CONNECTION_CLOSED = -32000
"""JSON-RPC's code for a server that is not there."""

_READ_BYTES = 256 * 1024


_FAULTS = (MCPError, httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError)
"""What the client raises: for a server's answers, for the network, for a URL, for results it cannot make sense of."""


class _ToolFailedError(Exception):
    """The tool ran, and says that it failed."""


class Line:
    """One MCP session, from its first job on.

    Args:
        endpoint: The server.
        connection: The engine's end of the process's socket.
    """

    def __init__(self, endpoint: Endpoint, connection: asyncio.StreamWriter) -> None:
        self.endpoint = endpoint
        self._connection = connection
        self._jobs: deque[Job] = deque()
        self._came = asyncio.Event()
        self._status = 0
        self._job: Job | None = None
        self._task = asyncio.create_task(self._run())

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be done through it."""
        return self._task.done()

    def add(self, job: Job) -> None:
        """Has a job done after those that wait."""
        self._jobs.append(job)
        self._came.set()

    def withdraw(self, job: int) -> bool:
        """Forgets a job; returns whether it is under way, so that only `close` ends it."""
        self._jobs = deque(waiting for waiting in self._jobs if waiting.job != job)
        return self._job is not None and self._job.job == job

    def close(self) -> list[Job]:
        """Ends the session and returns the jobs that waited."""
        self._task.cancel()
        waiting = list(self._jobs)
        self._jobs.clear()
        return waiting

    async def _run(self) -> None:
        try:
            while True:
                await self._serve(await self._next())
        finally:
            # Whatever happens: somebody waits.
            for job in [*([self._job] if self._job else []), *self._jobs]:
                self._send(Failed(job.job, "protocol_error", _CONNECTION_CLOSED, "The MCP session ended."))

    async def _next(self) -> Job:
        self._job = None
        while not self._jobs:
            self._came.clear()
            await self._came.wait()
        self._job = self._jobs.popleft()
        return self._job

    async def _serve(self, job: Job) -> None:
        """Opens a session and does jobs in it, until one fails."""
        try:
            async with self._opened() as client:
                while True:
                    reply = await self._done(job, client)
                    self._send(reply)
                    if isinstance(reply, Failed) and reply.kind != "tool_execution_error":
                        return
                    job = await self._next()
        # The client raises groups of whatever its tasks raised. One that comes while no job is under way ends the
        # session all the same, and its answer finds nobody waiting.
        except (ExceptionGroup, *_FAULTS) as error:
            self._send(self._failed(job, error))

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[Client]:
        async def note_status(response: httpx2.Response) -> None:  # what httpx2 asks for
            self._status = response.status_code

        self._status = 0
        http = httpx2.AsyncClient(
            headers=self.endpoint.headers,
            timeout=httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S),
            event_hooks={"response": [note_status]},
        )
        transport = streamable_http_client(self.endpoint.url, http_client=http)
        async with http, Client(transport, read_timeout_seconds=_ANSWER_S) as client:
            yield client

    async def _done(self, job: Job, client: Client) -> Reply:
        self._status = 0
        try:
            if isinstance(job, ListTools):
                return Listed(job.job, await _tools(client))
            return Returned(job.job, await _output(job, client))
        except _ToolFailedError as failed:
            return Failed(job.job, "tool_execution_error", 0, str(failed))
        except _FAULTS as error:
            return self._failed(job, error)

    def _failed(self, job: Job, error: Exception) -> Failed:
        if self._status >= 400:
            return Failed(job.job, "http_error", self._status, f"The server answered HTTP {self._status}.")
        cause = _innermost(error)
        if isinstance(cause, MCPError):
            return Failed(job.job, "protocol_error", cause.code, cause.message)
        return Failed(job.job, "protocol_error", _CONNECTION_CLOSED, str(cause) or type(cause).__name__)

    def _send(self, reply: Reply) -> None:
        self._connection.write(frame(encode(reply)))


async def _tools(client: Client) -> list[Tool]:
    found: list[Tool] = []
    cursor = None
    while len(found) < _MAX_TOOLS:
        page = await client.list_tools(cursor=cursor)
        found += [Tool(tool.name, tool.description or "", tool.input_schema) for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


async def _output(job: CallTool, client: Client) -> str:
    result = await client.call_tool(job.name, msgspec.json.decode(job.arguments, type=dict[str, object]))
    text = _text(result)
    if result.is_error:
        raise _ToolFailedError(text or "The tool failed without a word.")
    if len(text) > MAX_OUTPUT_CHARS:
        raise _ToolFailedError(f"The tool returned {len(text)} characters; {MAX_OUTPUT_CHARS} are taken.")
    return text


def _text(result: CallToolResult) -> str:
    texts = [part.text for part in result.content if isinstance(part, TextContent)]
    if texts or result.structured_content is None:
        return "\n".join(texts)
    return msgspec.json.encode(result.structured_content).decode()


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Desk:
    """Hands each job to the MCP session it belongs to.

    Args:
        connection: The engine.
    """

    def __init__(self, connection: asyncio.StreamWriter) -> None:
        self._connection = connection
        self._lines: dict[int, dict[bytes, Line]] = {}

    def take(self, request: Request) -> None:
        """Begins what is asked."""
        if isinstance(request, Cancel):
            self._cancel(request.job)
            return
        if isinstance(request, EndSession):
            for line in self._lines.pop(request.session, {}).values():
                line.close()
            return
        lines = self._lines.setdefault(request.session, {})
        key = encode(request.endpoint)
        if key not in lines or lines[key].is_over:
            lines[key] = Line(request.endpoint, self._connection)
        lines[key].add(request)

    def _cancel(self, job: int) -> None:
        for lines in self._lines.values():
            for key, line in lines.items():
                if line.withdraw(job):
                    waiting = line.close()
                    lines[key] = Line(line.endpoint, self._connection)
                    for other in waiting:
                        lines[key].add(other)
                    return


async def serve(connection: socket.socket) -> None:
    """Does what the engine asks until it closes its end."""
    incoming, outgoing = await asyncio.open_connection(sock=connection)
    desk = Desk(outgoing)
    reader = FrameReader(MAX_MESSAGE_BYTES)
    with contextlib.suppress(ConnectionError):
        while chunk := await incoming.read(_READ_BYTES):
            for body in reader.feed(chunk):
                desk.take(decode_request(body))


def main() -> None:
    """Runs the process on the descriptor that the argument names."""
    # Ctrl-C and a service manager's SIGTERM go to the engine, whose calls still speak.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # What fails is told in replies; the client's own log would show tracebacks.
    logging.disable()
    with asyncio.Runner() as runner:
        runner.run(serve(socket.socket(fileno=int(sys.argv[1]))))
        # Not the end of `with`: it would wait for servers that do not answer.
        os._exit(0)


if __name__ == "__main__":
    main()
