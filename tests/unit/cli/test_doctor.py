from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from voxruntime.speech.availability import PARTS

COMMAND = "from voxruntime.cli.doctor import doctor_command; doctor_command()"

HEALTHY = "import sys\n"

SICK = """
import sys
from voxruntime.cli import doctor
sys.modules["pocketsphinx"] = None
doctor.TRIAL = "error('on purpose')"
doctor.LIST_DEVICES = "import sys; print('noise of a driver', file=sys.stderr); sys.exit('error: no PortAudio')"
doctor.capabilities = lambda: {"fifo": "refused: no privilege", "pidfd": "not on this system", "timerfd": "on"}
"""


CRAMPED = """
import os, resource, socket
from types import SimpleNamespace
from voxruntime.cli import doctor, doctor_machine
doctor.missing_parts = lambda: doctor.PARTS
doctor.LIST_DEVICES = "raise SystemExit(1)"
doctor.weaknesses = lambda isolation: ["seccomp is off"]
# Its own view alone: real-time scheduling reads its limit too.
doctor_machine.os = SimpleNamespace(
    geteuid=lambda: 1000, getuid=os.getuid, listdir=os.listdir, strerror=os.strerror
)
doctor_machine.resource = SimpleNamespace(
    getrlimit=lambda kind: (20, 4096),
    RLIMIT_NPROC=resource.RLIMIT_NPROC,
    RLIMIT_NOFILE=resource.RLIMIT_NOFILE,
    RLIM_INFINITY=resource.RLIM_INFINITY,
)
taken = socket.create_server(("127.0.0.1", 0))
doctor_machine.EMULATOR_PORT = taken.getsockname()[1]
doctor_machine.DISK_BYTES = 1 << 60
doctor_machine.EXTRAS = {"more": ("nowhere_to_be_found", "nothing")}
"""


