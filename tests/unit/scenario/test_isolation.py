"""What confines a session process, read from the outside."""

from __future__ import annotations

import os
from pathlib import Path

from scenario_driver import Scenario, ScenarioDriver
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
    assert os.getpriority(os.PRIO_PROCESS, pid) == isolation.NICE
    assert os.getsid(pid) == pid


def test_report_says_on_for_all(driver: ScenarioDriver) -> None:
    report = driver.spawn().process.isolation
    assert isolation.refusals(report) == {}
    assert {"no_new_privs", "dies_with_engine", "files", "processes", "file_size", "core", "nice"} <= set(
        report
    )


def test_refusals_are_what_is_not_on() -> None:
    assert isolation.refusals({"a": "on", "b": "refused: no", "c": "not on this system"}) == {
        "b": "refused: no",
        "c": "not on this system",
    }
