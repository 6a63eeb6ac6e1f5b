"""What tests/live/ does to the real service, done to the embedded one: the flow itself is tried where no key is."""

from __future__ import annotations

from pathlib import Path

import pytest

from live.guide_call import KEYS, assert_no_key_in, call_the_guide
from speech_extra import speech_extra
from voxruntime.config import shipped

__all__ = ["speech_extra"]

DIALOGUE = shipped("scenarios") / "hello_ru.dialogue.toml"
EMBEDDED = ("--provider", "emulator", "--speech", "--dialogue", str(DIALOGUE))


@pytest.mark.usefixtures("speech_extra")
def test_the_flow_holds_with_the_embedded_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, f"{name}-of-nobody")
    call_the_guide(tmp_path, *EMBEDDED)


def test_a_key_that_was_written_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEYS[0], "of-nobody")
    with pytest.raises(AssertionError, match=KEYS[0]) as caught:
        assert_no_key_in("Authorization: Api-Key of-nobody")
    assert "of-nobody" not in str(caught.value)
