"""What was saved, as the engine hears of it from its watch process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from voxruntime.channel import Channel
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import InternalError
from voxruntime.reload.messages import Saved, Watch, decode_saved, encode
from voxruntime.turn.framing import FrameReader, frame

MODULE = "voxruntime.reload.watch_process"

_MAX_SAVED_BYTES = 16 * 1024 * 1024


class Watcher:
    """Order: `start`, `saved` as often as wanted, `close`.

    Args:
        clock: The engine's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._channel: Channel | None = None
        self._news = asyncio.Event()
        self._saved: Saved | None = None

    async def start(self, scenarios: Sequence[str], others: Iterable[Path], limits: Limits) -> None:
        """Starts the process, without waiting for it.

        Raises:
            InternalError: The system refuses another process.
        """
        reader = FrameReader(_MAX_SAVED_BYTES)

        def take(octets: bytes) -> None:
            for body in reader.feed(octets):
                self._take(decode_saved(body))

        try:
            self._channel = await Channel.spawn([MODULE], take, self._clock.work)
        except OSError as error:
            raise InternalError("reload.watch", f"Files cannot be watched: {error.strerror}.") from None
        watch = Watch(list(scenarios), [str(path) for path in others], limits)
        self._channel.send(frame(encode(watch)))

    async def saved(self) -> Saved:
        """Returns what was saved since the last call, as soon as something was; of several saves the last.

        The first call returns what the files hold when watching begins.

        Raises:
            InternalError: The process has ended.
        """
        assert self._channel is not None
        waiting = [asyncio.ensure_future(each.wait()) for each in (self._news, self._channel.lost)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        self._news.clear()
        saved, self._saved = self._saved, None
        if saved is None:
            message = "The process that watches files has ended: what is saved is not noticed any more."
            raise InternalError("reload.watch", message)
        return saved

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._channel is not None
        return self._channel.pid

    async def close(self) -> None:
        """Ends the process."""
        if self._channel is not None:
            self._channel.kill()
            await self._channel.lost.wait()
            self._channel.reap()

    def _take(self, saved: Saved) -> None:
        if self._saved is not None:
            # Nobody has looked at the one before, whose changes count too.
            both = dict.fromkeys([*self._saved.changed, *saved.changed])
            saved = Saved(list(both), self._saved.noticed_at, saved.entries, saved.modules, saved.problem)
        self._saved = saved
        self._news.set()
