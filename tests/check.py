"""Checks everything, as continuous integration does: `python tests/check.py`.

Runs every step whatever the others say, prints one line for each, and exits with 1 when any failed. A step
whose outside tool is missing is skipped and says how to install it; with CI=true that is a failure. The real service is
called where its keys are set; elsewhere that step says that it was not run.

    python tests/check.py            all steps
    python tests/check.py --lua      the Lua steps alone
    python tests/check.py --fix      formats Python and Lua in place, checks nothing else
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
STYLUA = TESTS / "node_modules" / "@johnnymorganz" / "stylua"
PEERS_ENVIRONMENT = TESTS / "conformance" / "realtime" / "peers" / "environment.py"

INSTALL_PYTHON = "pip install -e '.[dev,speech]'"
INSTALL_LUACHECK = "apt-get install lua-check"
INSTALL_NODE = "apt-get install nodejs npm"
INSTALL_STYLUA = (
    "npm install --no-save --no-package-lock --no-audit --no-fund --prefix tests @johnnymorganz/stylua@2.5.2"
)

LIVE_KEYS = ("YANDEX_API_KEY", "YANDEX_FOLDER_ID")

STEP_TIMEOUT_S = 300
PEERS_TIMEOUT_S = 900
TESTS_TIMEOUT_S = 3000
WORKERS = "3"
"""One more than the cores of a small machine: whole calls last their time, in which a core has little to do."""
HANG_REPORT_S = 180
"""Seconds of one test after which pytest prints where every thread stands."""


@dataclass(frozen=True)
class Outcome:
    """How one step ended; `detail` is shown when it did not pass."""

    status: str
    detail: str = ""


Step = Callable[[], Outcome]


def run(command: Sequence[str | Path], *, timeout: float = STEP_TIMEOUT_S) -> Outcome:
    """Runs a command quietly; its output becomes the detail of a failure."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome("failed", f"no end after {timeout:.0f} s: {shlex.join(map(str, command))}")
    output = done.stdout.decode(errors="replace").rstrip()
    return Outcome("ok", output) if done.returncode == 0 else Outcome("failed", output)


def python(module: str, *arguments: str | Path) -> Outcome:
    """Runs a module of this interpreter, so that no activated environment is needed."""
    outcome = run([sys.executable, "-m", module, *arguments])
    if outcome.status == "failed" and f"No module named {module}" in outcome.detail:
        return Outcome("failed", f"{module} is not installed here; run: {INSTALL_PYTHON}")
    return outcome


def missing(tool: str, remedy: str) -> Outcome:
    """A tool that pip cannot bring: no fault on somebody's machine, one in continuous integration."""
    status = "failed" if os.environ.get("CI") == "true" else "skipped"
    return Outcome(status, f"{tool} is not installed; run: {remedy}")


# Steps


def ruff_format() -> Outcome:
    return python("ruff", "format", "--check", ".")


def ruff_check() -> Outcome:
    return python("ruff", "check", ".")


def types() -> Outcome:
    return python("mypy")


def layers() -> Outcome:
    return python("pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_layers.py")


def lua_files() -> list[str]:
    found = [path for folder in ("stdlib", "scenarios") for path in (ROOT / folder).rglob("*.lua")]
    return [str(path.relative_to(ROOT)) for path in sorted(found)]


def stylua(mode: str) -> Outcome:
    if shutil.which("node") is None:
        return missing("node", INSTALL_NODE)
    if not STYLUA.is_dir():
        return missing("StyLua", INSTALL_STYLUA)
    config = tomllib.loads((ROOT / "stdlib" / "stylua.toml").read_text(encoding="utf-8"))
    return run(["node", TESTS / "stylua.mjs", mode, json.dumps(config), *lua_files()])


def lua_format() -> Outcome:
    return stylua("check")


def lua_check() -> Outcome:
    if shutil.which("luacheck") is None:
        return missing("luacheck", INSTALL_LUACHECK)
    config = ["--config", "stdlib/.luacheckrc", "--no-cache"]
    return run(["luacheck", "--quiet", "--codes", "--no-color", *config, *lua_files()])


