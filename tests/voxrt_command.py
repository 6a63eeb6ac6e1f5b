"""Runs the `voxrt` command as a user does: a process of its own, its two outputs, its exit code, its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

import traffic

VOXRT = Path(sys.executable).parent / "voxrt"


@dataclass(frozen=True)
class Finished:
    """One run of `voxrt` that has ended.

    Attributes:
        exit_code: Negative: killed by that signal.
        files: What is in the folder now, by path relative to it.
    """

    exit_code: int
    stdout: str
    stderr: str
    folder: Path
    files: list[str]

    @property
    def report(self) -> dict[str, object]:
        """The object of `--json`: all that stdout holds."""
        parsed = json.loads(self.stdout)
        assert isinstance(parsed, dict), self.stdout
        return parsed

    @property
    def log(self) -> list[str]:
        """The texts of the scenario's log, from `--json`."""
        entries = self.report["log"]
        assert isinstance(entries, list)
        return [entry["text"] for entry in entries]


class RunVoxrt(Protocol):
    """See `run_voxrt`."""

    def __call__(
        self,
        *arguments: str | Path,
        exit_code: int = 0,
        timeout: float = 60.0,
        env: Mapping[str, str] | None = None,
    ) -> Finished: ...


class StartVoxrt(Protocol):
    """See `start_voxrt`."""

    def __call__(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]: ...


def environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """Returns this process's environment without keys that would make a run call a real provider."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("YANDEX_", "VOXRT_"))}
    return kept | dict(extra or {})


def check_output(output: str) -> None:
    """No run may end in a Python traceback, whatever went wrong."""
    assert "Traceback (most recent call last)" not in output, output
    assert "Exception ignored" not in output, output


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Reads stderr up to the line that holds `text`."""
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} was never said:\n{seen}")


def run_in(
    folder: Path,
    *arguments: str | Path,
    exit_code: int = 0,
    timeout: float = 60.0,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Runs `voxrt ARGUMENTS` in a folder and checks its exit code; see `run_voxrt`."""
    done = subprocess.run(
        [VOXRT, *arguments],
        cwd=folder,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        text=True,
        check=False,
    )
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    check_output(done.stdout + done.stderr)
    if "--events" in arguments:
        log = folder / arguments[arguments.index("--events") + 1]
        if log.is_file():
            traffic.record_event_log(log)
    assert done.returncode == exit_code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return Finished(done.returncode, done.stdout, done.stderr, folder, files)


@pytest.fixture
def run_voxrt(tmp_path: Path) -> RunVoxrt:
    """Runs `voxrt ARGUMENTS` in the test's own folder and checks its exit code.

    Fails when the process does not end in `timeout` seconds, or prints a Python traceback.
    """

    def run(
        *arguments: str | Path,
        exit_code: int = 0,
        timeout: float = 60.0,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        return run_in(tmp_path, *arguments, exit_code=exit_code, timeout=timeout, env=env)

    return run


@pytest.fixture
def start_voxrt(tmp_path: Path) -> Iterator[StartVoxrt]:
    """Starts `voxrt ARGUMENTS` and returns the process, for tests that signal it; what still runs is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [VOXRT, *arguments],
            cwd=tmp_path,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        # Reads to the end and closes the pipes.
        process.communicate()
