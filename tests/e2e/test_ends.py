"""However a run ends, its files are finished and its exit code says who ended it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import wave
from pathlib import Path

from voxrt_command import VOXRT, RunVoxrt, StartVoxrt, environment, wait_for

TALKS = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Connected, function() await(sleep(200)) print("talking") end)
  event.call:addEventListener(CallEvents.Disconnected, function(e) print("gone", e.reason) VoxEngine.terminate() end)
  event.call:answer()
end)
VoxEngine.addEventListener(AppEvents.Terminating, function() print("terminating") end)
VoxEngine.addEventListener(AppEvents.Terminated, function() print("terminated") end)
"""

STUBBORN = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Connected, function() await(sleep(200)) print("talking") end)
  event.call:addEventListener(CallEvents.Disconnected, function() await(sleep(60000)) end)
  event.call:answer()
end)
"""


def write_inputs(folder: Path, scenario: str = TALKS) -> None:
    (folder / "s.lua").write_text(scenario, encoding="utf-8")
    with wave.open(str(folder / "caller.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))


def assert_files_are_whole(folder: Path) -> None:
    with wave.open(str(folder / "out.wav")) as recording:
        assert recording.getnchannels() == 2
        assert recording.getnframes() > 0
        assert len(recording.readframes(recording.getnframes())) == recording.getnframes() * 4
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["kind"] == "header"
    assert lines[-1]["kind"] == "end"


RECORDED = ("--record", "out.wav", "--events", "out.jsonl")
CALLER = ("--call", "wav:caller.wav", "--hangup-after", "60", "--no-speech")


def test_the_first_interrupt_hangs_up_and_gives_the_scenario_its_last_turns(
    start_voxrt: StartVoxrt, tmp_path: Path
) -> None:
    write_inputs(tmp_path)
    process = start_voxrt("run", "s.lua", *CALLER, *RECORDED, "--json")
    wait_for(process, "talking")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    report = json.loads(stdout)
    assert [entry["text"] for entry in report["log"] if entry["level"] == "info"][-3:] == [
        "gone\tInterrupted",
        "terminating",
        "terminated",
    ], stderr
    assert report["exit_code"] == 130
    assert_files_are_whole(tmp_path)


def test_sigterm_ends_the_same_way_with_143(start_voxrt: StartVoxrt, tmp_path: Path) -> None:
    write_inputs(tmp_path)
    process = start_voxrt("run", "s.lua", *CALLER, *RECORDED, "--json")
    wait_for(process, "talking")
    process.send_signal(signal.SIGTERM)
    stdout, _stderr = process.communicate(timeout=30)
    assert process.returncode == 143
    assert json.loads(stdout)["result"] == "stopped"
    assert_files_are_whole(tmp_path)


def test_the_second_interrupt_ends_at_once(start_voxrt: StartVoxrt, tmp_path: Path) -> None:
    write_inputs(tmp_path, STUBBORN)
    process = start_voxrt("run", "s.lua", *CALLER, *RECORDED, "--json")
    wait_for(process, "talking")
    process.send_signal(signal.SIGINT)
    wait_for(process, "TERMINATED")
    process.send_signal(signal.SIGINT)
    stdout, _stderr = process.communicate(timeout=4)
    assert process.returncode == 130
    assert json.loads(stdout)["result"] == "stopped"
    assert_files_are_whole(tmp_path)


def test_maximum_duration_ends_as_a_hangup_with_0(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    write_inputs(tmp_path)
    done = run_voxrt("run", "s.lua", *CALLER, *RECORDED, "--max-duration", "2", "--json")
    assert done.report["result"] == "max_duration"
    assert done.log[-2:] == ["terminating", "terminated"]
    assert_files_are_whole(tmp_path)


def test_a_closed_stdout_lets_the_call_finish_and_exits_141(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    read_end, write_end = os.pipe()
    os.close(read_end)
    arguments = ["run", "s.lua", *CALLER, *RECORDED, "--max-duration", "2", "--json"]
    process = subprocess.Popen(
        [VOXRT, *arguments],
        cwd=tmp_path,
        env=environment(None),
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write_end)
    _stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 141, stderr
    assert "Traceback" not in stderr
    assert "terminated" in stderr
    assert_files_are_whole(tmp_path)


def test_a_wav_caller_hangs_up_after_its_silence(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    write_inputs(tmp_path)
    done = run_voxrt(
        "run", "s.lua", "--call", "wav:caller.wav", "--hangup-after", "0.3", "--no-speech", "--json"
    )
    (call,) = done.report["calls"]  # type: ignore[misc]
    assert (call["state"], call["code"]) == ("TERMINATED", 200)  # type: ignore[index]
    assert done.report["result"] == "terminated"


def test_a_caller_script_that_waits_in_vain_fails_the_run_with_its_line(
    run_voxrt: RunVoxrt, tmp_path: Path
) -> None:
    write_inputs(tmp_path)
    (tmp_path / "c.toml").write_text('[[step]]\nwait = "agent_speaks"\ntimeout_ms = 300\n', encoding="utf-8")
    done = run_voxrt("run", "s.lua", "--call", "script:c.toml", "--no-speech", "--json", exit_code=1)
    assert "c.toml:1" in done.stderr


def test_a_full_disk_leaves_the_call_alone_and_fails_the_run(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    write_inputs(tmp_path)
    # Where recordings of the scenario's go too.
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "out.wav").symlink_to("/dev/full")
    arguments = ["--record", "recordings/out.wav", "--max-duration", "1.5"]
    done = run_voxrt("run", "s.lua", *CALLER, *arguments, "--json", exit_code=2)
    assert done.log[-2:] == ["terminating", "terminated"]
    assert "error: recordings/out.wav" in done.stderr