def peers() -> Outcome:
    """Makes the environment of the independent realtime clients; without it the tests that need it are skipped."""
    outcome = run([sys.executable, PEERS_ENVIRONMENT], timeout=PEERS_TIMEOUT_S)
    if outcome.status == "ok":
        return Outcome("ok")
    status = "failed" if os.environ.get("CI") == "true" else "skipped"
    return Outcome(status, f"no independent clients: {outcome.detail}")


def tests() -> Outcome:
    """Runs pytest in full view, measuring coverage; its last line becomes the detail."""
    command = [sys.executable, "-m", "pytest", "-W", "error", "-n", WORKERS, "--dist", "loadfile"]
    command += ["--cov", "--cov-report=", "-o", f"faulthandler_timeout={HANG_REPORT_S}"]
    closing = ""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watchdog = threading.Timer(TESTS_TIMEOUT_S, process.kill)
        watchdog.start()
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            closing = line.strip() or closing
        watchdog.cancel()
    return Outcome("ok" if process.returncode == 0 else "failed", closing.strip("= "))


def live() -> Outcome:
    """Calls the real service where keys are given. Where they are not, nothing is skipped: nobody has to have them."""
    absent = [name for name in LIVE_KEYS if not os.environ.get(name)]
    if absent:
        return Outcome("not run", f"no key: {' and '.join(absent)} not set, the real service is not called")
    return python("pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "tests/live")


def coverage() -> Outcome:
    """Reports the modules with the largest holes, and the total."""
    outcome = python("coverage", "report", "--skip-covered", "--sort=cover")
    if outcome.status != "ok":
        return outcome
    lines = [line for line in outcome.detail.splitlines() if line.strip()]
    rows = [line for line in lines if re.match(r"runtime/", line)]
    total = next((line for line in lines if line.startswith("TOTAL")), "TOTAL ?")
    return Outcome("ok", "\n".join([*rows[:10], total]))


STEPS: list[tuple[str, Step]] = [
    ("ruff format", ruff_format),
    ("ruff check", ruff_check),
    ("mypy strict", types),
    ("layers", layers),
    ("Lua format", lua_format),
    ("Lua check", lua_check),
    ("peers", peers),
    ("tests", tests),
    ("live", live),
    ("coverage", coverage),
]
LUA_STEPS = [step for step in STEPS if step[0].startswith("Lua")]
SPEAKING = {"tests", "coverage"}
"""Steps whose detail is worth reading when they passed."""


def perform(steps: list[tuple[str, Step]]) -> int:
    lines = []
    closing = ""
    for name, step in steps:
        if name == "tests":
            print("tests:", flush=True)
        began = time.monotonic()  # noqa: TID251  # the checker itself runs in real time
        outcome = step()
        seconds = time.monotonic() - began  # noqa: TID251
        line = f"{outcome.status:7}  {name:12} {seconds:6.1f} s"
        if outcome.status in ("skipped", "not run"):
            line += f"  {outcome.detail}"
        lines.append((outcome.status, line))
        print(line, flush=True)
        if name == "tests":
            closing = outcome.detail
        elif outcome.detail and (outcome.status == "failed" or name in SPEAKING):
            print(outcome.detail, flush=True)
    statuses = Counter(status for status, _ in lines)
    print("\n" + "\n".join(line for _, line in lines))
    print(", ".join(f"{count} steps {status}" for status, count in statuses.items()))
    if closing:
        print(closing)
    return 1 if statuses["failed"] else 0


def fix() -> int:
    outcomes = [python("ruff", "check", "--fix-only", "."), python("ruff", "format", "."), stylua("fix")]
    for outcome in outcomes:
        print(outcome.detail)
    return 1 if any(outcome.status == "failed" for outcome in outcomes) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks everything, as continuous integration does.")
    parser.add_argument("--lua", action="store_true", help="check the Lua alone")
    parser.add_argument("--fix", action="store_true", help="format Python and Lua in place, and stop")
    options = parser.parse_args()
    if options.fix:
        return fix()
    return perform(LUA_STEPS if options.lua else STEPS)


if __name__ == "__main__":
    sys.exit(main())
