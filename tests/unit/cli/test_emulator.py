"""Contract of cli/emulator.py."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from speech_extra import need_speech
from voxruntime.cli.emulator import emulator_command
from voxruntime.emulator.faults import FaultKind
from voxruntime.speech.availability import PARTS

START = "from voxruntime.cli.emulator import emulator_command; emulator_command()"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dialogue", "missing.toml"], "missing.toml: Cannot read the dialogue file"),
        (["--fault", "drp:3"], "Did you mean 'drop'?"),
    ],
)
def test_wrong_option_is_told_in_one_line(options: list[str], words: str) -> None:
    result = CliRunner().invoke(emulator_command, options)
    assert result.exit_code == 2
    assert words in result.output
    assert len(result.output.splitlines()) == 1


def test_speech_that_is_not_installed_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    for module in (module for part in PARTS for module in part.modules):
        monkeypatch.delitem(sys.modules, module, raising=False)
    result = CliRunner().invoke(emulator_command, ["--speech"])
    assert result.exit_code == 2
    assert "pip install 'voxruntime[speech]'" in result.output
    assert len(result.output.splitlines()) == 1


def test_unknown_profile_is_told_with_the_known_ones() -> None:
    result = CliRunner().invoke(emulator_command, ["--profile", "acme"])
    assert result.exit_code == 2
    assert "openai" in result.output
    assert "yandex" in result.output


def test_dialogue_with_a_typo_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.dialogue.toml"
    path.write_text('[state.a]\nsai = "x"\n', encoding="utf-8")
    result = CliRunner().invoke(emulator_command, ["--dialogue", str(path)])
    assert result.exit_code == 2
    assert f"{path}:2: Unknown key 'sai'" in result.output


def test_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = CliRunner().invoke(emulator_command, ["--port", str(taken.getsockname()[1])])
    assert result.exit_code == 2
    assert "Cannot listen on" in result.output


@pytest.mark.parametrize("speech", ["--no-speech", "--speech"])
@pytest.mark.parametrize("profile", ["yandex", "openai"])
def test_command_prints_its_url_serves_and_ends_when_interrupted(profile: str, speech: str) -> None:
    if speech == "--speech":
        need_speech()
    command = [
        sys.executable,
        "-c",
        START,
        "--port",
        "0",
        "--profile",
        profile,
        "--language",
        "ru-RU",
        speech,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        with connect(
            url + "?model=gpt://a/b", additional_headers={"Authorization": "Api-Key x"}
        ) as websocket:
            assert json.loads(websocket.recv(timeout=20))["type"] == "session.created"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr.read() == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_command_ends_its_sessions_when_it_is_stopped(number: int, code: int) -> None:
    command = [sys.executable, "-c", START, "--port", "0", "--no-speech"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        key = {"Authorization": "Api-Key x"}
        with connect(url + "?model=gpt://a/b", additional_headers=key) as websocket:
            websocket.recv(timeout=20)
            process.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                websocket.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert process.wait(timeout=20) == code
        assert process.stderr.read() == ""


def test_dialogue_file_and_options_say_what_goes_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.dialogue.toml"
    path.write_text('[state.a]\n[server]\nfaults = ["garbage:1"]\n', encoding="utf-8")
    command = [sys.executable, "-c", START, "--port", "0", "--no-speech", "--dialogue", str(path)]
    with subprocess.Popen(
        [*command, "--fault", "close:1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        key = {"Authorization": "Api-Key x"}
        with connect(url + "?model=gpt://a/b", additional_headers=key) as websocket:
            assert json.loads(websocket.recv(timeout=20))["type"] == "session.created"
            with pytest.raises(json.JSONDecodeError):
                json.loads(websocket.recv(timeout=20))
            with pytest.raises(ConnectionClosed) as closed:
                websocket.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1011
        process.terminate()


def test_faults_are_explained_by_the_help() -> None:
    shown = CliRunner().invoke(emulator_command, ["--help"]).output
    assert all(f"  {kind} " in shown for kind in FaultKind)
