"""What was saved, given to a real session; and what is no code, or cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from session_stand import Stand, run_session
from voxruntime.errors import ConfigError, VoxrtError
from voxruntime.reload.messages import Saved
from voxruntime.reload.reloader import Reloader
from voxruntime.session.code import Handover
from voxruntime.session.services import NewCode
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import SourceFile

SCENARIO = 'print("runs @")'


class Told:
    """A report that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def reloaded(self, changed: Sequence[str], elapsed_ms: float, generation: int) -> None:
        assert elapsed_ms >= 0
        self.lines.append(f"reloaded {' '.join(changed)} as {generation}")

    def kept(self, changed: Sequence[str], handover: Handover) -> None:
        self.lines.append(f"kept {' '.join(changed)}: {handover.name}")

    def failed(self, changed: Sequence[str], error: VoxrtError, code: NewCode | None) -> None:
        self.lines.append(f"failed {' '.join(changed)}: {error.code}, {'code' if code else 'no code'}")


def code(text: str, secrets: Mapping[str, str] | None = None) -> NewCode:
    return NewCode([SourceFile("s.lua", text)], {}, secrets or {})


def saved(text: str, *, module: str = "") -> Saved:
    modules = {"menu": SourceFile("menu.lua", module)} if module else {}
    return Saved(["/home/s.lua"], 0.0, [SourceFile("s.lua", text)], modules)


def test_saves_reach_the_session_and_each_outcome_is_told() -> None:
    told = Told()
    first = SCENARIO.replace("@", "first")

    async def steps(stand: Stand) -> None:
        reloader = Reloader(code(first), lambda _changed: {}, told)
        reloader.session = stand.session
        assert await reloader.take(saved(SCENARIO.replace("@", "second"), module="return 1"))
        assert not await reloader.take(saved(SCENARIO.replace("@", "second"), module="return 1"))
        assert await reloader.take(saved("oops("))
        assert await reloader.take(saved("Reload.nextCallOnly()"))
        assert await reloader.take(saved(SCENARIO.replace("@", "third")))
        await reloader.again()
        stand.session.abandon()

    def prepare(stand: Stand) -> None:
        tasks: list[asyncio.Task[None]] = []
        stand.seen.when["runs first"] = lambda: stand.clock.call_later(
            0.01, lambda: tasks.append(asyncio.ensure_future(steps(stand)))
        )

    _, stand = virtual_loop.run(run_session(first, prepare))
    assert told.lines == [
        "reloaded s.lua menu.lua as 2",
        "failed s.lua menu.lua: script.syntax, code",
        "kept s.lua: NEXT_CALL",
        "reloaded s.lua as 3",
        "reloaded  as 4",
    ]
    assert stand.seen.lines == ["runs first", "runs second", "runs third", "runs third"]


def test_between_two_calls_the_code_waits_for_the_next() -> None:
    told = Told()
    reloader = Reloader(code("-- one"), lambda _changed: {}, told)
    assert asyncio.run(reloader.take(saved("-- two")))
    assert reloader.code == code("-- two")
    assert told.lines == []


def test_other_files_may_change_the_secrets_only() -> None:
    seen: list[Path] = []

    def refresh(changed: Sequence[Path]) -> Mapping[str, str]:
        seen.extend(changed)
        return {"KEY": "2"}

    reloader = Reloader(code("-- one", {"KEY": "1"}), refresh, Told())
    assert asyncio.run(reloader.take(saved("-- one")))
    assert reloader.code == code("-- one", {"KEY": "2"})
    assert seen == [Path("/home/s.lua")]


def test_what_cannot_be_read_is_told_and_changes_nothing() -> None:
    told = Told()
    reloader = Reloader(code("-- one"), lambda _changed: {}, told)
    problem = ("scenario.not_text", "This is no text.", "/home/s.lua", 2)
    assert not asyncio.run(reloader.take(Saved(["/home/s.lua"], 0.0, problem=problem)))

    def refuse(_changed: Sequence[Path]) -> Mapping[str, str]:
        raise ConfigError("env_file.not_text", "This is no text.")

    reloader = Reloader(code("-- one"), refuse, told)
    assert not asyncio.run(reloader.take(saved("-- two")))
    assert told.lines == [
        "failed s.lua: scenario.not_text, no code",
        "failed s.lua: env_file.not_text, no code",
    ]
    assert reloader.code == code("-- one")
