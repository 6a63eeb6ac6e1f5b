"""A phone directory as an MCP server, for the scenario `mcp`: `python mcp_directory.py [PORT]` prints its URL.

It is made with the official package (`pip install 'mcp>=2.3,<3'`, or voxrt's extra `mcp`); any other MCP server will do.
"""

import socket
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

SPEED_DIAL = {"one": "the front desk", "two": "the director"}

directory = MCPServer("directory")


@directory.tool()
def find_speed_dial(key: str) -> dict[str, str]:
    """Tells who answers a speed dial key."""
    return {"key": key, "name": SPEED_DIAL[key]}


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8931)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
        uvicorn.Server(uvicorn.Config(directory.streamable_http_app(), log_level="error")).run([listener])
