from __future__ import annotations

from pty_stand import Paper
from voxruntime.cli.live.block import Line, LiveBlock


def block_lines(*texts: str) -> list[Line]:
    return [Line(text, len(text)) for text in texts]


def test_a_block_is_drawn_in_place_of_the_one_before() -> None:
    paper, block = Paper(), LiveBlock()
    paper.write("$ run\n")
    paper.write(block.draw(block_lines("one", "twenty", "three"), 80))
    assert paper.text == ["$ run", "one", "twenty", "three"]
    paper.write(block.draw(block_lines("1", "2"), 80))
    assert paper.text == ["$ run", "1", "2"]
    paper.write(block.draw(block_lines("a", "b", "c", "d"), 80))
    assert paper.text == ["$ run", "a", "b", "c", "d"]


def test_lines_go_above_the_block_which_stays() -> None:
    paper, block = Paper(), LiveBlock()
    paper.write(block.draw(block_lines("one", "two"), 80))
    paper.write(block.print_above("log 1\nlog 2\n", 80))
    assert paper.text == ["log 1", "log 2", "one", "two"]
    paper.write(block.draw(block_lines("uno", "due"), 80))
    assert paper.text == ["log 1", "log 2", "uno", "due"]


def test_without_a_block_lines_are_just_printed() -> None:
    assert LiveBlock().print_above("log\n", 80) == "log\n"


def test_an_erased_block_leaves_nothing_and_is_erased_once() -> None:
    paper, block = Paper(), LiveBlock()
    paper.write("log\n" + block.draw(block_lines("one", "two"), 80))
    paper.write(block.erase(80))
    assert paper.text == ["log"]
    assert block.erase(80) == ""
    paper.write("after\n")
    assert paper.text == ["log", "after"]


def test_rows_that_a_narrower_terminal_has_wrapped_are_taken_back() -> None:
    paper, block = Paper(), LiveBlock()
    block.draw(block_lines("a" * 25, "b" * 10, "c"), 80)
    # What the terminal made of it at ten columns.
    paper.write("log\n" + "\n".join(["a" * 10, "a" * 10, "a" * 5, "b" * 10, "c"]))
    paper.write(block.draw(block_lines("a", "b", "c"), 10))
    assert paper.text == ["log", "a", "b", "c"]


def test_a_change_of_width_erases_whole_rows_first() -> None:
    block = LiveBlock()
    first = block.draw(block_lines("one", "two"), 80)
    assert block.draw(block_lines("one", "two"), 80) == "\r\x1b[1A" + first
    assert block.draw(block_lines("one", "two"), 60) == "\r\x1b[1A\x1b[J" + first
