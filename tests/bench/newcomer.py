"""How long a newcomer waits: install, make a project, check it, hear it, save an edit, hear that.

Run: python tests/bench/newcomer.py [--installed]   (without it, an environment is made and voxrt installed into it)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

CALLER = 'language = "en-US"\n[[step]]\npause_ms = 15000\n[[step]]\nhangup = true\n'
"""A caller who only listens."""

GUARD = "if not created.reloaded then"


def timed(name: str, *command: str | Path, cwd: Path) -> None:
    began = time.monotonic()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    print(f"{name:38} {time.monotonic() - began:6.2f} s", flush=True)


def wait_for(process: subprocess.Popen[str], text: str, name: str, began: float) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            print(f"{name:38} {time.monotonic() - began:6.2f} s", flush=True)
            return
    raise AssertionError(f"{text!r} was never said")


def hear(voxrt: Path, project: Path, *options: str) -> None:
    """Calls, waits for the agent, edits so that it speaks once more in the same call, and waits for that."""
    (project / "listener.toml").write_text(CALLER, encoding="utf-8")
    began = time.monotonic()
    command = [voxrt, "dev", "bot.lua", "--call", "script:listener.toml", *options]
    process = subprocess.Popen(
        command,
        cwd=project,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        wait_for(process, "agent: ", "voxrt dev: the agent's first words", began)
        scenario = project / "bot.lua"
        text = scenario.read_text(encoding="utf-8")
        assert GUARD in text
        saved = time.monotonic()
        scenario.write_text(text.replace(GUARD, "if true then"), encoding="utf-8")
        wait_for(process, "reloaded bot.lua", "save: the new code is live", saved)
        wait_for(process, "agent: ", "save: the agent's next words", saved)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--installed", action="store_true", help="use the voxrt beside this Python")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        voxrt = Path(sys.executable).parent / "voxrt"
        if not arguments.installed:
            environment = folder / "environment"
            timed("an environment", sys.executable, "-m", "venv", environment, cwd=folder)
            pip = environment / "bin" / "pip"
            timed("pip install '.[speech]'", pip, "install", "--quiet", f"{ROOT}[speech]", cwd=folder)
            voxrt = environment / "bin" / "voxrt"
        timed("voxrt new bot", voxrt, "new", "bot", cwd=folder)
        timed("voxrt check bot.lua", voxrt, "check", "bot.lua", cwd=folder / "bot")
        hear(voxrt, folder / "bot")


if __name__ == "__main__":
    main()
