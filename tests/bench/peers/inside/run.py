"""Runs sessions of one system and prints their figures as JSON: `run.py SYSTEM URL SESSIONS SECONDS BENCH_FOLDER`.

Runs in the environment of the peers, which has no voxrt. A system is a module beside this one whose coroutine
`talk(url, track, started)` is one session: it takes a frame from the track each 20 ms on an absolute clock, and gives it
what comes back.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

SYSTEM, URL, SESSIONS, SECONDS, FOLDER = sys.argv[1:]
sys.path.insert(0, FOLDER)

from pulses import PulseTrack, figures

RATE = 8000
WAVE, WAVE_S, SETTLE_S = 5, 0.5, 4.0


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def measure(count: int, seconds: float) -> dict[str, object]:
    talk = importlib.import_module(SYSTEM).talk
    tracks, tasks, empty_mb = [], [], rss_mb()
    while len(tracks) < count:
        for _ in range(min(WAVE, count - len(tracks))):
            track, started = PulseTrack(RATE, len(tracks)), asyncio.Event()
            tracks.append(track)
            tasks.append(asyncio.create_task(talk(URL, track, started)))
        await asyncio.wait_for(started.wait(), 30)
        await asyncio.sleep(WAVE_S)
    gc.collect()
    gc.freeze()
    await asyncio.sleep(SETTLE_S)
    used, begun = time.process_time(), time.monotonic()
    for track in tracks:
        track.is_measured = True
    await asyncio.sleep(seconds)
    for track in tracks:
        track.is_measured = False
    lasted, cpu = time.monotonic() - begun, time.process_time() - used
    assert not any(task.done() for task in tasks), "a session has ended"
    return {
        "sessions": count,
        **figures(tracks, lasted, has_output_clock=False),
        "cpu_ms_per_session_s": round(cpu * 1000 / lasted / count, 3),
        "core_pct": round(cpu * 100 / lasted, 1),
        "rss_per_session_mb": round((rss_mb() - empty_mb) / count, 3),
    }


if __name__ == "__main__":
    try:
        print(
            json.dumps(asyncio.new_event_loop().run_until_complete(measure(int(SESSIONS), float(SECONDS)))),
            flush=True,
        )
    except (AssertionError, TimeoutError, ValueError):
        traceback.print_exc()
        os._exit(1)
    # Sessions talk for ever, and nothing of theirs has to be kept.
    os._exit(0)
