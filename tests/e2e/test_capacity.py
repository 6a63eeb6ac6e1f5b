"""The capacity benchmark measures whole sessions, plain and over TLS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CAPACITY = Path(__file__).parents[1] / "bench" / "capacity.py"
FIGURES = (
    "engine_cpu_ms_per_session_s",
    "scenario_cpu_ms_per_session_s",
    "in_late_p99",
    "out_late_p99",
    "lat_p50",
    "lat_p99",
    "rss_per_session_mb",
    "audio_out_ratio",
)


def test_three_sessions_over_tls_hear_their_own_pulses() -> None:
    command = [sys.executable, str(CAPACITY), "--sessions", "3", "--secs", "1.5", "--settle", "0.5", "--tls"]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True)
    result = json.loads(done.stdout)
    assert result["sessions"] == 3
    assert result["tls"]
    assert all(result[name] > 0 for name in FIGURES), result
