"""What the benchmarks share: percentiles, CPU time, and how much of the machine was theirs."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""As the command line sets it: a matrix product must not wait for a thread without real-time scheduling."""

BURN = "while True: pass"


def percentiles(values_ms: Sequence[float], *shares: int) -> dict[str, float]:
    """Returns `p50`, `p99` and so on, and `max`; p50 and p99 when no share is named."""
    found = {f"p{share}": round(float(np.percentile(values_ms, share)), 3) for share in shares or (50, 99)}
    return found | {"max": round(max(values_ms), 3)}


def medians(repeats: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the median of each figure over repeated measurements."""
    return {name: round(statistics.median(one[name] for one in repeats), 3) for name in repeats[0]}


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, to the nanosecond; 0.0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def environment() -> dict[str, str]:
    """Returns the environment of a user: no provider, and Python's byte code is kept from run to run."""
    ours = ("YANDEX_", "VOXRT_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def machine_now() -> dict[str, object]:
    """Returns what the figures were measured on."""
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_1m": os.getloadavg()[0],
    }


def spin_ms() -> float:
    """Returns what CPU 100,000 additions in Python take at the speed of this moment, in ms.

    A shared processor's speed changes twofold within seconds, so this is to be asked all through a measurement.
    """
    begun = time.process_time()
    total = 0
    for number in range(10_000):
        total += number & 7
    return (time.process_time() - begun) * 10_000


class Stolen:
    """The share of processor time that the hypervisor gave to others since this was made."""

    def __init__(self) -> None:
        self._begin = self._read()

    def percent(self) -> float:
        spent = [now - then for now, then in zip(self._read(), self._begin, strict=True)]
        return round(100 * spent[7] / sum(spent), 2)

    @staticmethod
    def _read() -> list[int]:
        # user nice system idle iowait irq softirq steal; what follows is counted in user already.
        return [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


@contextmanager
def burning(count: int) -> Iterator[None]:
    """Keeps processes busy while the block runs."""
    started = [subprocess.Popen([sys.executable, "-I", "-S", "-c", BURN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()
