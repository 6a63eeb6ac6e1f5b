"""The wheel holds all that a run needs: installed alone, somewhere else, it makes a call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from voxrt_command import environment
from voxruntime import __version__

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")

WATCH = """
import os, sys

# Appending: one line a call, whole, also from several processes.
_log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def _watch(event, args):
    if event in ("open", "os.listdir", "os.scandir", "os.posix_spawn", "subprocess.Popen"):
        os.write(_log, (repr((event, args)) + "\\n").encode(errors="replace"))

sys.addaudithook(_watch)
"""
"""Tells what the processes of the environment read, and with which arguments they start others."""


class Installed(msgspec.Struct, frozen=True):
    """The wheel in an environment of its own.

    Attributes:
        folder: The environment.
        seen: What its processes opened and started, a line each.
    """

    folder: Path
    seen: Path

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Runs its `voxrt`."""
        kept = {name: value for name, value in environment(None).items() if not name.startswith("PYTHON")}
        return subprocess.run(
            [self.folder / "bin" / "voxrt", *arguments],
            cwd=cwd,
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def call(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    call([*PIP, "wheel", *build, "--wheel-dir", folder, ROOT])
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Installs the wheel where only its dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("elsewhere") / "environment"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    call([*PIP, "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel])
    (packages,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file is searched, but its own .pth files, one of which names the source tree, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    seen = folder / "seen"
    (packages / "sitecustomize.py").write_text(WATCH.format(log=str(seen)))
    return Installed(folder, seen)


def files_in(folder: Path) -> set[str]:
    """Paths below a folder, without the hidden files of tools."""
    return {
        path.relative_to(folder.parent).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_wheel_holds_what_a_run_needs_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name.removeprefix("voxruntime/") for name in names if name.startswith("voxruntime/")}
    assert files_in(ROOT / "stdlib") <= inside
    assert files_in(ROOT / "scenarios") <= inside
    assert {"scenarios/hello.lua", "scenarios/audio/SOURCES.toml", "stdlib/sandbox.lua", "py.typed"} <= inside
    assert any(name.startswith("scenarios/audio/") and name.endswith(".wav") for name in inside)
    about = f"voxruntime-{__version__}.dist-info"
    assert {f"{about}/licenses/LICENSE", f"{about}/licenses/NOTICE", f"{about}/entry_points.txt"} <= names
    assert {name.split("/")[0] for name in names} == {"voxruntime", about}
    assert not [name for name in names if "test_" in name or "__pycache__" in name]


def test_installed_command_tells_its_version(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout.split()) == (0, ["voxrt,", "version", __version__]), done.stderr


def test_a_project_is_made_from_the_wheel_alone(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("new", "bot", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = installed.run("check", "bot/bot.lua", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    settings = json.loads((tmp_path / "bot" / ".luarc.json").read_text(encoding="utf-8"))
    types = Path(settings["workspace.library"][0])
    assert types.is_relative_to(installed.folder.resolve())
    assert (types / "voxengine.lua").is_file()


def test_bundled_scenario_runs_from_the_wheel_alone(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("run", "hello", "--no-speech", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["result"], report["error"]) == ("terminated", None)
    assert report["calls"][0]["connected_ms"] is not None
    seen = installed.seen.read_text()
    packages = installed.folder.resolve()
    for needed in ("scenarios/hello.lua", "voxruntime/stdlib", "files.io_process"):
        assert needed in seen, needed
    assert str(packages) in seen
    assert str(ROOT) + os.sep not in seen
