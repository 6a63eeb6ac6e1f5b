"""Whole calls with real speech: a recorded person calls, and is understood from the sound alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from speech_extra import speech_extra
from voxrt_command import RunVoxrt, StartVoxrt
from voxruntime.config import shipped

__all__ = ["speech_extra"]

pytestmark = pytest.mark.usefixtures("speech_extra")


def children(process: subprocess.Popen[str], module: str) -> dict[str, int]:
    """Returns the children that run a module, by their first argument."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {}
    for line in listed.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        _, separator, arguments = command.partition(f"-m {module} ")
        if separator:
            found[arguments.split()[0]] = int(pid)
    return found


CALLER = f"script:{shipped('scenarios') / 'hello.caller.toml'}"
EVENTS = ("--events", "out.jsonl")


def heard_in(events: Path) -> list[str]:
    lines = map(json.loads, events.read_text(encoding="utf-8").splitlines())
    return [
        json.loads(line["text"])["transcript"]
        for line in lines
        if line["kind"] == "wire" and "input_audio_transcription.completed" in line["text"]
    ]


def test_a_person_is_greeted_understood_and_answered(run_voxrt: RunVoxrt) -> None:
    done = run_voxrt("run", "hello", "--speech", "--call", CALLER, *EVENTS, "--transcript", "t.txt", "--json")
    assert "with speech" in done.stderr
    assert len(heard_in(done.folder / "out.jsonl")) == 2
    assert all(heard_in(done.folder / "out.jsonl"))
    assert "not understood" not in (done.folder / "t.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("role", ["voice", "recognition"])
def test_a_call_outlives_its_speech_process(start_voxrt: StartVoxrt, tmp_path: Path, role: str) -> None:
    process = start_voxrt("run", "hello", "--speech", "--call", CALLER, *EVENTS, "--json")
    assert process.stderr is not None
    is_talking = False
    for line in process.stderr:
        is_talking = is_talking or "agent:" in line
        if is_talking and role in (running := children(process, "voxruntime.speech.process")):
            break
    os.kill(running[role], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["exit_code"] == 0
    errors = [
        line for line in (tmp_path / "out.jsonl").read_text().splitlines() if "speech_restarted" in line
    ]
    assert len(errors) == 1
    assert len(heard_in(tmp_path / "out.jsonl")) == 2
