"""What the recogniser must reach on recordings of people, and on sounds that are none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

import confusion
from speech_extra import skip_outside_ci, speech_extra
from voxruntime.clock import Clock
from voxruntime.speech.client import SpeechProcess
from voxruntime.speech.interface import Recognizer

__all__ = ["speech_extra"]

pytestmark = pytest.mark.usefixtures("speech_extra")

LEAST = {
    ("en", "judge"): (0.9, 0.8),
    ("en", "other speakers"): (0.9, 0.8),
    ("ru", "three words and more"): (0.9, 0.8),
}
"""Share of what was said that is understood, and of what was not that is refused."""

T = TypeVar("T")


def with_recognizer(use: Callable[[Recognizer], Awaitable[T]]) -> T:
    async def main() -> T:
        engines = SpeechProcess(Clock(asyncio.get_running_loop()))
        await engines.start()
        try:
            return await use(engines.recognizer)
        finally:
            await engines.close()

    return asyncio.run(main())


@pytest.mark.parametrize(("name", "group"), LEAST)
def test_most_phrases_are_understood_and_most_others_refused(name: str, group: str) -> None:
    listed = confusion.listing(name)
    wanted = confusion.Listing(
        listed.language,
        listed.folders,
        listed.clips,
        [state for state in listed.state if state.group == group],
    )
    tables = with_recognizer(lambda recognizer: confusion.judge(recognizer, wanted))
    if group not in tables:
        skip_outside_ci("needs the Debian packages " + " ".join(confusion.missing_packages(listed)))
    right, refused = LEAST[name, group]
    table = tables[group]
    assert table.right >= right, table.faults
    assert table.rejected >= refused, table.faults


def test_sounds_without_speech_are_nothing() -> None:
    assert with_recognizer(confusion.false_alarms) == []
