"""Gives what is saved to the session that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from voxruntime.clock import real_now
from voxruntime.errors import ConfigError, VoxrtError
from voxruntime.reload.messages import Saved
from voxruntime.session.code import Handover
from voxruntime.session.services import NewCode
from voxruntime.session.session import Session

Refresh = Callable[[Sequence[Path]], Mapping[str, str]]
"""Takes note of the changed files that are no code, and returns the secrets as they are now.

Raises `ConfigError` when one of them is wrong.
"""


class ReloadReport(Protocol):
    """Told what became of each save; `changed` has names of files as messages use them."""

    def reloaded(self, changed: Sequence[str], elapsed_ms: float, generation: int) -> None:
        """New code runs; nothing has `changed` when it was asked for once more."""

    def kept(self, changed: Sequence[str], handover: Handover) -> None:
        """New code waits, or came too late."""

    def failed(self, changed: Sequence[str], error: VoxrtError, code: NewCode | None) -> None:
        """New code does not load, or cannot be read: then there is none. The code before goes on."""


class Reloader:
    """Order: construct, set `session` while one runs, `take` what is saved.

    Args:
        code: What runs, or will.
        refresh: Looks after the files that are no code.
        report: Told what became of it.
    """

    def __init__(self, code: NewCode, refresh: Refresh, report: ReloadReport) -> None:
        self.code = code
        self.session: Session | None = None
        self._refresh = refresh
        self._report = report
        self._turn = asyncio.Lock()

    async def take(self, saved: Saved) -> bool:
        """Gives the session what was saved; False when that is no new code."""
        changed = [Path(path) for path in saved.changed]
        try:
            secrets = self._refresh(changed)
            if saved.problem is not None:
                kind, message, file, line = saved.problem
                raise ConfigError(kind, message, file=file, line=line)
        except ConfigError as error:
            self._report.failed([path.name for path in changed], error, None)
            return False
        code = NewCode(saved.entries, saved.modules, secrets)
        before, self.code = self.code, code
        names = _changed(before, code)
        if names:
            await self._give(names, saved.noticed_at)
        return bool(names)

    async def again(self) -> None:
        """Gives the session the code once more: it begins anew, and the call goes on."""
        await self._give([], real_now())

    async def _give(self, changed: Sequence[str], since: float) -> None:
        session = self.session
        if session is None:
            return
        try:
            async with self._turn:
                handover = await session.reload(self.code)
        except VoxrtError as error:
            self._report.failed(changed, error, self.code)
            return
        if handover is Handover.LIVE:
            elapsed_ms = (real_now() - since) * 1000
            self._report.reloaded(changed, elapsed_ms, session.plan.generation)
        else:
            self._report.kept(changed, handover)


def _changed(before: NewCode, after: NewCode) -> list[str]:
    """Returns the names of the files that differ; `secrets` for those."""
    old, new = (
        {file.name: file.text for file in [*code.entries, *code.modules.values()]} for code in (before, after)
    )
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return names if before.secrets == after.secrets else [*names, "secrets"]
