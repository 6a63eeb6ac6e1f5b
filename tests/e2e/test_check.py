"""`voxrt check` as people and build servers call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from voxrt_command import RunVoxrt


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return name


def test_findings_are_shown_with_their_source_and_exit_1(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    write(
        tmp_path,
        "lib/menu.lua",
        "local function open()\n\tpritn('да') -- shown\nend\nreturn { open = open }\n",
    )
    write(tmp_path, "bot.lua", 'require("lib.menu").open()\nVoxEngine.terminat()\n')
    done = run_voxrt("check", "bot.lua", exit_code=1)
    assert done.stdout.splitlines() == [
        "bot.lua:2:11: error: VoxEngine has no terminat; the nearest name is terminate [undefined-field]",
        "    2 | VoxEngine.terminat()",
        "      |           ^^^^^^^^",
        "lib/menu.lua:2:2: error: nothing defines pritn; the nearest name is print [undefined-global]",
        "    2 |     pritn('да') -- shown",
        "      |     ^^^^^",
        "2 files, 2 uses of the API compared with its types: 2 errors.",
    ]
    assert done.stderr == ""


def test_what_is_right_exits_0_and_says_what_was_looked_at(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    write(tmp_path, "bot.lua", "local function f(c) c:answer() end\nf(nil)\nload('x = 1')()\n")
    done = run_voxrt("check", "hello", "bot.lua")
    assert "bot.lua:3: not checked: what text that is made at run time does" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("2 files, ")
    assert done.stdout.splitlines()[-1].endswith(": nothing found.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.lua"], ["nowhere.lua", "hello"]),
        ([], ["SCENARIO"]),
        (["hello", "--json", "--sarif"], ["choose one"]),
        (["."], [".lua"]),
    ],
)
def test_the_operators_mistakes_exit_2(run_voxrt: RunVoxrt, arguments: list[str], words: list[str]) -> None:
    done = run_voxrt("check", *arguments, exit_code=2)
    for word in words:
        assert word in done.stderr
    assert done.stdout == ""


def test_json_is_one_object_in_each_case(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    write(tmp_path, "bot.lua", "const x = 1\n")
    report = run_voxrt("check", "bot.lua", "--json", exit_code=1).report
    assert (report["ok"], report["exit_code"], report["error"]) == (False, 1, None)
    (finding,) = report["findings"]  # type: ignore[misc]
    assert finding == {
        "file": "bot.lua",
        "line": 1,
        "column": 7,
        "end_column": 8,
        "rule": "syntax-error",
        "level": "error",
        "message": "syntax error near 'x'",
        "hint": "Lua writes local name = value",
    }
    assert run_voxrt("check", "hello", "--json").report["ok"] is True
    missing = run_voxrt("check", "nowhere.lua", "--json", exit_code=2).report
    assert missing["error"]["code"] == "scenario.not_found"  # type: ignore[index]


def test_sarif_names_files_by_their_place_in_the_project(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    write(tmp_path, "calls/bot.lua", "VoxEngine.terminat()\n")
    log = json.loads(run_voxrt("check", "calls/bot.lua", "--sarif", exit_code=1).stdout)
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "calls/bot.lua"


def test_scenarios_are_checked_one_by_one_or_together(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    write(tmp_path, "a.lua", "require(Modules.Yandex)\nshared = 1\n")
    write(tmp_path, "b.lua", "print(Yandex.Events, shared)\n")
    done = run_voxrt("check", "a.lua", "b.lua", exit_code=1)
    assert [line.rpartition("[")[2] for line in done.stdout.splitlines() if ": error" in line] == [
        "not-required]",
        "undefined-global]",
    ]
    run_voxrt("check", "--together", "a.lua", "b.lua")
