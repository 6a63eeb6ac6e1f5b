"""Makes the Python environment of the independent clients: once per set of pins, shared by everything that tests.

The clients need an older `websockets` than voxrt may have, so they cannot live beside it. Run as a program it makes the
environment and prints where it is: `python tests/conformance/realtime/peers/environment.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

_CREATE_TIMEOUT_S = 120
_INSTALL_TIMEOUT_S = 600


class NoEnvironment(Exception):
    """The environment could not be made; the text says why."""


def python_of(requirements: Path = REQUIREMENTS) -> Path:
    """Returns the interpreter of the environment with these pins, which is made if it is not there.

    Raises:
        NoEnvironment: It cannot be made here, most often because pip reaches no index.
    """
    folder = _cache() / f"{requirements.parent.name}-{_key(requirements)}"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    with _locked(folder.with_suffix(".lock")):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(folder)], _CREATE_TIMEOUT_S)
            _install(python, requirements)
            complete.touch()
    return python


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "voxrt-tests"


def _key(requirements: Path) -> str:
    parts = (requirements.read_text(encoding="utf-8"), sys.version, sys.base_prefix)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _install(python: Path, requirements: Path) -> None:
    # What is never imported need not be compiled, and an index that is not there is not asked five times.
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--prefer-binary", "--retries", "1"]
    _run([str(python), "-m", "pip", "install", *options, "-r", str(requirements)], _INSTALL_TIMEOUT_S)


def _run(command: list[str], timeout: float) -> None:
    # An environment of its own: nothing of the one that runs the tests may be seen by the clients.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise NoEnvironment(f"{' '.join(command[1:4])} did not end in {timeout:.0f} s") from None
    except subprocess.CalledProcessError as error:
        lines = error.stdout.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise NoEnvironment(f"{' '.join(command[1:4])}: {lines[-1]}") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lets one process at a time look at the environment or make it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise NoEnvironment(f"{path.parent} cannot be written: {error.strerror}") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        print(python_of())
    except NoEnvironment as reason:
        sys.exit(str(reason))
