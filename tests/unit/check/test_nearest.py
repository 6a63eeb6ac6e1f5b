from __future__ import annotations

import pytest

from voxruntime.check.nearest import nearest

KNOWN = ["answer", "hangup", "sendMediaTo", "addEventListener", "responseCreate", "id"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("anwser", "answer"),
        ("Answer", "answer"),
        ("hangUp", "hangup"),
        ("sendMedia", "sendMediaTo"),
        ("addEventListner", "addEventListener"),
        ("createResponse", "responseCreate"),
        ("zzz", None),
        ("sya", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_one_that_could_have_been_meant(name: str, found: str | None) -> None:
    assert nearest(name, KNOWN) == found


def test_nothing_is_near_to_nothing() -> None:
    assert nearest("answer", []) is None
