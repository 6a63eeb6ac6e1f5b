"""The filter of system calls: made by libseccomp, or the report says why not; what it does is in `test_isolation.py`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from scenario_driver import ScenarioDriver
from voxruntime.errors import ScenarioError
from voxruntime.scenario import seccomp


def in_a_process(code: str) -> str:
    """What code prints about the module in a process of its own."""
    command = [sys.executable, "-c", f"from voxruntime.scenario import seccomp\n{code}"]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


def test_program_is_whole_and_small() -> None:
    built = seccomp.build()
    assert built.problem == ""
    assert len(built.program) % 8 == 0
    assert 0 < len(built.program) // 8 < 200


def test_same_filter_each_time() -> None:
    assert seccomp.build() == seccomp.build()


def test_missing_library_is_reported_with_its_remedy() -> None:
    said = in_a_process("seccomp.LIBRARY = 'libseccomp.so.none'\nprint(seccomp.build().install())")
    assert said == "off: libseccomp.so.none is not installed (Debian, Ubuntu: apt-get install libseccomp2)"


def test_library_that_is_another_is_reported() -> None:
    said = in_a_process("seccomp.LIBRARY = 'libc.so.6'\nprint(seccomp.build().install())")
    assert said == "off: libc.so.6 cannot make the filter here"


def test_name_that_the_library_does_not_know_is_left_out() -> None:
    known = in_a_process("print(len(seccomp.build().program))")
    said = in_a_process("seccomp.FATAL += ('no_such_call',)\nprint(len(seccomp.build().program))")
    assert said == known


def test_kernel_that_refuses_is_reported() -> None:
    said = in_a_process(
        "from voxruntime import platform\nplatform.deny_new_privileges()\n"
        "print(seccomp.Filter(bytes([255]) * 16).install())"
    )
    assert said == "off: the kernel, or the container, refused: Invalid argument"


def test_session_process_that_the_filter_ended_is_told_apart(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    os.kill(scenario.process.pid, signal.SIGSYS)
    with pytest.raises(ScenarioError, match="left the sandbox") as caught:
        scenario.load("x = 1")
    assert caught.value.code == "scenario.breakout"
