from __future__ import annotations

from voxruntime.session.quiet import QuietWatch, Settled


def ticks(watch: QuietWatch, quiet: str) -> list[list[Settled]]:
    """One tick for each letter: `.` quiet, anything else not."""
    return [watch.tick(is_quiet=letter == ".") for letter in quiet]


def test_a_promise_is_settled_once_when_the_silence_is_long_enough() -> None:
    watch = QuietWatch()
    watch.watch(7, 60.0)
    assert ticks(watch, "x.....") == [[], [], [], [Settled(7, is_quiet=True)], [], []]
    assert watch.waiting == 0


def test_sound_begins_the_silence_anew() -> None:
    watch = QuietWatch()
    watch.watch(7, 60.0)
    assert ticks(watch, "..x..") == [[]] * 5
    assert ticks(watch, ".") == [[Settled(7, is_quiet=True)]]


def test_silence_before_the_question_counts_and_speech_after_it_does_not_answer() -> None:
    watch = QuietWatch()
    ticks(watch, "...")
    watch.watch(1, 40.0)
    watch.watch(2, 200.0)
    assert ticks(watch, "x") == [[]]
    watch.watch(3, 0.0)
    assert ticks(watch, "..") == [[Settled(3, is_quiet=True)], [Settled(1, is_quiet=True)]]
    assert watch.waiting == 1


def test_the_end_settles_what_waits_and_what_comes_after_it() -> None:
    watch = QuietWatch()
    watch.watch(1, 5000.0)
    watch.end()
    assert ticks(watch, "x") == [[Settled(1, is_quiet=False)]]
    watch.watch(2, 0.0)
    assert ticks(watch, ".") == [[Settled(2, is_quiet=False)]]
