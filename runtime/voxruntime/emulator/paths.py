"""Where sessions of the embedded server are opened."""

from __future__ import annotations

PATHS = ("/v1/realtime", "/v1/realtime/openai")
"""The second is an alias that some clients of 2026 use."""


def url_of(host: str, port: int) -> str:
    """Returns the URL of sessions on a server that listens there; an IPv6 address is put in brackets."""
    return f"ws://{f'[{host}]' if ':' in host else host}:{port}{PATHS[0]}"
