"""Contract of emulator/mcp/client.py: a real process, and what becomes of questions when it is gone."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys

import pytest

from voxruntime.clock import Clock
from voxruntime.emulator.mcp.client import MISSING, McpFailed, McpProcess
from voxruntime.emulator.mcp.messages import Endpoint

NOBODY = Endpoint("http://127.0.0.1:9/mcp", {})


def test_nothing_is_started_before_the_first_question() -> None:
    async def main() -> None:
        process = McpProcess(Clock(asyncio.get_running_loop()))
        process.session().close()
        assert process.pid is None
        await process.close()

    asyncio.run(main())


def test_process_that_dies_fails_its_questions_and_the_next_has_another() -> None:
    async def main() -> None:
        clock = Clock(asyncio.get_running_loop())
        process = McpProcess(clock)
        session = process.session()
        with pytest.raises(McpFailed) as nobody:
            await session.list_tools(NOBODY)
        assert nobody.value.error["type"] == "protocol_error"
        first = process.pid
        assert first is not None
        question = asyncio.ensure_future(session.list_tools(Endpoint("http://127.0.0.1:9/mcp", {"a": "b"})))
        os.kill(first, signal.SIGSTOP)
        while not clock.work.running:  # noqa: ASYNC110  # nothing tells when a question is on its way
            await asyncio.sleep(0)  # noqa: TID251  # yields, takes no time
        os.kill(first, signal.SIGKILL)
        with pytest.raises(McpFailed, match="ended unexpectedly"):
            await question
        with pytest.raises(McpFailed):
            await session.list_tools(NOBODY)
        assert process.pid not in (None, first)
        await process.close()
        await process.close()
        assert process.pid is None
        assert clock.work.running == 0

    asyncio.run(main())


def test_missing_package_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.delitem(sys.modules, "mcp", raising=False)
    importlib.invalidate_caches()

    async def main() -> None:
        process = McpProcess(Clock(asyncio.get_running_loop()))
        with pytest.raises(McpFailed) as caught:
            await process.session().list_tools(NOBODY)
        assert str(caught.value) == MISSING
        assert process.pid is None

    asyncio.run(main())


def test_engine_does_not_load_the_client_library() -> None:
    code = "import voxruntime.cli.emulator, sys; sys.exit('mcp' in sys.modules or 'httpx2' in sys.modules)"
    assert os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", code) == 0
