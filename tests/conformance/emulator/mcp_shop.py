"""A real MCP server for tests: the official package's, over streamable HTTP, in a process of its own.

Run as `python mcp_shop.py [AUTHORIZATION]`: it prints its URL, and refuses who does not send that header.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running(authorization: str = "") -> Iterator[Shop]:
    """Runs a server."""
    command = [sys.executable, __file__, authorization]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, "the MCP server did not start; its error is above"
        try:
            yield Shop(url, process)
        finally:
            process.kill()


class Shop:
    """A running server.

    Args:
        url: Where it is.
        process: It.
    """

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.url = url
        self._process = process

    def close(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()


def serve(authorization: str) -> None:
    """Serves tools until the process ends."""
    import uvicorn  # noqa: PLC0415  # only the server's own process needs these
    from mcp.server.mcpserver import MCPServer  # noqa: PLC0415

    shop = MCPServer("shop")

    @shop.tool()
    def price(item: str) -> dict[str, object]:
        """Tells what an item costs."""
        return {"item": item, "euro": 3}

    @shop.tool()
    def greet(name: str) -> str:
        """Says hello."""
        return f"Hello, {name}!"

    @shop.tool()
    def broken() -> str:
        """Fails."""
        raise ValueError("the till is stuck")

    @shop.tool()
    async def slow() -> str:
        """Never answers."""
        await asyncio.Event().wait()
        return ""

    @shop.tool()
    def long(letters: int) -> str:
        """Returns a long text."""
        return "x" * letters

    application = shop.streamable_http_app()

    async def guarded(scope: dict, receive: object, send: object) -> None:
        given = dict(scope.get("headers", [])).get(b"authorization", b"").decode()
        if scope["type"] == "http" and authorization and given != authorization:
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})
        else:
            await application(scope, receive, send)

    logging.disable()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
        config = uvicorn.Config(guarded, log_level="critical", lifespan="on")
        uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    serve("".join(sys.argv[1:]))
