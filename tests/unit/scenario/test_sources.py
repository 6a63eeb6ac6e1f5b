from pathlib import Path

import pytest

from voxruntime.config import Limits
from voxruntime.errors import ConfigError
from voxruntime.scenario.sources import read_sources


def write(folder: Path, **texts: str) -> str:
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.lua"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(folder / "main.lua")


def test_required_files_are_found_through_each_other(tmp_path: Path) -> None:
    main = write(
        tmp_path, main='require("lib.menu")', lib__menu="local t = require 'texts'", texts="return {}"
    )
    sources = read_sources([main], Limits())
    assert [entry.name for entry in sources.entries] == ["main.lua"]
    assert {name: file.name for name, file in sources.modules.items()} == {
        "lib.menu": "lib/menu.lua",
        "texts": "texts.lua",
    }


def test_modules_that_require_each_other_are_read_once(tmp_path: Path) -> None:
    main = write(tmp_path, main='require("a")', a='require("b")', b='require("a")')
    assert sorted(read_sources([main], Limits()).modules) == ["a", "b"]


def test_nothing_outside_the_scenarios_folder_is_read(tmp_path: Path) -> None:
    write(tmp_path, secret="return 'outside'")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.lua").symlink_to(tmp_path / "secret.lua")
    main = write(inner, main='require("..secret") require("link") require("/etc/passwd")')
    assert dict(read_sources([main], Limits()).modules) == {}


def test_a_bundled_scenario_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_sources(["hello"], Limits()).entries[0].name == "hello.lua"
    (tmp_path / "hello").write_text("print('mine')", encoding="utf-8")
    assert read_sources(["hello"], Limits()).entries[0].text == "print('mine')"


def test_a_name_that_is_nearly_a_bundled_one_is_told_of_it() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean hello\?"):
        read_sources(["helo"], Limits())


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "main.lua").write_bytes(b"\xef\xbb\xbfprint(1)")
    assert read_sources([str(tmp_path / "main.lua")], Limits()).entries[0].text == "print(1)"


def test_all_files_together_have_a_limit(tmp_path: Path) -> None:
    main = write(tmp_path, main='require("a")', a="x = 1" + " " * 600)
    with pytest.raises(ConfigError) as refused:
        read_sources([main], Limits(source_total_bytes=500))
    assert refused.value.code == "scenario.too_large"
