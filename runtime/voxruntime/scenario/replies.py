"""Who takes the reply to a turn: a callback in the ordinary case, or somebody who awaits it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from voxruntime.errors import ScenarioError
from voxruntime.turn.messages import Reply


class ReplyTaker(Protocol):
    """Takes what comes of a turn, one or the other, once."""

    def on_reply(self, reply: Reply) -> None:
        """The scenario has answered."""

    def on_failed(self, error: ScenarioError) -> None:
        """It never will."""


class AwaitedReply:
    """Takes a reply for somebody who awaits it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.reply: asyncio.Future[Reply] = loop.create_future()

    def on_reply(self, reply: Reply) -> None:
        if not self.reply.done():
            self.reply.set_result(reply)

    def on_failed(self, error: ScenarioError) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)
