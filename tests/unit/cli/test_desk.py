"""The operator's side of a run that reloads, with sessions that only say what they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from voxruntime.cli.desk import KEYS, Desk, ReloadPlan
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import ConfigError, ScenarioError
from voxruntime.log import SecretMask
from voxruntime.session.code import Handover
from voxruntime.session.services import NewCode
from voxruntime.turn.messages import SourceFile

CODE = NewCode([SourceFile("s.lua", "-- one")], {}, {"KEY": "old-secret"})
PATIENCE_S = 30.0


class Stand:
    """A desk, and what it shows."""

    def __init__(self, folder: Path, *, stays: bool = False) -> None:
        self.shown: list[str] = []
        self.mask = SecretMask(CODE.secrets)
        (folder / "s.lua").write_text("-- one", encoding="utf-8")
        plan = ReloadPlan([str(folder / "s.lua")], None, folder / ".env", self.read_secrets, stays)
        self.desk = Desk(plan, CODE, self.mask, self.show, None)

    def show(self, text: str, level: str) -> None:
        self.shown.append(f"{level}: {text}")

    def read_secrets(self) -> Mapping[str, str]:
        return {"KEY": "new-secret"}


def in_folder(test: Callable[[Path], Coroutine[object, object, None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        asyncio.run(asyncio.wait_for(test(tmp_path), PATIENCE_S))

    run.__name__ = test.__name__
    return run


@in_folder
async def test_a_save_between_calls_is_the_code_of_the_next_and_calls_it(folder: Path) -> None:
    stand = Stand(folder, stays=True)
    async with stand.desk.open(Clock(asyncio.get_running_loop()), Limits()):
        (folder / "s.lua").write_text("-- two", encoding="utf-8")
        assert await stand.desk.another_call(None, 0)
    assert stand.desk.code.entries[0].text == "-- two"
    assert stand.shown == ["info: The call has ended. A save or c calls again, q quits."]


@in_folder
async def test_changed_secrets_are_new_code(folder: Path) -> None:
    stand = Stand(folder, stays=True)
    async with stand.desk.open(Clock(asyncio.get_running_loop()), Limits()):
        (folder / ".env").write_text("KEY=new-secret", encoding="utf-8")
        assert await stand.desk.another_call(None, 0)
    assert stand.desk.code.secrets == {"KEY": "new-secret"}


@in_folder
async def test_a_run_that_does_not_stay_ends_unless_another_call_was_asked_for(folder: Path) -> None:
    desk = Stand(folder).desk
    assert not await desk.another_call(None, 0)
    desk.press("c")
    assert await desk.another_call(None, 0)


@in_folder
async def test_a_signal_and_the_key_to_quit_end_a_run_that_stays(folder: Path) -> None:
    desk = Stand(folder, stays=True).desk
    assert not await desk.another_call(None, 2)
    desk.press("q")
    assert not await desk.another_call(None, 0)


@in_folder
async def test_an_error_is_shown_before_another_call_is_waited_for(folder: Path) -> None:
    stand = Stand(folder, stays=True)
    stand.desk.press("c")
    error = ScenarioError("script.error", "on purpose with old-secret", file="s.lua", line=1)
    assert await stand.desk.another_call(error, 0)
    assert stand.shown[0] == "error: error: s.lua:1: on purpose with secret:KEY [script.error]"
    assert "    1 | -- one" in stand.shown[1]


def test_each_outcome_of_a_save_is_said(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.desk.reloaded(["s.lua", "menu.lua"], 41.6, 3)
    stand.desk.reloaded([], 12.0, 4)
    stand.desk.kept(["s.lua"], Handover.NEXT_CALL)
    stand.desk.kept(["s.lua"], Handover.TOO_LATE)
    stand.desk.failed(["s.lua"], ConfigError("scenario.too_large", "It is too long."), None)
    assert stand.shown == [
        "info: reloaded s.lua, menu.lua in 42 ms: generation 3",
        "info: reloaded the same code in 12 ms: generation 4",
        "info: s.lua: it waits for the next call, as Reload.nextCallOnly() asks",
        "error: s.lua is not reloaded, the code before goes on",
        "error: error: It is too long. [scenario.too_large]",
    ]


def test_keys_without_a_call_do_nothing(tmp_path: Path) -> None:
    desk = Stand(tmp_path).desk
    for key in KEYS[:2]:
        desk.press(key)
