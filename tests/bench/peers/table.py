"""Prints what Pipecat, a bare asyncio bridge and voxrt need for the same sessions on one core, as a Markdown table.

    python tests/bench/peers/table.py [--voxrt 50,100,200] [--tls 50] [--floor 50] [--pipecat 20] [--secs 8] [--json]

All talk to the same echo server, which has a processor of its own, with legs of 8 kHz; see `capacity.py` for what is
measured. Pipecat and the bridge run in an environment of their own, made on the first run (515 MB). They have no
scenario, no mixer, no limits; Pipecat runs without a transport, and neither has an output clock, so their delay ends
where the audio leaves the resampler. The last column is the CPU of a session against the least of voxrt's. What a system
cannot start is a row without figures.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[1]
sys.path.insert(0, str(BENCH))
sys.path.insert(0, str(BENCH.parent))

from capacity import ENGINE_CPU, echo_server
from machine import ONE_THREAD, machine_now

from conformance.realtime.peers.environment import NoEnvironment, python_of

PIPECAT, FLOOR, VOXRT, VOXRT_TLS = "pipecat", "floor", "voxrt", "voxrt, TLS"
COLUMNS = {
    "sessions": "sessions",
    "holds": "holds",
    "core_pct": "core %",
    "cpu_ms_per_session_s": "CPU ms per session-second",
    "rss_per_session_mb": "MB each",
    "in_late_p99": "in late p99",
    "lat_p50": "delay p50",
    "lat_p99": "delay p99",
}


def run_peer(python: Path, system: str, sessions: int, seconds: float) -> dict[str, object]:
    with echo_server(tls=False) as (url, _):
        command = [
            "taskset",
            "--cpu-list",
            str(ENGINE_CPU),
            str(python),
            str(BENCH / "peers" / "inside" / "run.py"),
            system,
            url,
            str(sessions),
            str(seconds),
        ]
        return run([*command, str(BENCH)])


def run_voxrt(sessions: int, seconds: float, *options: str) -> dict[str, object]:
    command = [sys.executable, str(BENCH / "capacity.py"), "--sessions", str(sessions)]
    return run([*command, "--secs", str(seconds), *options])


def run(command: list[str]) -> dict[str, object]:
    done = subprocess.run(command, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, check=False)
    # More sessions than a system can start are an answer too.
    if done.returncode:
        print(f"{command} ended with {done.returncode}", file=sys.stderr)
        return {"holds": False}
    return json.loads(done.stdout)


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compares voxrt with its peers.")
    parser.add_argument("--voxrt", type=numbers, default=[50, 100], help="numbers of sessions")
    parser.add_argument("--tls", type=numbers, default=[], help="numbers of sessions of voxrt, over TLS")
    parser.add_argument("--floor", type=numbers, default=[50], help="numbers of sessions")
    parser.add_argument("--pipecat", type=numbers, default=[20], help="numbers of sessions")
    parser.add_argument("--secs", type=float, default=8.0)
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = parser.parse_args()
    try:
        python = python_of(Path(__file__).with_name("requirements.txt"))
    except NoEnvironment as reason:
        print(reason, file=sys.stderr)
        return 1
    rows = []
    for name, who, sizes in (("pipecat_bridge", PIPECAT, options.pipecat), ("floor", FLOOR, options.floor)):
        rows += [{"sessions": n} | run_peer(python, name, n, options.secs) | {"who": who} for n in sizes]
    rows += [run_voxrt(n, options.secs) | {"who": VOXRT} for n in options.voxrt]
    rows += [run_voxrt(n, options.secs, "--tls") | {"who": VOXRT_TLS} for n in options.tls]
    if options.json:
        print(json.dumps({"rows": rows, **machine_now()}, indent=1))
        return 0
    cpu = [float(str(row.get("cpu_ms_per_session_s", "nan"))) for row in rows]
    own = min(
        (ms for ms, row in zip(cpu, rows, strict=True) if row["who"] == VOXRT and ms > 0), default=math.nan
    )
    print("| system |", " | ".join(COLUMNS.values()), "| × voxrt |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for row, ms in zip(rows, cpu, strict=True):
        cells = " | ".join(str(row.get(name, "–")) for name in COLUMNS)
        print(f"| {row['who']} | {cells} | {ms / own:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
