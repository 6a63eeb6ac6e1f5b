from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
import pytest

from pty_stand import Paper, Pty, open_pty
from session_doubles import RecordingHub, ToldLeg
from voxruntime.audio.pcm import PCM16
from voxruntime.call.leg import CallParty
from voxruntime.cli.live.line import LiveLine
from voxruntime.cli.live.voice import CallerVoice
from voxruntime.clock import Clock
from voxruntime.log import NOTHING_SECRET
from voxruntime.media.graph import Graph
from voxruntime.media.plan import Observer
from voxruntime.session.call_unit import CallUnit, CallWatcher
from voxruntime.session.calls import Calls
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import AnswerCall, HangUpCall


class TypableLeg(ToldLeg):
    """Keeps what is typed into it; its far end is as loud as a person."""

    def __init__(self) -> None:
        super().__init__(level=3000)
        self.is_muted = False

    def press(self, digits: str) -> None:
        self.told.append(f"press {digits}")

    def play(self, pcm: PCM16) -> None:
        self.told.append(f"play {len(pcm)}")


class Words:
    """A synthesizer that needs 100 samples for each character, and a converter that does nothing."""

    rate = 8000

    async def synthesize(
        self, text: str, *, language: str, voice: str, speed: float = 1.0
    ) -> AsyncIterator[PCM16]:
        yield np.zeros(100 * len(text), dtype=np.int16)

    async def convert(self, pcm: PCM16, in_rate: int, out_rate: int) -> PCM16:
        return pcm


class Stand(CallWatcher):
    """As much of a session as the live line sees, with a terminal beside it."""

    def __init__(self, pty: Pty) -> None:
        self.hub = RecordingHub()
        self.graph = Graph()
        self.calls = Calls(self.hub, self.graph, self._nobody, lambda: "4f", self._nobody, self)
        self.live = LiveLine(NOTHING_SECRET, pty.slave, pty.slave)
        self.leg = TypableLeg()
        self.pty = pty
        self.paper = Paper()

    @property
    def clock(self) -> Clock:
        return self.hub.clock

    def now(self) -> float:
        return self.clock.now()

    def watch(self, call: CallUnit, tap: Observer) -> None:
        self.graph.watch(call.leg, call.leg, tap)

    def on_call_connected(self, call: CallUnit) -> None:
        self.live.view.on_call(self.now(), call.record)

    def on_call_ended(self, call: CallUnit) -> None:
        self.live.view.on_call(self.now(), call.record)

    @staticmethod
    def _nobody(_wanted: object) -> None:
        raise AssertionError

    def connect(self) -> None:
        self.calls.alert(self.leg, CallParty("pstn", "7916", "7495"))
        self.calls.answer(AnswerCall(-1, {}))

    async def passes(self, seconds: float) -> None:
        """Lets time go by, with a tick every 20 ms, then looks at the terminal."""
        for _ in range(round(seconds / 0.02)):
            self.graph.tick()
            await self.clock.sleep(0.02)
        self.paper.write(self.pty.read())


def run(test: Callable[[Stand], Awaitable[None]]) -> None:
    async def main(pty: Pty) -> None:
        stand = Stand(pty)
        words = Words()
        voice = CallerVoice(stand.calls, stand.hub.note, words, words, "en-US")
        async with stand.live.attend(stand, voice):
            await test(stand)

    with open_pty() as pty:
        virtual_loop.run(main(pty))


def test_the_line_follows_the_call_from_before_to_after() -> None:
    async def test(stand: Stand) -> None:
        await stand.passes(0.2)
        assert stand.paper.text[0] == "0:00 no call yet"
        stand.connect()
        await stand.passes(1.0)
        assert stand.paper.text == [
            "0:01 connected · 7916 → 7495",
            "caller ▮▮▮▮▮▮▮▯▯▯",
            "agent  ▯▯▯▯▯▯▯▯▯▯",
            "0-9 * # press · > says a line · Ctrl-C hangs up",
        ]
        stand.calls.hang_up(HangUpCall(-1, {}))
        await stand.passes(0.2)
        assert stand.paper.text[:2] == ["0:01 ended · 7916 → 7495", "caller ▯▯▯▯▯▯▯▯▯▯"]

    run(test)


def test_a_microphone_that_is_shut_is_shown_while_it_is() -> None:
    async def test(stand: Stand) -> None:
        stand.connect()
        stand.leg.is_muted = True
        await stand.passes(0.3)
        assert "(microphone shut)" in stand.paper.text[1]
        stand.leg.is_muted = False
        await stand.passes(0.2)
        assert "(microphone shut)" not in stand.paper.text[1]

    run(test)


def test_what_is_typed_is_shown_as_it_grows_and_goes_into_the_call() -> None:
    async def test(stand: Stand) -> None:
        stand.connect()
        await stand.passes(0.1)
        stand.pty.deliver("12")
        stand.pty.deliver("> go")
        await stand.passes(0.02)
        assert stand.paper.text[3] == "> go_  Enter says it, Esc drops it"
        stand.pty.deliver("od\r")
        await stand.passes(0.1)
        assert stand.leg.told[2:] == ["press 12", "play 400"]
        assert stand.hub.notes[-1] == ("info", "typed into the call: “good”")
        assert stand.paper.text[3].startswith("0-9")

    run(test)


def test_lines_and_log_records_are_printed_above() -> None:
    async def test(stand: Stand) -> None:
        await stand.passes(0.1)
        stand.live.print_line("0:00.100  a line", "info")
        stand.live.log_stream.write("WARNING a record\n")
        await stand.passes(0.1)
        assert stand.paper.text[:3] == ["0:00.100  a line", "WARNING a record", "0:00 no call yet"]

    run(test)


def test_a_session_that_fails_leaves_the_terminal_as_it_was() -> None:
    async def main(pty: Pty) -> None:
        before = pty.modes
        stand, words = Stand(pty), Words()
        voice = CallerVoice(stand.calls, stand.hub.note, words, words, "en-US")

        async def attend() -> None:
            async with stand.live.attend(stand, voice):
                await stand.passes(0.1)
                assert pty.modes != before
                raise LookupError

        with pytest.raises(LookupError):
            await attend()
        assert pty.modes == before
        stand.paper.write(pty.read())
        assert stand.paper.text == []

    with open_pty() as pty:
        virtual_loop.run(main(pty))
