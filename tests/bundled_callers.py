"""The bundled scenarios and their callers, whose recorded words can also be said in tones."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

from voxruntime.config import shipped

SCENARIOS = shipped("scenarios")

_SAID_IN = {
    f"audio/{clip['file']}": clip["text"]
    for clip in tomllib.loads((SCENARIOS / "audio" / "SOURCES.toml").read_text(encoding="utf-8"))["clip"]
}


def in_tones(name: str) -> str:
    """Returns the caller script of a bundled scenario with words in place of recordings."""
    script = (SCENARIOS / f"{name}.caller.toml").read_text(encoding="utf-8")
    return re.sub(r'play = "(.*)"', lambda found: f'say = "{_SAID_IN[found[1]]}"', script)


@contextmanager
def company(name: str) -> Iterator[list[str]]:
    """Runs what a scenario needs beside it; yields the options that tell it where that is."""
    if name != "mcp":
        yield []
        return
    command = [sys.executable, str(SCENARIOS / "mcp_directory.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert url, "the MCP server did not start"
        try:
            yield ["--custom-data", url]
        finally:
            server.kill()
