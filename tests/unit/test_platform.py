"""What only Linux can do, and what is said where it cannot be done."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from voxruntime import platform
from voxruntime.clock import real_now
from voxruntime.errors import ConfigError


def start(code: str) -> platform.Process:
    """A child that runs Python code."""
    arguments = [sys.executable, "-I", "-S", "-c", code]
    return platform.Process(os.posix_spawn(sys.executable, arguments, {}))


def run(code: str) -> str:
    """What Python code prints in a process of its own, which may change its limits."""
    command = [sys.executable, "-c", "from voxruntime import platform\n" + textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def await_end(process: platform.Process) -> None:
    descriptor = process.fileno()
    assert descriptor is not None
    assert select.select([descriptor], [], [], 20)[0]


def test_windows_gets_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ConfigError, match="WSL2") as caught:
        platform.check_supported()
    assert caught.value.code == "platform.windows"


def test_this_system_is_supported() -> None:
    platform.check_supported()


@pytest.mark.parametrize(
    ("code", "expected", "text"),
    [
        ("raise SystemExit(3)", platform.Exited(status=3), "with status 3"),
        ("pass", platform.Exited(), "with status 0"),
        ("import os; os.kill(os.getpid(), 9)", platform.Exited(killed_by=signal.SIGKILL), "by SIGKILL"),
        ("import os; os.kill(os.getpid(), 40)", platform.Exited(killed_by=40), "by signal 40"),
    ],
)
def test_process_tells_how_it_ended(code: str, expected: platform.Exited, text: str) -> None:
    process = start(code)
    await_end(process)
    assert process.poll() == expected
    assert process.poll() == process.wait() == expected
    assert str(expected) == text
    process.close()


def test_process_is_waited_for_without_blocking() -> None:
    process = start("import time; time.sleep(600)")
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait() == platform.Exited(killed_by=signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.close()
    process.close()


def test_process_that_somebody_else_waited_for_counts_as_ended() -> None:
    process = start("pass")
    os.waitpid(process.pid, 0)
    assert process.poll() == platform.Exited()
    process.send_signal(signal.SIGKILL)
    process.close()
    assert platform.Process(process.pid).poll() == platform.Exited()


def test_orphans_are_adopted() -> None:
    printed = run(
        """
        import os
        assert platform.adopt_orphans() == "on"
        report, write = os.pipe()
        if os.fork() == 0:
            grandchild = os.fork()
            if grandchild != 0:
                os.write(write, str(grandchild).encode())
                os._exit(0)
            os._exit(7)
        os.wait()
        grandchild = int(os.read(report, 20))
        print(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
        """
    )
    assert printed == "7"


def test_privileges_are_denied_for_good() -> None:
    printed = run(
        """
        print(platform.deny_new_privileges())
        print([line for line in open("/proc/self/status") if line.startswith("NoNewPrivs")][0].split()[1])
        """
    )
    assert printed.split() == ["on", "1"]


def test_child_dies_with_its_parent() -> None:
    child = run(
        """
        import os, subprocess, sys
        code = "from voxruntime import platform; platform.die_with_parent(); print('set', flush=True); input()"
        keep, _ = os.pipe()
        child = subprocess.Popen([sys.executable, "-c", code], stdin=keep, stdout=subprocess.PIPE)
        child.stdout.readline()
        print(child.pid, flush=True)
        os._exit(0)
        """
    )
    try:
        descriptor = os.pidfd_open(int(child))
    except ProcessLookupError:
        return
    assert select.select([descriptor], [], [], 20)[0]
    os.close(descriptor)


def test_adoption_is_waited_for() -> None:
    printed = run(
        """
        import os
        engine = os.getpid()
        platform.adopt_orphans()
        middle = os.fork()
        if middle == 0:
            middle = os.getpid()
            if os.fork() == 0:
                platform.await_adoption(middle)
                print(os.getppid() == engine, flush=True)
            os._exit(0)
        os.wait(), os.wait()
        """
    )
    assert printed == "True"


def test_limits_are_lowered_and_never_raised() -> None:
    printed = run(
        """
        import resource
        print(platform.limit_resource(resource.RLIMIT_NOFILE, 50), resource.getrlimit(resource.RLIMIT_NOFILE))
        print(platform.limit_resource(resource.RLIMIT_NOFILE, 5000), resource.getrlimit(resource.RLIMIT_NOFILE))
        print(platform.limit_resource(999, 1).split(":")[0])
        """
    )
    assert printed.splitlines() == ["on (50, 50)", "on (50, 50)", "refused"]


def test_child_gets_a_lower_priority_also_where_sessions_are_groups() -> None:
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code], stdin=subprocess.PIPE, start_new_session=True
    ) as child:
        assert platform.lower_priority(child.pid) == platform.GRANTED
        assert platform.lower_priority(child.pid) == platform.GRANTED
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == platform.NICE
        group = Path(f"/proc/{child.pid}/autogroup")
        # Anybody but root may change one only ten times a second.
        assert os.geteuid() != 0 or not group.exists() or group.read_text().split()[-1] == str(platform.NICE)
    assert platform.lower_priority(child.pid).startswith("refused")


def test_memory_of_processes_is_read() -> None:
    own = platform.pss_bytes(os.getpid())
    assert own is not None
    assert 1_000_000 < own < 10_000_000_000
    mapped = platform.address_space_bytes()
    assert mapped is not None
    assert mapped > own
    assert platform.pss_bytes(2**22 + 1) is None


def test_fifo_scheduling_is_granted_or_says_why() -> None:
    printed = run(
        """
        import os
        outcome = platform.request_fifo(5, 1.0, lambda: None)
        print(outcome.granted, os.sched_getscheduler(0) & 0xFF == os.SCHED_FIFO)
        print(outcome.message)
        if os.fork() == 0:
            print(os.sched_getscheduler(0) == os.SCHED_OTHER, flush=True)
            os._exit(0)
        os.wait()
        """
    ).splitlines()
    granted, is_fifo = printed[0].split()
    assert granted == is_fifo
    assert printed[1].startswith(
        "real-time scheduling on" if granted == "True" else "real-time scheduling refused"
    )
    assert "True" in printed


def test_one_thread_may_have_fifo_scheduling_alone() -> None:
    printed = run(
        """
        import os, threading
        def ask():
            granted = platform.request_thread_fifo(5)
            print(granted == (os.sched_getscheduler(0) & 0xFF == os.SCHED_FIFO))
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        print(os.sched_getscheduler(0) == os.SCHED_OTHER)
        os.sched_setscheduler = lambda *_: os.close(-1)
        print(platform.request_thread_fifo(5))
        """
    ).splitlines()
    assert printed == ["True", "True", "False"]


def test_runaway_under_fifo_scheduling_drops_to_normal_and_goes_on() -> None:
    printed = run(
        """
        import os
        dropped = []
        outcome = platform.request_fifo(5, 0.1, lambda: dropped.append(True))
        while outcome.granted and not dropped:
            pass
        print(os.sched_getscheduler(0) & 0xFF == os.SCHED_OTHER)
        """
    )
    assert printed == "True"


def test_interval_timer_fires_at_its_times() -> None:
    assert platform.has_interval_timer()
    timer = platform.IntervalTimer(real_now() + 0.01, 0.001)
    assert timer.expirations() == 0
    assert select.select([timer.fileno()], [], [], 20)[0]
    assert timer.expirations() >= 1
    timer.close()


def test_interval_timer_reports_every_time_that_has_passed() -> None:
    timer = platform.IntervalTimer(real_now() - 1.0, 0.02)
    assert timer.expirations() >= 50
    timer.close()


def test_capabilities_name_each_thing() -> None:
    found = platform.capabilities()
    assert {"pidfd", "subreaper", "no_new_privs", "timerfd", "fifo", "pss"} <= set(found)
    assert all(state == "on" or len(state) > 5 for state in found.values())
    assert found["pidfd"] == "on"


def test_other_systems_say_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "IS_LINUX", False)
    assert platform.adopt_orphans() == platform.UNSUPPORTED
    assert platform.deny_new_privileges() == platform.UNSUPPORTED
    assert platform.die_with_parent() == platform.UNSUPPORTED
    assert not platform.request_fifo(5, 1.0, lambda: None).granted
    assert not platform.request_thread_fifo(5)
    assert not platform.has_interval_timer()
    assert set(platform.capabilities().values()) <= {platform.UNSUPPORTED, platform.GRANTED}


def test_process_without_pidfd_is_handled_by_pid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "IS_LINUX", False)
    process = start("import time; time.sleep(600)")
    assert process.fileno() is None
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait() == platform.Exited(killed_by=signal.SIGKILL)
    process.send_signal(signal.SIGKILL)
    foreign = platform.Process(os.getppid())
    assert foreign.poll() is None
    process.close()
