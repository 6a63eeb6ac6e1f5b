"""What confines a session process, read from the outside."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scenario_driver import Scenario, ScenarioDriver
from voxruntime import platform
from voxruntime.scenario import isolation
from voxruntime.scenario.zygote_launch import launch_zygote
from voxruntime.scenario.zygote_link import ZygoteLink


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
    assert isolation.weaknesses(report) == []
    assert set(report) == set(isolation.WEAKER)


def test_each_missing_part_says_what_is_weaker_for_it() -> None:
    report = {"nice": "refused: no", "files": "on", "seccomp": "off: no library", "scheduling": "refused: no"}
    assert isolation.weaknesses(report) == [
        "nice is refused: no: it competes with audio for the processor",
        "seccomp is off: no library: only the other limits stand behind Lua's sandbox",
    ]


def test_system_calls_are_filtered(driver: ScenarioDriver) -> None:
    assert status_of(driver.spawn())["Seccomp"] == "2"


def test_process_ends_by_itself_once_its_turn_socket_is_closed() -> None:
    async def main() -> platform.Exited:
        platform.adopt_orphans()
        link = ZygoteLink(launch_zygote())
        turn, turn_of_scenario = socket.socketpair()
        log, log_of_scenario = socket.socketpair()
        with log, log_of_scenario:
            with turn, turn_of_scenario:
                process = platform.Process(await link.fork(turn_of_scenario, log_of_scenario))
            ended = await asyncio.get_running_loop().run_in_executor(None, process.wait)
        process.close()
        await link.close()
        return ended

    assert asyncio.run(main()) == platform.Exited(status=0)


REFUSING = """
import json, os, resource, sys
from voxruntime import platform
from voxruntime.scenario import isolation
from voxruntime.scenario.seccomp import Filter

def refuse(*_):
    raise PermissionError(1, "Operation not permitted")

resource.setrlimit = os.setsid = os.setgroups = os.setpriority = refuse
platform._prctl = lambda *_: "refused: Operation not permitted"
out = os.dup(1)
report = isolation.confine(isolation.prepare(), out, out, Filter(b"x" * 8)).report
os.write(out, json.dumps(report).encode())
"""
"""A system that grants nothing, in a process of its own: confining cannot be taken back."""


def run(code: str) -> subprocess.CompletedProcess[bytes]:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, env=environment)


def test_every_refused_privilege_is_reported() -> None:
    report = json.loads(run(REFUSING).stdout)
    granted = {"user"} if os.geteuid() != 0 else set()
    assert {name for name, state in report.items() if state != platform.GRANTED} == set(report) - granted
    assert report["seccomp"] == "off: the kernel, or the container, refused: Operation not permitted"
    assert len(isolation.weaknesses(report)) == len(set(report) - granted)


CONFINED = """
import ctypes, json, mmap, os, resource, signal, socket, sys
from voxruntime.scenario import isolation, seccomp

if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
parent, out, libc = os.getppid(), os.dup(1), ctypes.CDLL(None, use_errno=True)
report = isolation.confine(isolation.prepare(), out, out, seccomp.build()).report
try:
    answer = {attempt}
except OSError as error:
    answer = error.errno
os.write(out, json.dumps([report, answer]).encode())
os._exit(0)
"""
"""An ordinary user's process that has been confined as a session process is, and then tries something."""


def test_ordinary_user_is_confined_without_a_refusal() -> None:
    report, _ = json.loads(run(CONFINED.format(attempt="0")).stdout)
    assert isolation.weaknesses(report) == []


BREAKOUTS = {
    "fork": "os.fork()",
    "exec": "os.execv('/bin/true', ['true'])",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "kill": "os.kill(parent, 0)",
    "socket": "socket.socket() and 1",
    "socket_pair": "socket.socketpair() and 1",
    "ptrace": "libc.ptrace(16, parent, 0, 0)",
    "memory_of_another": "libc.process_vm_readv(parent, 0, 0, 0, 0, 0)",
    "namespace": "libc.unshare(0x10000000)",
    "anonymous_file": "os.memfd_create('x')",
}


@pytest.mark.parametrize("attempt", BREAKOUTS.values(), ids=BREAKOUTS.keys())
def test_what_only_a_breakout_would_call_ends_the_process(attempt: str) -> None:
    assert run(CONFINED.format(attempt=attempt)).returncode == -signal.SIGSYS


REFUSED = {
    "open": "os.open('/etc/passwd', os.O_RDONLY)",
    "open_null": "os.open('/dev/null', os.O_RDONLY)",
    "list": "len(os.listdir('/'))",
    "stat": "os.stat('/').st_size",
    "remove": "os.remove('/tmp/nothing')",
    "working_folder": "os.chdir('/')",
    "limit_of_another": "len(resource.prlimit(parent, resource.RLIMIT_CORE))",
    "code_in_memory": "len(mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC))",
    "priority": "os.nice(-1)",
    "handler": "signal.signal(signal.SIGPROF, signal.SIG_IGN) and 0",
    "duplicate": "os.dup(out)",
}


@pytest.mark.parametrize("attempt", REFUSED.values(), ids=REFUSED.keys())
def test_other_system_calls_fail(attempt: str) -> None:
    _, answer = json.loads(run(CONFINED.format(attempt=attempt)).stdout)
    assert answer == errno.EPERM


def test_memory_and_own_limits_stay_usable() -> None:
    attempt = "[len(bytearray(8 << 20)), resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))]"
    _, answer = json.loads(run(CONFINED.format(attempt=attempt)).stdout)
    assert answer == [8 << 20, None]
