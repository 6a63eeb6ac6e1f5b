import pytest

from voxruntime.speech.interface import caller_voice


@pytest.mark.parametrize(
    ("language", "voice"),
    [("en-US", "en-us+f5"), ("en", "en-us+f5"), ("en-GB", "en-us+f5"), ("ru-RU", "ru+f5"), ("RU", "ru+f5")],
)
def test_callers_have_a_voice_in_every_language(language: str, voice: str) -> None:
    assert caller_voice(language) == voice
