from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from voxruntime.check.scenario import check_scenario
from voxruntime.cli.new import make_project, new_command
from voxruntime.config import Limits, shipped
from voxruntime.emulator.dialogue import load
from voxruntime.errors import ConfigError
from voxruntime.scenario.sources import read_sources

FILES = {
    ".env.example",
    ".gitignore",
    ".luarc.json",
    "audio/SOURCES.toml",
    "audio/en-goodbye.wav",
    "audio/en-one-moment-please.wav",
    "bot.caller.toml",
    "bot.dialogue.toml",
    "bot.lua",
}


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_project_is_whole_and_names_itself(tmp_path: Path) -> None:
    folder = make_project("bot", tmp_path)
    assert files_of(folder) == FILES
    for name in FILES:
        if not name.endswith(".wav"):
            text = (folder / name).read_text(encoding="utf-8")
            assert "NAME" not in text
            assert "STDLIB" not in text
    assert "-- bot: " in (folder / "bot.lua").read_text(encoding="utf-8")
    assert os.listdir(tmp_path) == ["bot"]


def test_its_parts_are_right(tmp_path: Path) -> None:
    folder = make_project("bot", tmp_path)
    assert check_scenario(read_sources([str(folder / "bot.lua")], Limits())).findings == ()
    assert load(folder / "bot.dialogue.toml").language == "en-US"
    tools = (folder / "bot.lua").read_text(encoding="utf-8")
    for line in (folder / "bot.dialogue.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("call = "):
            assert line.split('"')[1] in tools
    for clip in ("en-goodbye.wav", "en-one-moment-please.wav"):
        assert f"audio/{clip}" in (folder / "bot.caller.toml").read_text(encoding="utf-8")
        assert clip in (folder / "audio" / "SOURCES.toml").read_text(encoding="utf-8")


def test_the_editor_finds_the_types_and_the_sandbox_without_lua_own_library(tmp_path: Path) -> None:
    folder = make_project("bot", tmp_path)
    settings = json.loads((folder / ".luarc.json").read_text(encoding="utf-8"))
    assert settings["runtime.version"] == "Lua 5.4"
    meta, text = map(Path, settings["workspace.library"])
    assert (meta / "voxengine.lua").is_file()
    assert text.is_file()
    assert meta.samefile(shipped("stdlib") / "_meta")
    # What `_meta/lua.lua` declares, the language server must not declare too.
    assert set(settings["runtime.builtin"].values()) == {"disable"}
    assert {"basic", "io", "os", "string"} <= set(settings["runtime.builtin"])


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../bot", "a/b", "имя", "1bot", "-bot", "bot.lua", "a b", "x" * 65, "bot\n"]
)
def test_a_name_that_is_no_good_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no name for a scenario"):
        make_project(name, tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["bot", "my-bot_2", "B", "x" * 64])
def test_a_good_name_is_taken(tmp_path: Path, name: str) -> None:
    assert (make_project(name, tmp_path) / f"{name}.lua").is_file()


@pytest.mark.parametrize("kind", ["folder", "file", "broken link"])
def test_what_is_there_is_never_touched(tmp_path: Path, kind: str) -> None:
    there = tmp_path / "bot"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("mine", encoding="utf-8")
    else:
        there.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="nothing was written"):
        make_project("bot", tmp_path)
    assert os.listdir(tmp_path) == ["bot"]
    assert there.is_symlink() == (kind == "broken link")
    assert kind != "file" or there.read_text(encoding="utf-8") == "mine"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        make_project("bot", tmp_path / "nowhere")
    assert refused.value.code == "new.unwritable"
    assert "nowhere/bot" in str(refused.value)


def test_the_command_says_what_to_type_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(new_command, ["bot"])
    assert done.exit_code == 0
    for line in ("cd bot", "voxrt run bot.lua", "voxrt dev bot.lua", "voxrt check bot.lua"):
        assert line in done.output
    again = CliRunner().invoke(new_command, ["bot"])
    assert again.exit_code == 2
    assert "Choose another name" in again.output