def examine(
    setup: str, *arguments: str, exit_code: int = 0, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, since it asks for real-time scheduling."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("YANDEX_")}
    done = subprocess.run(
        [sys.executable, "-c", f"{setup}{COMMAND}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=kept | (env or {}),
        check=False,
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def healthy() -> dict[str, object]:
    """The report of a machine on which these tests run."""
    report = json.loads(examine(HEALTHY, "--json").stdout)
    assert isinstance(report, dict)
    return report


@pytest.fixture(scope="module")
def sick() -> dict[str, dict[str, str]]:
    """The findings on a machine with every fault."""
    report = json.loads(examine(SICK, "--json", exit_code=1).stdout)
    assert report["ok"] is False
    return {finding["name"]: finding for finding in report["findings"]}


def test_a_machine_that_runs_sessions_is_well(healthy: dict[str, object]) -> None:
    assert healthy["ok"] is True
    assert healthy["version"]
    findings = healthy["findings"]
    assert isinstance(findings, list)
    assert [finding["name"] for finding in findings] == [
        "python",
        "session",
        "confinement",
        "speech",
        "sound",
        "scheduling",
        "kernel",
        "processes",
        "descriptors",
        "ports",
        "disk",
        "extras",
        "provider",
        "licences",
    ]
    assert all(finding["status"] in ("ok", "limited") for finding in findings)
    assert all(finding["detail"] for finding in findings)
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in findings[0]["detail"]


def test_whatever_is_limited_comes_with_its_remedy(healthy: dict[str, object]) -> None:
    findings = healthy["findings"]
    assert isinstance(findings, list)
    assert all(finding["fix"] for finding in findings if finding["status"] == "limited")


def test_the_licences_name_what_is_gpl_and_that_the_base_has_none(healthy: dict[str, object]) -> None:
    findings = healthy["findings"]
    assert isinstance(findings, list)
    assert "espeakng-loader GPL-3.0-or-later" in findings[-1]["detail"]
    assert "no GPL part in the base installation" in findings[-1]["detail"]


def test_nothing_that_is_gpl_is_loaded_by_looking() -> None:
    check = "import atexit, sys\natexit.register(lambda: print('espeakng_loader' in sys.modules))\n"
    assert examine(check).stdout.splitlines()[-1] == "False"


def test_a_session_that_fails_is_a_problem_and_tells_why(sick: dict[str, dict[str, str]]) -> None:
    assert sick["session"]["status"] == "problem"
    assert "on purpose" in sick["session"]["detail"]


def test_missing_parts_of_speech_are_named_with_what_installs_them(sick: dict[str, dict[str, str]]) -> None:
    assert sick["speech"]["status"] == "limited"
    assert "not installed: pocketsphinx (recognition)" in sick["speech"]["detail"]
    assert sick["speech"]["fix"] == "pip install 'voxruntime[speech]'"
    assert "pocketsphinx BSD-2-Clause (not installed)" in sick["licences"]["detail"]


def test_sound_that_cannot_be_used_gives_its_reason(sick: dict[str, dict[str, str]]) -> None:
    assert sick["sound"]["status"] == "limited"
    assert sick["sound"]["detail"] == "no PortAudio"


def test_refused_scheduling_and_an_old_kernel_limit_but_do_not_stop(sick: dict[str, dict[str, str]]) -> None:
    assert sick["scheduling"]["status"] == "limited"
    assert "refused: no privilege" in sick["scheduling"]["detail"]
    assert sick["kernel"]["status"] == "limited"
    assert sick["kernel"]["detail"] == "pidfd: not on this system"


def test_what_may_run_out_is_said_with_what_raises_it() -> None:
    report = json.loads(examine(CRAMPED, "--json").stdout)
    assert report["ok"] is True
    findings = {finding["name"]: finding for finding in report["findings"]}
    for name, detail, fix in [
        ("confinement", "seccomp is off", "ordinary user"),
        ("processes", "of 20", "ulimit -u"),
        ("descriptors", "may open 20", "ulimit -n 1024"),
        ("ports", "is not free", "--port 0"),
        ("disk", "GiB free", "Make room"),
        ("extras", "more (nothing)", "pip install 'voxruntime[more]'"),
    ]:
        assert findings[name]["status"] == "limited", name
        assert detail in findings[name]["detail"]
        assert fix in findings[name]["fix"]


LEAN = """
from voxruntime.cli import doctor
doctor.missing_parts = lambda: doctor.PARTS
doctor.LIST_DEVICES = "raise SystemExit(1)"
"""


def provider_finding(
    *arguments: str, exit_code: int = 0, env: dict[str, str] | None = None
) -> dict[str, str]:
    report = json.loads(examine(LEAN, "--json", *arguments, exit_code=exit_code, env=env).stdout)
    (finding,) = [finding for finding in report["findings"] if finding["name"] == "provider"]
    return dict(finding)


def test_a_provider_is_asked_only_when_it_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/"
    found = provider_finding("--provider", url, exit_code=1, env={"YANDEX_API_KEY": "AQVN-secret-key"})
    assert found["status"] == "problem"
    assert "127.0.0.1" in found["detail"]
    assert "AQVN" not in found["detail"]
    assert "--provider emulator" in found["fix"]


def test_a_provider_that_takes_the_key_is_well() -> None:
    assert "opened a session" in provider_finding("--provider", "emulator")["detail"]


def test_a_missing_key_is_a_finding_and_a_wrong_option_a_mistake(tmp_path: Path) -> None:
    found = provider_finding("--provider", "yandex", exit_code=1)
    assert (found["status"], found["detail"]) == ("problem", "there is no key for Yandex AI Studio")
    assert ".env" in found["fix"]
    assert "expected yandex, emulator" in examine(LEAN, "--provider", "x", exit_code=2).stderr
    assert "none.env" in examine(LEAN, "--env-file", str(tmp_path / "none.env"), exit_code=2).stderr


def test_lines_for_people_end_in_a_verdict_and_never_show_a_key() -> None:
    hanging = (
        "from voxruntime.cli import doctor\n"
        "doctor.LIST_DEVICES = 'import signal; signal.pause()'\n"
        "doctor.DEVICES_S = 0.2\n"
    )
    keys = {"YANDEX_API_KEY": "AQVN-secret-key", "YANDEX_FOLDER_ID": "b1g-folder"}
    shown = examine(hanging, env=keys).stdout
    assert "sound system did not answer within 0.2 s" in shown
    assert "Yandex AI Studio answers" in shown
    assert "AQVN" not in shown
    assert "b1g-folder" not in shown
    assert shown.splitlines()[-1].endswith("works here.")


def test_the_notice_names_every_part_that_is_gpl() -> None:
    notice = (Path(__file__).parents[3] / "NOTICE").read_text(encoding="utf-8")
    gpl = [part.name for part in PARTS if part.licence.startswith("GPL")]
    assert gpl
    assert all(name in notice for name in gpl)
