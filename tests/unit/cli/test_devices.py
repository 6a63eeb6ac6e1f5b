from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from portaudio_double import FakePortAudio, portaudio
from voxruntime.cli.devices import devices_command

__all__ = ["portaudio"]


def test_tables_align_and_mark_the_defaults(portaudio: FakePortAudio) -> None:
    portaudio.busy = {1}
    done = CliRunner().invoke(devices_command)
    assert done.exit_code == 0
    assert done.stdout == (
        "Microphones:\n"
        "   index  name         host API  channels  rates, kHz\n"
        "*      0  Desk Mic     Fake             1  16, 48\n"
        "       2  USB Headset  Fake             1  16, 48\n"
        "\n"
        "Loudspeakers:\n"
        "   index  name         host API  channels  rates, kHz\n"
        "*      1  Speakers     Fake             2  in use, or not working\n"
        "       2  USB Headset  Fake             2  16, 48\n"
    )


def test_json_holds_the_same(portaudio: FakePortAudio) -> None:
    portaudio.listed = portaudio.listed[:2]
    listed = json.loads(CliRunner().invoke(devices_command, ["--json"]).stdout)
    assert listed == {
        "inputs": [
            {
                "index": 0,
                "name": "Desk Mic",
                "host_api": "Fake",
                "channels": 1,
                "rates": [16000, 48000],
                "is_default": True,
            }
        ],
        "outputs": [
            {
                "index": 1,
                "name": "Speakers",
                "host_api": "Fake",
                "channels": 2,
                "rates": [16000, 48000],
                "is_default": True,
            }
        ],
    }


def test_a_machine_without_a_microphone_is_told_how_to_call_all_the_same(portaudio: FakePortAudio) -> None:
    portaudio.listed = [("Speakers", 0, 2)]
    done = CliRunner().invoke(devices_command)
    assert done.exit_code == 0
    assert "Microphones: none" in done.stdout
    assert "--call script:FILE.toml" in done.stdout


def test_a_name_cannot_steer_the_terminal(portaudio: FakePortAudio) -> None:
    portaudio.listed[0] = ("Evil\x1b[2J", 1, 0)
    done = CliRunner().invoke(devices_command)
    assert "\x1b" not in done.stdout
    assert "Evil\\x1b[2J" in done.stdout


def test_without_portaudio_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    done = CliRunner().invoke(devices_command)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "apt install libportaudio2" in done.stderr
