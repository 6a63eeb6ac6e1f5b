"""The operator's side of a run that reloads: what is saved, four keys, and whether another call follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from voxruntime.cli.fault_view import fault_lines
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.emulator.dialogue import load
from voxruntime.emulator.server import EmulatorServer
from voxruntime.errors import InternalError, VoxrtError
from voxruntime.log import SecretMask
from voxruntime.reload.reloader import Reloader
from voxruntime.reload.watcher import Watcher
from voxruntime.session.code import Handover
from voxruntime.session.services import NewCode
from voxruntime.session.session import Session

RELOAD, HANG_UP, CALL_AGAIN, QUIT = KEYS = "rhcq"

Show = Callable[[str, str], None]
"""Prints a line at a level."""


class ReloadPlan(msgspec.Struct, frozen=True):
    """What `--reload` and `voxrt dev` watch.

    Attributes:
        scenarios: Scenario files, as given.
        dialogue: The dialogue's file, whether or not it exists; None when another server answers.
        env_file: The file of secrets, whether or not it exists.
        read_secrets: Reads the secrets anew, and lets the mask know them.
        stays: Whether the run waits for another call when one has ended.
    """

    scenarios: Sequence[str]
    dialogue: Path | None
    env_file: Path
    read_secrets: Callable[[], Mapping[str, str]]
    stays: bool = False


class Desk:
    """Order: construct, then within `open` for each call `attend`, and `another_call` after it.

    Args:
        plan: What is watched.
        code: What runs at first.
        mask: Secrets of the run.
        show: Prints what is no remark of a session.
        server: The embedded server, if it answers.
    """

    def __init__(
        self, plan: ReloadPlan, code: NewCode, mask: SecretMask, show: Show, server: EmulatorServer | None
    ) -> None:
        self._plan = plan
        self._mask = mask
        self._show = show
        self._server = server
        self._secrets = code.secrets
        self._reloader = Reloader(code, self._refresh, self)
        self._session: Session | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._wanted = asyncio.Event()
        self._is_quitting = False
        self._reload_wanted = asyncio.Event()

    @property
    def code(self) -> NewCode:
        """What the next call runs."""
        return self._reloader.code

    @asynccontextmanager
    async def open(self, clock: Clock, limits: Limits) -> AsyncIterator[None]:
        """Watches the files as long as the block runs.

        Raises:
            VoxrtError: They cannot be watched.
        """
        watcher = Watcher(clock)
        plan = self._plan
        others = [plan.env_file] if plan.dialogue is None else [plan.env_file, plan.dialogue]
        await watcher.start(plan.scenarios, others, limits)
        tasks = [asyncio.create_task(self._follow(watcher)), asyncio.create_task(self._repeat())]
        for task in tasks:
            task.add_done_callback(_report_a_bug)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await watcher.close()

    @contextmanager
    def attend(self, session: Session) -> Iterator[None]:
        """New code goes to this session as long as the block runs."""
        self._session = self._reloader.session = session
        self._wanted.clear()
        try:
            yield
        finally:
            self._session = self._reloader.session = None

    def press(self, key: str) -> None:
        """One of KEYS."""
        session = self._session
        if key == RELOAD:
            self._reload_wanted.set()
        elif key == HANG_UP and session is not None:
            session.calls.hang_up_far_ends("Hung up")
        elif key == CALL_AGAIN:
            self._wanted.set()
            self._end_call()
        elif key == QUIT:
            self._is_quitting = True
            self._wanted.set()
            self._end_call()

    async def another_call(self, error: VoxrtError | None, stop_signal: int) -> bool:
        """Whether another call follows; in a run that stays, waits until it is known.

        Args:
            error: Why the last one failed.
            stop_signal: The signal that ended it; 0 for none.
        """
        if stop_signal or self._is_quitting:
            return False
        if not self._plan.stays:
            return self._wanted.is_set()
        if error is not None:
            self._show_error(error, self.code)
        if not self._wanted.is_set():
            self._show("The call has ended. A save or c calls again, q quits.", "info")
        await self._wanted.wait()
        return not self._is_quitting

    # What became of a save (`reload.reloader.ReloadReport`).

    def reloaded(self, changed: Sequence[str], elapsed_ms: float, generation: int) -> None:
        what = ", ".join(changed) or "the same code"
        self._note("info", f"reloaded {what} in {elapsed_ms:.0f} ms: generation {generation}")

    def kept(self, changed: Sequence[str], handover: Handover) -> None:
        if handover is Handover.NEXT_CALL:
            self._note("info", f"{', '.join(changed)}: {handover.value}")

    def failed(self, changed: Sequence[str], error: VoxrtError, code: NewCode | None) -> None:
        self._note("error", f"{', '.join(changed) or 'the code'} is not reloaded, the code before goes on")
        self._show_error(error, code)

    # Inside.

    async def _follow(self, watcher: Watcher) -> None:
        while True:
            try:
                saved = await watcher.saved()
            except InternalError as error:
                self._note("error", error.message)
                return
            is_code = await self._reloader.take(saved)
            if is_code and self._session is None:
                self._wanted.set()

    async def _repeat(self) -> None:
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted.clear()
            await self._reloader.again()

    def _refresh(self, changed: Sequence[Path]) -> Mapping[str, str]:
        if self._plan.env_file in changed:
            self._secrets = self._plan.read_secrets()
        dialogue = self._plan.dialogue
        if self._server is None or dialogue is None or dialogue not in changed or not dialogue.is_file():
            return self._secrets
        if (text := load(dialogue)) != self._server.dialogue:
            left = self._server.replace_dialogue(text)
            self._note("info", f"{dialogue.name}: the embedded server follows it from its next answer on")
            for remark in left:
                self._note("warning", remark)
        return self._secrets

    def _end_call(self) -> None:
        if self._session is not None:
            self._session.stop("stopped", "Hung up")

    def _note(self, level: str, text: str) -> None:
        if self._session is not None:
            self._session.note(level, text)
        else:
            self._show(text, level)

    def _show_error(self, error: VoxrtError, code: NewCode | None) -> None:
        files = [] if code is None else [*code.entries, *code.modules.values()]
        sources = {file.name: file.text for file in files}
        for line, level in fault_lines(error, sources, mask=self._mask):
            self._show(line, level)


def _report_a_bug(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler({"message": "A reload failed.", "exception": error})
