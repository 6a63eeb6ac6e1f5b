"""Contract of environment.py: an environment that cannot be made is told, and never taken for one that was."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.realtime.peers.environment import NoEnvironment, python_of


def test_an_index_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(NoEnvironment, match=r"pip install.*No matching distribution"):
        python_of()
    assert not list(tmp_path.rglob("complete"))


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(NoEnvironment, match="cannot be written"):
        python_of()
