from __future__ import annotations

import asyncio
import os

import pytest

from pty_stand import Pty, open_pty
from voxruntime.cli.live import terminal as live_terminal
from voxruntime.cli.live.terminal import MAX_BACKLOG_BYTES, Terminal


class Stand:
    """A terminal at work; `keys` is what was typed."""

    def __init__(self, pty: Pty, keyboard: int | None = None) -> None:
        self.keys = b""
        self.typed = asyncio.Event()
        self.pty = pty
        self.terminal = Terminal(self._take, pty.slave if keyboard is None else keyboard, pty.slave)

    def _take(self, octets: bytes) -> None:
        self.keys += octets
        self.typed.set()

    async def next_keys(self) -> bytes:
        await asyncio.wait_for(self.typed.wait(), 10)
        self.typed.clear()
        keys, self.keys = self.keys, b""
        return keys


def nothing() -> None:
    pass


async def one_round_of_the_loop() -> None:
    passed = asyncio.Event()
    asyncio.get_running_loop().call_soon(passed.set)
    await passed.wait()


def test_keys_come_one_by_one_and_unechoed_and_the_modes_are_restored() -> None:
    async def main(pty: Pty) -> None:
        stand, before = Stand(pty), pty.modes
        assert stand.terminal.can_type
        with stand.terminal.attached(asyncio.get_running_loop(), nothing):
            assert not pty.is_line_mode
            pty.type("5")
            assert await stand.next_keys() == b"5"
            assert pty.read() == ""
        assert pty.modes == before
        assert pty.is_line_mode

    with open_pty() as pty:
        asyncio.run(main(pty))


def test_the_modes_are_restored_when_the_block_fails() -> None:
    async def main(pty: Pty) -> None:
        before = pty.modes
        with (
            pytest.raises(LookupError),
            Stand(pty).terminal.attached(asyncio.get_running_loop(), nothing),
        ):
            raise LookupError
        assert pty.modes == before

    with open_pty() as pty:
        asyncio.run(main(pty))


def test_what_is_left_to_say_is_said_before_the_terminal_is_given_back() -> None:
    async def main(pty: Pty) -> None:
        terminal = Stand(pty).terminal
        modes_at_the_end: list[bool] = []

        def before_leaving() -> None:
            terminal.write("bye")
            modes_at_the_end.append(pty.is_line_mode)

        with terminal.attached(asyncio.get_running_loop(), before_leaving):
            terminal.write("hello ")
        assert pty.read() == "hello bye"
        assert modes_at_the_end == [False]

    with open_pty() as pty:
        asyncio.run(main(pty))


def test_without_a_keyboard_nothing_is_read_and_no_mode_changed() -> None:
    async def main(pty: Pty, keyboard: int) -> None:
        stand, before = Stand(pty, keyboard), pty.modes
        assert not stand.terminal.can_type
        with stand.terminal.attached(asyncio.get_running_loop(), nothing):
            assert pty.modes == before

    read_end, write_end = os.pipe()
    with open_pty() as pty:
        asyncio.run(main(pty, read_end))
    os.close(read_end)
    os.close(write_end)


def test_a_terminal_that_takes_nothing_holds_nobody_up() -> None:
    async def main(pty: Pty) -> None:
        terminal = Stand(pty).terminal
        with terminal.attached(asyncio.get_running_loop(), nothing):
            written = 0
            while not terminal.is_stuck:
                terminal.write("x" * 1000)
                written += 1000
            for _ in range(1000):
                terminal.write("y" * 1000)
            terminal.write("what is too much is dropped")
            shown = ""
            while terminal.is_stuck:
                shown += pty.read()
                await one_round_of_the_loop()
            shown += pty.read()
        assert shown.startswith("x" * written)
        assert written <= len(shown) <= written + MAX_BACKLOG_BYTES + 2000
        assert "dropped" not in shown

    with open_pty() as pty:
        asyncio.run(main(pty))


def test_a_terminal_that_stays_stuck_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_terminal, "LAST_WORDS_S", 0.0)

    async def main(pty: Pty) -> None:
        before = pty.modes
        terminal = Stand(pty).terminal
        with terminal.attached(asyncio.get_running_loop(), lambda: terminal.write("bye")):
            while not terminal.is_stuck:
                terminal.write("x" * 1000)
        assert pty.modes == before

    with open_pty() as pty:
        asyncio.run(main(pty))


def test_a_terminal_that_is_gone_is_written_to_in_vain() -> None:
    async def main() -> None:
        pty = Pty()
        stand = Stand(pty)
        with stand.terminal.attached(asyncio.get_running_loop(), nothing):
            os.close(pty.user)
            stand.terminal.write("hello")
            assert not stand.terminal.is_stuck
        os.close(pty.slave)

    asyncio.run(main())


def test_its_size_is_that_of_the_terminal_at_that_moment() -> None:
    async def main(pty: Pty) -> None:
        terminal = Stand(pty).terminal
        assert terminal.size == (100, 24)
        pty.resize(40, 10)
        assert terminal.size == (40, 10)
        pty.resize(0, 0)
        assert terminal.size == (80, 24)
        assert terminal.is_ours
        with terminal.attached(asyncio.get_running_loop(), nothing):
            pass

    with open_pty(columns=100) as pty:
        asyncio.run(main(pty))


@pytest.mark.parametrize(("term", "expected"), [("xterm", True), ("dumb", False), ("", False)])
def test_only_a_terminal_that_moves_its_cursor_counts(
    monkeypatch: pytest.MonkeyPatch, term: str, expected: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    with open_pty() as pty:
        monkeypatch.setattr(live_terminal, "STDERR", pty.slave)
        assert live_terminal.is_terminal() is expected
    read_end, write_end = os.pipe()
    monkeypatch.setattr(live_terminal, "STDERR", write_end)
    assert not live_terminal.is_terminal()
    os.close(read_end)
    os.close(write_end)
