"""Which processes a run has, how they are scheduled, and what the sudden end of each means to the call."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from run_processes import (
    ENGINE,
    IO,
    RECOGNITION,
    SCENARIO,
    VOICE,
    WARM,
    ZYGOTE,
    eventually,
    holding,
    processes_of,
    wait_until_gone,
)
from voxrt_command import StartVoxrt, wait_for
from voxruntime.platform import NICE
from voxruntime.speech.availability import missing_parts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

TALKS = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Connected, function()
    await(sleep(200))
    print("talking")
  end)
  event.call:addEventListener(CallEvents.Disconnected, function()
    print("gone")
    VoxEngine.terminate()
  end)
  event.call:answer()
end)
"""

COMPUTES = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Connected, function()
    print("computing")
    while true do end
  end)
  event.call:answer()
end)
"""

OUTPUTS = ("--no-speech", "--record", "out.wav", "--events", "out.jsonl", "--json")

ONCE_EACH = {ENGINE: 1, ZYGOTE: 1, SCENARIO: 1, WARM: 1, IO: 1}


def start_call(
    start_voxrt: StartVoxrt, folder: Path, *options: str, scenario: str = TALKS, seconds: float = 60.0
) -> subprocess.Popen[str]:
    """Starts a call whose caller says nothing and hangs up after some seconds."""
    (folder / "s.lua").write_text(scenario, encoding="utf-8")
    with wave.open(str(folder / "silence.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return start_voxrt("run", "s.lua", "--call", "wav:silence.wav", "--hangup-after", str(seconds), *options)


def processes_when(engine: subprocess.Popen[str], counts: dict[str, int]) -> dict[str, int]:
    """Returns the process ids by role once there are as many of each as expected."""

    def find() -> dict[str, list[int]]:
        found = processes_of(engine.pid)
        return found if {role: len(pids) for role, pids in found.items()} == counts else {}

    return {role: pids[0] for role, pids in eventually(find).items()}


def end_of(engine: subprocess.Popen[str], exit_code: int) -> dict[str, object]:
    """Waits for the run to end; returns its report."""
    stdout, stderr = engine.communicate(timeout=60)
    assert engine.returncode == exit_code, stderr
    assert "Traceback" not in stderr
    report = json.loads(stdout)
    assert isinstance(report, dict)
    return report


def error_of(report: dict[str, object]) -> dict[str, str]:
    error = report["error"]
    assert isinstance(error, dict)
    return error


def said(report: dict[str, object]) -> list[str]:
    """What the scenario itself logged."""
    log = report["log"]
    assert isinstance(log, list)
    return [entry["text"] for entry in log if entry["level"] == "info"]


def last_line_of_log(folder: Path) -> dict[str, object]:
    """Reads the event log, whose lines are whole whoever died; returns the last."""
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["kind"] == "header"
    last = lines[-1]
    assert isinstance(last, dict)
    return last


def recorded_frames(folder: Path) -> int:
    """Reads the recording, whose header fits what is there whoever died."""
    with wave.open(str(folder / "out.wav")) as recording:
        count = recording.getnframes()
        assert len(recording.readframes(count)) == count * recording.getsampwidth() * recording.getnchannels()
    return count


def test_a_run_is_these_processes(start_voxrt: StartVoxrt, tmp_path: Path) -> None:
    engine = start_call(start_voxrt, tmp_path)
    speech = {} if missing_parts() else {VOICE: 1, RECOGNITION: 1}
    processes_when(engine, ONCE_EACH | speech)
    wait_for(engine, "talking")
    assert {role: len(pids) for role, pids in processes_of(engine.pid).items()} == ONCE_EACH | speech


def test_the_engine_goes_first_and_its_children_are_nice(start_voxrt: StartVoxrt, tmp_path: Path) -> None:
    engine = start_call(start_voxrt, tmp_path, *OUTPUTS)
    wait_for(engine, "talking")
    processes = processes_when(engine, ONCE_EACH)
    is_fifo = os.sched_getscheduler(processes.pop(ENGINE)) & 0xFF == os.SCHED_FIFO
    assert {role: os.sched_getscheduler(pid) for role, pid in processes.items()} == dict.fromkeys(
        processes, os.SCHED_OTHER
    )
    eventually(lambda: {os.getpriority(os.PRIO_PROCESS, pid) for pid in processes.values()} == {NICE})
    engine.send_signal(signal.SIGINT)
    isolation = end_of(engine, 130)["isolation"]
    assert isinstance(isolation, dict)
    assert is_fifo == (isolation["scheduling"] == "on")
    assert is_fifo or "refused" in isolation["scheduling"]


def test_killing_an_idle_scenario_ends_its_session_at_once(start_voxrt: StartVoxrt, tmp_path: Path) -> None:
    engine = start_call(start_voxrt, tmp_path, *OUTPUTS)
    wait_for(engine, "talking")
    os.kill(processes_when(engine, ONCE_EACH)[SCENARIO], signal.SIGKILL)
    report = end_of(engine, 1)
    error = error_of(report)
    assert error["code"] == "scenario.died"
    assert "SIGKILL" in error["message"]
    assert "Its last log line was: talking" in error["message"]
    assert last_line_of_log(tmp_path)["code"] == "scenario.died"
    assert recorded_frames(tmp_path) > 0


def test_killing_a_scenario_in_a_turn_names_event_handler_and_last_line(
    start_voxrt: StartVoxrt, tmp_path: Path
) -> None:
    engine = start_call(start_voxrt, tmp_path, *OUTPUTS, scenario=COMPUTES)
    wait_for(engine, "computing")
    os.kill(processes_of(engine.pid)[SCENARIO][0], signal.SIGKILL)
    error = error_of(end_of(engine, 1))
    assert error["code"] == "scenario.died"
    for words in ("Call.Connected, handler at s.lua:3", "commands of this turn are dropped", "computing"):
        assert words in error["message"]
    assert last_line_of_log(tmp_path)["code"] == "scenario.died"
    assert recorded_frames(tmp_path) >= 0


def test_killing_the_zygote_changes_nothing_for_the_call(start_voxrt: StartVoxrt, tmp_path: Path) -> None:
    engine = start_call(start_voxrt, tmp_path, *OUTPUTS, seconds=1.5)
    wait_for(engine, "talking")
    os.kill(processes_when(engine, ONCE_EACH)[ZYGOTE], signal.SIGKILL)
    report = end_of(engine, 0)
    assert (report["result"], report["error"]) == ("terminated", None)
    assert said(report)[-1] == "gone"
    assert last_line_of_log(tmp_path)["kind"] == "end"
    assert recorded_frames(tmp_path) > 8000


def test_killing_the_io_process_costs_its_files_not_the_call(start_voxrt: StartVoxrt, tmp_path: Path) -> None:
    engine = start_call(start_voxrt, tmp_path, *OUTPUTS, seconds=1.5)
    wait_for(engine, "talking")
    before = processes_when(engine, ONCE_EACH)
    os.kill(before[IO], signal.SIGKILL)
    assert "out.wav" in wait_for(engine, "record.process_ended").splitlines()[-1]
    assert eventually(lambda: processes_of(engine.pid).get(IO, []) not in ([], [before[IO]]))
    report = end_of(engine, 2)
    assert error_of(report)["code"] == "record.process_ended"
    assert said(report)[-1] == "gone"
    last_line_of_log(tmp_path)
    recorded_frames(tmp_path)


@pytest.mark.parametrize("options", [OUTPUTS, OUTPUTS[1:]], ids=["tones", "speech where it is installed"])
def test_nothing_of_a_run_outlives_its_engine(
    start_voxrt: StartVoxrt, tmp_path: Path, options: tuple[str, ...]
) -> None:
    engine = start_call(start_voxrt, tmp_path, *options)
    wait_for(engine, "talking")
    speech = {} if missing_parts() or "--no-speech" in options else {VOICE: 1, RECOGNITION: 1}
    processes = processes_when(engine, ONCE_EACH | speech)
    with holding(processes.values()) as descriptors:
        engine.kill()
        engine.wait()
        wait_until_gone(descriptors, 2.0)
    last_line_of_log(tmp_path)
    recorded_frames(tmp_path)
