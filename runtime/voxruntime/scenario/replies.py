"""Who takes the reply to a turn: a callback in the ordinary case, or somebody who awaits it; and what most replies say."""

from __future__ import annotations

import asyncio
import struct
from typing import Protocol

from voxruntime.errors import ScenarioError
from voxruntime.turn import framing
from voxruntime.turn.messages import Reply

# What stands around the number of the turn, which Lua writes as 8 bytes (`stdlib/sandbox/turns.lua`).
_PLAIN = struct.Struct(">20sq4s")
_START, _, _END = _PLAIN.unpack(framing.answer(b"\x96\xa5reply\xd3" + bytes(8) + b"\x90\xc3\xc3\xc0", 0))


def plain_answer(n: int) -> bytes:
    """Returns the frame of `Reply(n, [], loaded=True)` as a scenario process sends it: the answer to most turns."""
    return _PLAIN.pack(_START, n, _END)


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
