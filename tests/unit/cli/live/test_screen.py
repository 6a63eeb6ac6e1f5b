from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from rich.console import Console
from rich.text import Text

from pty_stand import Paper, Pty, open_pty, plain
from voxruntime.cli.live.screen import LogStream, Screen
from voxruntime.cli.live.terminal import Terminal


class Stand:
    """A screen on a terminal."""

    def __init__(self, pty: Pty) -> None:
        self.pty = pty
        console = Console(force_terminal=True, color_system="standard", width=80)
        self.screen = Screen(Terminal(lambda _octets: None, pty.slave, pty.slave), console)

    async def settle(self) -> str:
        """Returns what was shown since the last call, once everything printed so far is."""
        passed = asyncio.Event()
        asyncio.get_running_loop().call_soon(passed.set)
        await passed.wait()
        return self.pty.read()


def run(test: Callable[[Stand], Awaitable[None]], columns: int = 80) -> None:
    async def main(pty: Pty) -> None:
        stand = Stand(pty)
        with stand.screen.attached(asyncio.get_running_loop()):
            await test(stand)

    with open_pty(columns) as pty:
        asyncio.run(main(pty))


def block(*lines: str) -> list[Text]:
    return [Text(line) for line in lines]


def test_the_block_is_drawn_once_for_as_long_as_it_is_the_same() -> None:
    async def test(stand: Stand) -> None:
        stand.screen.show(block("one", "two"))
        assert plain(await stand.settle()) == "one\ntwo"
        stand.screen.show(block("one", "two"))
        assert await stand.settle() == ""
        stand.screen.show(block("one", "three"))
        assert plain(await stand.settle()) == "one\nthree"

    run(test)


def test_another_size_draws_the_block_anew() -> None:
    async def test(stand: Stand) -> None:
        stand.screen.show(block("one"))
        await stand.settle()
        stand.pty.resize(40)
        assert stand.screen.columns == 39
        stand.screen.show(block("one"))
        assert plain(await stand.settle()) == "one"

    run(test)


def test_a_terminal_of_few_rows_shows_as_many_lines_as_fit() -> None:
    async def test(stand: Stand) -> None:
        stand.pty.resize(80, rows=3)
        stand.screen.show(block("one", "two", "three", "four"))
        assert plain(await stand.settle()) == "one\ntwo"

    run(test)


def test_lines_printed_at_once_are_shown_above_the_block_together() -> None:
    async def test(stand: Stand) -> None:
        stand.screen.show(block("block"))
        await stand.settle()
        stand.screen.print_line("first", "info")
        stand.screen.print_line("second", "error")
        shown = await stand.settle()
        assert plain(shown) == "first\nsecond\nblock"
        assert "\x1b[31msecond" in shown

    run(test)


def test_a_line_that_waits_is_shown_before_the_next_block() -> None:
    async def test(stand: Stand) -> None:
        stand.screen.print_line("first", "info")
        stand.screen.show(block("block"))
        assert plain(await stand.settle()) == "first\nblock"

    run(test)


def test_styles_become_colours_of_the_terminal() -> None:
    async def test(stand: Stand) -> None:
        stand.screen.show([Text("loud", style="red")])
        assert "\x1b[31mloud" in await stand.settle()

    run(test)


def test_the_end_takes_the_block_away_and_keeps_the_lines() -> None:
    async def main(pty: Pty) -> None:
        stand = Stand(pty)
        with stand.screen.attached(asyncio.get_running_loop()):
            stand.screen.show(block("block"))
            stand.screen.print_line("last words", "info")
        paper = Paper()
        paper.write(pty.read())
        assert paper.text == ["last words"]

    with open_pty() as pty:
        asyncio.run(main(pty))


def test_outside_its_time_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with open_pty() as pty:
        stand = Stand(pty)
        stand.screen.print_line("early", "info")
        assert pty.read() == ""
        assert capsys.readouterr().err == "early\n"
        asyncio.run(_attach_once(stand))


async def _attach_once(stand: Stand) -> None:
    with stand.screen.attached(asyncio.get_running_loop()):
        pass


def test_log_records_become_lines_and_their_ends_none() -> None:
    async def test(stand: Stand) -> None:
        stream = LogStream(stand.screen)
        stream.write("a record\n    its second line\n")
        stream.write("\n")
        stream.flush()
        assert plain(await stand.settle()) == "a record\n    its second line\n"

    run(test)
