"""What confines a session process, read from the outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from scenario_driver import Scenario, ScenarioDriver
from voxruntime import platform
from voxruntime.scenario import isolation


def proc(scenario: Scenario, name: str) -> str:
    return Path(f"/proc/{scenario.process.pid}/{name}").read_text()


def limits_of(scenario: Scenario) -> dict[str, list[str]]:
    lines = proc(scenario, "limits").splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


def status_of(scenario: Scenario) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in proc(scenario, "status").splitlines() if ":\t" in line)


def test_process_has_its_sockets_and_nothing_else(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    folder = Path(f"/proc/{scenario.process.pid}/fd")
    targets = sorted(os.readlink(entry).split(":")[0] for entry in folder.iterdir())
    assert targets == ["/dev/null", "/dev/null", "/dev/null", "socket", "socket"]


def test_environment_is_empty(driver: ScenarioDriver) -> None:
    assert proc(driver.spawn(), "environ") == ""


def test_limits_are_set(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    before = limits_of(scenario)
    assert before["Max file size"] == ["0", "0"]
    assert before["Max core file size"] == ["0", "0"]
    assert before["Max processes"] == ["0", "0"]
    assert before["Max open files"] == [str(isolation.MAX_DESCRIPTORS)] * 2
    assert before["Max address space"] == ["unlimited", "unlimited"]
    scenario.load("x = 1")
    soft, hard = limits_of(scenario)["Max address space"]
    assert soft == hard
    assert int(soft) < 512 * 1024 * 1024


def test_privileges_are_gone(driver: ScenarioDriver) -> None:
    status = status_of(driver.spawn())
    assert status["NoNewPrivs"] == "1"
    assert "0" not in status["Uid"].split()
    assert int(status["CapEff"], 16) == 0


def test_process_is_nice_and_in_a_session_of_its_own(driver: ScenarioDriver) -> None:
    pid = driver.spawn().process.pid
    assert os.getpriority(os.PRIO_PROCESS, pid) == platform.NICE
    assert os.getsid(pid) == pid


def test_report_says_on_for_all(driver: ScenarioDriver) -> None:
    report = driver.spawn().process.isolation
    assert isolation.refusals(report) == {}
    assert {"no_new_privs", "dies_with_engine", "files", "processes", "file_size", "core", "nice"} <= set(
        report
    )


def test_refusals_are_what_is_not_on() -> None:
    assert isolation.refusals({"a": "on", "b": "refused: no", "c": "not on this system", "d": "off: x"}) == {
        "b": "refused: no",
        "c": "not on this system",
    }


def test_filter_of_system_calls_is_off_and_says_why(driver: ScenarioDriver) -> None:
    assert driver.spawn().process.isolation["seccomp"].startswith("off: ")


def test_process_ends_with_its_turn_socket(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    scenario.load("x = 1")
    scenario.process.kill()
    assert driver.closed(scenario).killed_by is not None
    assert not Path(f"/proc/{scenario.process.pid}").exists()


REFUSING = """
import json, os, resource, sys
from voxruntime import platform
from voxruntime.scenario import isolation

def refuse(*_):
    raise PermissionError(1, "Operation not permitted")

resource.setrlimit = os.setsid = os.setgroups = os.setpriority = refuse
platform._prctl = lambda option, argument: "refused: Operation not permitted"
out = os.dup(1)
report = isolation.confine(out, out)
os.write(out, json.dumps(report).encode())
"""
"""A system that grants nothing, in a process of its own: confining cannot be taken back."""


def test_every_refused_privilege_is_reported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REFUSING],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    report = json.loads(done.stdout)
    refused = isolation.refusals(report)
    granted = {"seccomp"} | ({"user"} if os.geteuid() != 0 else set())
    assert set(refused) == set(report) - granted
    assert all(state.startswith("refused: ") for state in refused.values())


ORDINARY = """
import json, os
from voxruntime.scenario import isolation

if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
out = os.dup(1)
os.write(out, json.dumps(isolation.confine(out, out)).encode())
"""


def test_ordinary_user_is_confined_without_a_refusal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORDINARY],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert isolation.refusals(json.loads(done.stdout)) == {}
