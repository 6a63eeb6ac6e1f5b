"""What goes wrong is said in one message: what, where, what to do; with the exit code of who must act."""

from __future__ import annotations

import socket
import wave
from pathlib import Path

import pytest

from voxrt_command import RunVoxrt

ANSWERS = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  event.call:answer()
end)
"""


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


def error_of(done: object) -> dict[str, object]:
    error = done.report["error"]  # type: ignore[attr-defined]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.lua"], "scenario.not_found", ["nowhere.lua", "hello"]),
        (["."], "scenario.not_a_file", [".lua"]),
        (["good.lua", "--call", "tape:x"], "leg.unknown", ["tape:x", "wav:", "script:"]),
        (["good.lua", "--call", "wav:none.wav"], "audio.not_found", ["none.wav"]),
        (["good.lua", "--call", "none", "--call", "wav:a.wav"], "option.call", ["--call none"]),
        (["good.lua", "--callee", "7495"], "option.callee", ["PATTERN=SPEC"]),
        (["good.lua", "--callee", "*=fax"], "leg.unknown", ["fax"]),
        (["good.lua", "--header", "Subject: x"], "option.header", ["X-Name"]),
        (["good.lua", "--provider", "http://127.0.0.1/"], "option.provider", ["ws://"]),
        (["good.lua", "--provider", "yandex"], "provider.no_key", ["YANDEX_API_KEY", "--secret"]),
        (["good.lua", "--secret", "NAME"], "option.secret", ["NAME=VALUE"]),
        (["good.lua", "--env-file", "none.env"], "env_file.unreadable", ["none.env"]),
        (["good.lua", "--custom-data", "x" * 201], "option.custom_data", ["200"]),
        (["good.lua", "--record", "no/folder/out.wav"], "option.output", ["no/folder/out.wav"]),
        (["good.lua", "--events", "."], "option.output", ["folder"]),
        (["good.lua", "--dialogue", "none.toml"], "config.dialogue", ["none.toml"]),
    ],
)
def test_a_wrong_option_or_missing_file_exits_2_and_says_what_to_do(
    run_voxrt: RunVoxrt, tmp_path: Path, arguments: list[str], code: str, words: list[str]
) -> None:
    write(tmp_path, "good.lua", ANSWERS)
    done = run_voxrt("run", *arguments, "--json", exit_code=2)
    error = error_of(done)
    assert error["code"] == code
    for word in words:
        assert word in done.stderr
    assert done.report["exit_code"] == 2


def test_an_unknown_option_exits_2_without_starting_anything(run_voxrt: RunVoxrt) -> None:
    done = run_voxrt("run", "hello", "--recrod", "x.wav", exit_code=2)
    assert "--record" in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "code", "line", "words"),
    [
        ("syntax", "local x = \nlocal = 3\n", "script.syntax", 2, ["local = 3"]),
        ("top level", "local t = nil\nt.x = 1\n", "script.error", 2, ["nil value"]),
        (
            "handler",
            "VoxEngine.addEventListener(AppEvents.Started, function()\n  local t\n  t.x = 1\nend)\n",
            "script.error",
            3,
            ["Application.Started", "t.x = 1"],
        ),
        ("unknown module", '\nlocal menu = require("menu")\n', "module.not_found", 2, ["menu"]),
        ("misspelt name", "\n\nVoxEngine.terminat()\n", "name.unknown", 3, ["terminate"]),
        (
            "handler that is no function",
            'VoxEngine.addEventListener(AppEvents.Started, "start")\n',
            "listener.type",
            1,
            ["function"],
        ),
        (
            "unhandled rejection",
            'Promise.reject({ code = "x", message = "no luck" })\n',
            "script.rejection",
            1,
            ["no luck"],
        ),
    ],
)
def test_a_scenarios_fault_exits_1_with_file_and_line(
    run_voxrt: RunVoxrt, tmp_path: Path, name: str, text: str, code: str, line: int, words: list[str]
) -> None:
    scenario = write(tmp_path, "bad.lua", text)
    done = run_voxrt("run", scenario, "--call", "none", "--json", exit_code=1)
    error = error_of(done)
    assert (error["code"], error["file"], error["line"]) == (code, "bad.lua", line), name
    for word in words:
        assert word in done.stderr, name
    # The same for people and for programs; no colours where nobody looks.
    *_, source, carets = error["excerpt"]
    assert source.startswith(f"{line:5} | ")
    assert set(carets) <= set(" |^")
    assert "^" in carets
    assert f"{source}\n{carets}\n" in f"{done.stderr}\n"
    assert "\x1b" not in done.stderr
    assert len(error["events"]) <= 10


def test_a_fault_in_a_module_names_the_module(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    write(tmp_path, "lib/menu.lua", "return {\n  open = function() error('closed') end\n}\n")
    scenario = write(tmp_path, "main.lua", 'require("lib.menu").open()\n')
    error = error_of(run_voxrt("run", scenario, "--call", "none", "--json", exit_code=1))
    assert (error["file"], error["line"]) == ("lib/menu.lua", 2)
    assert "main.lua:1" in str(error["traceback"])


def test_a_scenario_that_is_no_text_is_refused(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "binary.lua").write_bytes(b"print('x')\n\xff\xfe")
    error = error_of(run_voxrt("run", "binary.lua", "--json", exit_code=2))
    assert (error["code"], error["line"]) == ("scenario.not_text", 2)


def test_a_scenario_over_its_size_is_refused(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    scenario = write(tmp_path, "huge.lua", "-- x\n" * 60_000)
    assert error_of(run_voxrt("run", scenario, "--json", exit_code=2))["code"] == "scenario.too_large"


def make_wav(path: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(16000 * seconds)))


def test_sound_files_that_cannot_be_used_are_refused(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    write(tmp_path, "good.lua", ANSWERS)
    make_wav(tmp_path / "good.wav", 1)
    whole = (tmp_path / "good.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:1000])
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "music.wav").write_bytes(b"ID3\x04" + bytes(2000))
    with (tmp_path / "long.wav").open("wb") as file:
        file.write(whole[:44])
        file.truncate(100 * 2**20)
    codes = {}
    for name in ["cut", "empty", "music", "long"]:
        done = run_voxrt("run", "good.lua", "--call", f"wav:{name}.wav", "--json", exit_code=2)
        assert f"{name}.wav" in done.stderr
        codes[name] = error_of(done)["code"]
    assert len(set(codes.values())) == 4, codes


@pytest.mark.parametrize(
    ("option", "name", "text", "line", "words"),
    [
        ("--dialogue", "bad.toml", '[state.a]\nsya = "Hello"\n', 2, ["sya", "say"]),
        ("--dialogue", "bad.toml", '[state.a\nsay = "Hello"\n', 1, []),
        ("--call", "bad.caller.toml", '[[step]]\nsay = "Hello"\n\n[[step]]\nsya = "x"\n', 5, ["sya", "say"]),
    ],
)
def test_a_dialogue_or_caller_script_with_a_typo_names_line_and_key(
    run_voxrt: RunVoxrt, tmp_path: Path, option: str, name: str, text: str, line: int, words: list[str]
) -> None:
    write(tmp_path, "good.lua", ANSWERS)
    write(tmp_path, name, text)
    given = f"script:{name}" if option == "--call" else name
    done = run_voxrt("run", "good.lua", option, given, "--json", exit_code=2)
    error = error_of(done)
    assert str(error["file"]).endswith(name)
    assert error["line"] == line
    for word in words:
        assert word in done.stderr


def test_a_port_in_use_is_said(run_voxrt: RunVoxrt) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_voxrt("emulator", "--port", str(port), exit_code=2)
    assert str(port) in done.stderr
