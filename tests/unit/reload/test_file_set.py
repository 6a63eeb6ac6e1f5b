"""The files of a scenario: which count, what has changed, and whether they are whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from voxruntime.config import Limits
from voxruntime.errors import ConfigError
from voxruntime.reload import file_set as file_set_module
from voxruntime.reload.file_set import FileSet, changed
from voxruntime.scenario.sources import Sources, read_sources


def file_set(folder: Path, *others: Path) -> FileSet:
    files = FileSet([str(folder / "s.lua")], others, Limits())
    files.read()
    return files


def test_scenario_required_files_and_others_count(tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text('require("menu") require("text") require("gone")')
    (tmp_path / "menu.lua").write_text('require("lib.deep")')
    files = file_set(tmp_path, tmp_path / ".env")
    names = {path.relative_to(tmp_path).as_posix() for path in files.contents()}
    assert names == {"s.lua", "menu.lua", "lib/deep.lua", "gone.lua", "text.lua", ".env"}
    assert files.folders == {tmp_path}


def test_a_required_file_that_appears_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text('require("lib.menu")')
    files = file_set(tmp_path)
    before = files.contents()
    (tmp_path / "lib").mkdir()
    assert changed(before, files.contents()) == []
    assert tmp_path / "lib" in files.folders
    (tmp_path / "lib" / "menu.lua").write_text("return 1")
    assert changed(before, files.contents()) == [tmp_path / "lib" / "menu.lua"]
    sources = files.read().sources
    assert isinstance(sources, Sources)
    assert list(sources.modules) == ["lib.menu"]


def test_a_touch_is_no_change_and_a_rename_in_place_is(tmp_path: Path) -> None:
    scenario = tmp_path / "s.lua"
    scenario.write_text("-- one")
    files = file_set(tmp_path)
    before = files.contents()
    os.utime(scenario, (1, 1))
    assert changed(before, files.contents()) == []
    (tmp_path / "s.tmp").write_text("-- two")
    (tmp_path / "s.tmp").replace(scenario)
    assert changed(before, files.contents()) == [scenario]


@pytest.mark.parametrize("state", ["empty", "missing"])
def test_an_empty_or_missing_scenario_is_not_whole(tmp_path: Path, state: str) -> None:
    scenario = tmp_path / "s.lua"
    scenario.write_text("-- one")
    files = file_set(tmp_path)
    assert files.is_whole(files.contents())
    if state == "empty":
        scenario.write_text("")
    else:
        scenario.unlink()
    assert not files.is_whole(files.contents())


def test_what_a_link_points_to_is_watched_where_it_is(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "real.lua").write_text("-- one")
    (tmp_path / "s.lua").symlink_to(there / "real.lua")
    files = file_set(tmp_path)
    assert files.folders == {tmp_path, there}
    before = files.contents()
    (there / "real.lua").write_text("-- two")
    assert changed(before, files.contents()) == [tmp_path / "s.lua"]


def test_a_scenario_that_is_no_text_is_an_error_with_its_place(tmp_path: Path) -> None:
    scenario = tmp_path / "s.lua"
    scenario.write_text("-- one")
    files = file_set(tmp_path)
    scenario.write_bytes(b"-- one\n\xff\xfe")
    error = files.read().sources
    assert isinstance(error, ConfigError)
    assert (error.code, error.line) == ("scenario.not_text", 2)


def test_what_is_saved_while_files_are_read_is_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = tmp_path / "s.lua"
    scenario.write_text("-- one")
    files = file_set(tmp_path)

    def read_and_save(names: Sequence[str], limits: Limits) -> Sources:
        sources = read_sources(names, limits)
        scenario.write_text("-- two")
        return sources

    monkeypatch.setattr(file_set_module, "read_sources", read_and_save)
    read = files.read()
    assert isinstance(read.sources, Sources)
    assert read.sources.entries[0].text == "-- one"
    assert changed(read.contents, files.contents()) == [scenario]
