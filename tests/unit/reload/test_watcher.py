"""Saves noticed by the real watch process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import InternalError
from voxruntime.reload.messages import Saved
from voxruntime.reload.watcher import Watcher

PATIENCE_S = 30.0


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Watcher]:
    """Watches `s.lua` and `.env` of a folder."""
    watcher = Watcher(Clock(asyncio.get_running_loop()))
    await watcher.start([str(folder / "s.lua")], [folder / ".env"], Limits())
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert texts(await watcher.saved()) == ["-- first"]
            yield watcher
    finally:
        await watcher.close()


def in_folder(test: Callable[[Path], Coroutine[object, object, None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        (tmp_path / "s.lua").write_text("-- first")
        asyncio.run(test(tmp_path))

    run.__name__ = test.__name__
    return run


def texts(saved: Saved) -> list[str]:
    return [entry.text for entry in saved.entries]


@in_folder
async def test_a_save_comes_with_its_text_and_what_it_requires(folder: Path) -> None:
    async with watching(folder) as watcher:
        (folder / "menu.lua").write_text("return 1")
        (folder / "s.lua").write_text('require("menu")')
        saved = await watcher.saved()
        assert texts(saved) == ['require("menu")']
        assert list(saved.modules) == ["menu"]
        assert str(folder / "s.lua") in saved.changed
        (folder / "menu.lua").write_text("return 2")
        saved = await watcher.saved()
        assert saved.changed == [str(folder / "menu.lua")]
        assert saved.modules["menu"].text == "return 2"


@in_folder
async def test_saves_by_rename_and_of_secrets_are_noticed(folder: Path) -> None:
    async with watching(folder) as watcher:
        (folder / "s.lua.swp").write_text("-- second")
        (folder / "s.lua").rename(folder / "s.lua~")
        (folder / "s.lua.swp").rename(folder / "s.lua")
        assert texts(await watcher.saved()) == ["-- second"]
        (folder / ".env").write_text("KEY=1")
        assert (await watcher.saved()).changed == [str(folder / ".env")]


@in_folder
async def test_an_empty_file_is_waited_for(folder: Path) -> None:
    async with watching(folder) as watcher:
        (folder / "s.lua").write_text("")
        (folder / ".env").write_text("KEY=1")
        (folder / "s.lua").write_text("-- second")
        saved = await watcher.saved()
        while texts(saved) != ["-- second"]:
            assert all(texts(saved)), saved
            saved = await watcher.saved()


@in_folder
async def test_ten_saves_at_once_end_with_the_last(folder: Path) -> None:
    async with watching(folder) as watcher:
        for number in range(10):
            (folder / "s.lua").write_text(f"-- save {number}")
        while texts(await watcher.saved()) != ["-- save 9"]:
            pass


@in_folder
async def test_a_file_that_cannot_be_read_is_said_and_its_repair_noticed(folder: Path) -> None:
    async with watching(folder) as watcher:
        (folder / "s.lua").write_bytes(b"\xff\xfe")
        saved = await watcher.saved()
        assert saved.problem is not None
        assert saved.problem[0] == "scenario.not_text"
        (folder / "s.lua").write_text("-- second")
        assert texts(await watcher.saved()) == ["-- second"]


@in_folder
async def test_a_watcher_whose_process_has_ended_says_so(folder: Path) -> None:
    async with watching(folder) as watcher:
        os.kill(watcher.pid, signal.SIGKILL)
        with pytest.raises(InternalError, match="not noticed any more"):
            await watcher.saved()


def test_the_process_ends_with_the_watcher(tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text("-- first")

    async def watch() -> None:
        async with watching(tmp_path):
            pass

    # Warnings are errors: a transport or a process left behind fails the run.
    asyncio.run(watch())
