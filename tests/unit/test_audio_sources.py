"""Every clip that ships says who speaks, where it comes from and under which licence."""

from __future__ import annotations

import tomllib
import wave

import pytest

from voxruntime.config import shipped

AUDIO = shipped("scenarios") / "audio"
TABLE = tomllib.loads((AUDIO / "SOURCES.toml").read_text(encoding="utf-8"))
SOURCES = {source["name"]: source for source in TABLE["source"]}
CLIPS = {clip["file"]: clip for clip in TABLE["clip"]}
SHIPPABLE = {
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
}


def test_every_clip_has_an_entry_and_every_entry_a_clip() -> None:
    assert sorted(CLIPS) == sorted(path.name for path in AUDIO.iterdir() if path.name != "SOURCES.toml")


@pytest.mark.parametrize("file", sorted(CLIPS))
def test_a_clip_names_its_words_language_and_source(file: str) -> None:
    clip = CLIPS[file]
    assert clip["text"]
    assert clip["language"] in ("en-US", "ru-RU")
    source = SOURCES[clip["source"]]
    assert source["licence"] in SHIPPABLE
    assert source["speaker"]
    assert source["package"]
    assert source["copyright"]


@pytest.mark.parametrize("file", sorted(CLIPS))
def test_a_clip_is_telephone_audio(file: str) -> None:
    with wave.open(str(AUDIO / file)) as clip:
        assert (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) == (8000, 1, 2)
        assert clip.getnframes() > 4000


def test_all_clips_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in AUDIO.iterdir()) < 2_000_000
