"""Prints, as one JSON object, what the jitter buffer makes of recorded speech on bad networks.

    python tests/bench/jitter.py

`lost` is the part of the speech whose packets never came, `concealed` the part that was made up, `delay_ms` how much later
sound was heard than it arrived on an even network (p50, p90), `holes` the stretches of 10 to 150 ms within speech that are
20 dB below what is around them, beside those of the speech itself. `aiortp` is the playout of that library (`pip install
aiortp==0.8.0`), null where it is not installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import time
import wave
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import PCM16, decode
from voxruntime.audio.resample import convert
from voxruntime.media.jitter import JitterBuffer

RATE, PACKET = 8000, 160
TRANSIT_S, PHASE_S = 0.03, 0.007
OVERTAKEN_S, SPIKE_S = 0.045, 0.1
"""Delay of a packet that the two sent after it overtake; of one that the network has held back."""
LOUD_DBFS, HOLE_DB = -35.0, 20.0
AUDIO = Path(__file__).resolve().parents[2] / "scenarios" / "audio"

NETWORKS: dict[str, dict[str, float]] = {
    "even": {},
    "jitter 5 ms": {"jitter_s": 0.005},
    "jitter 20 ms": {"jitter_s": 0.02},
    "loss 5 %": {"loss": 0.05, "jitter_s": 0.005},
    "bursts of 60 ms": {"bursts": 0.01, "jitter_s": 0.005},
    "reordering 10 %": {"reordered": 0.1, "jitter_s": 0.002},
    "duplicates 10 %": {"duplicates": 0.1, "jitter_s": 0.01},
    "silence is not sent (DTX)": {"dtx_dbfs": -45.0, "jitter_s": 0.005},
    "spikes of 100 ms": {"spikes": 0.02, "jitter_s": 0.003},
    "clock 500 ppm fast": {"skew": -500e-6, "jitter_s": 0.002},
    "clock 500 ppm slow": {"skew": 500e-6, "jitter_s": 0.002},
}

Packet = tuple[float, int, PCM16]
"""When it comes, its timestamp, its sound."""


class Playout(Protocol):
    def put(self, packet: Packet) -> None: ...
    def pull(self, now: float) -> PCM16 | None: ...
    def concealed_s(self) -> float: ...


class Ours:
    def __init__(self) -> None:
        self._buffer = JitterBuffer(RATE)

    def put(self, packet: Packet) -> None:
        self._buffer.put(packet[1], packet[2], packet[0])

    def pull(self, now: float) -> PCM16 | None:
        return self._buffer.pull(now)

    def concealed_s(self) -> float:
        return self._buffer.counters.concealed_s


class _Linear:
    sample_rate, samples_per_frame = RATE, PACKET

    def decode(self, payload: bytes) -> bytes:
        return payload

    def conceal(self, samples: int) -> None:
        return None


class Aiortp:
    def __init__(self) -> None:
        self._now = 0.0
        playout = importlib.import_module("aiortp.playout")
        self._playout = playout.AdaptivePlayout(_Linear(), now=lambda: self._now)

    def put(self, packet: Packet) -> None:
        self._now = packet[0]
        self._playout.put(packet[1], packet[2].tobytes())

    def pull(self, now: float) -> PCM16 | None:
        self._now = now
        played = self._playout.tick()
        return None if played is None else decode(played[0])

    def concealed_s(self) -> float:
        return float(self._playout.concealed_frames) * 0.02


def speech() -> PCM16:
    """The bundled recordings one after another, a minute of them."""
    spoken = []
    for path in sorted(AUDIO.glob("*.wav")):
        with wave.open(str(path)) as file:
            spoken.append(convert(decode(file.readframes(file.getnframes())), file.getframerate(), RATE))
    return np.resize(np.concatenate(spoken), 60 * RATE)


def carry(
    sound: PCM16,
    *,
    loss: float = 0.0,
    bursts: float = 0.0,
    jitter_s: float = 0.0,
    reordered: float = 0.0,
    duplicates: float = 0.0,
    spikes: float = 0.0,
    skew: float = 0.0,
    dtx_dbfs: float = -np.inf,
) -> tuple[list[Packet], float]:
    """Returns the packets that arrive, in order of arrival, and the part that does not."""
    rng, arriving, skipped, lost = np.random.default_rng(1), [], 0, 0
    count = len(sound) // PACKET
    for n in range(count):
        frame = sound[n * PACKET : (n + 1) * PACKET]
        if dbfs(frame) < dtx_dbfs:
            continue
        if not skipped and rng.random() < bursts:
            skipped = 3
        if skipped or rng.random() < loss:
            skipped, lost = max(0, skipped - 1), lost + 1
            continue
        late_s = rng.exponential(jitter_s) if jitter_s else 0.0
        late_s += SPIKE_S * (rng.random() < spikes)
        late_s += OVERTAKEN_S * bool(reordered and rng.random() < reordered)
        comes = (n + 1) * 0.02 * (1 + skew) + TRANSIT_S + late_s
        packet = comes, n * PACKET, frame
        arriving.append(packet)
        if rng.random() < duplicates:
            arriving.append((comes + 0.005, *packet[1:]))
    return sorted(arriving, key=lambda packet: packet[0]), lost / count


def play(packets: list[Packet], seconds: float, playout: Playout) -> PCM16:
    waiting, frames = iter(packets), []
    packet = next(waiting, None)
    for tick in range(round(seconds * 50) + 25):
        now = tick * 0.02 + PHASE_S
        while packet is not None and packet[0] <= now:
            playout.put(packet)
            packet = next(waiting, None)
        frame = playout.pull(now)
        frames.append(np.zeros(PACKET, dtype=np.int16) if frame is None else frame)
    return np.concatenate(frames)


def delays_ms(sound: PCM16, heard: PCM16) -> list[float]:
    """How late each loud 300 ms was heard, beside a network and its packets alone: p50 and p90."""
    found = []
    for begin in range(RATE, len(sound) - 2 * RATE, RATE):
        said = sound[begin : begin + 2400].astype(float)
        if np.std(said) > 300:
            around = heard[begin : begin + 2400 + 6400].astype(float)
            energies = np.convolve(around**2, np.ones(2400), "valid")
            found.append(int(np.argmax(np.correlate(around, said) / np.sqrt(energies + 1))))
    return [round(float(delay) / RATE * 1000 - 50, 1) for delay in np.percentile(found, [50, 90])]


def holes(sound: PCM16) -> int:
    """Counts the stretches of 10 to 150 ms that are HOLE_DB below the 20 ms before and after them, which are loud."""
    windows = sound[: len(sound) // 80 * 80].reshape(-1, 80).astype(float)
    levels = 20 * np.log10(np.sqrt((windows**2).mean(axis=1)) / 32768 + 1e-9)
    found, loud = 0, np.flatnonzero(levels > LOUD_DBFS)
    for before, after in pairwise(loud):
        edge = min(levels[before - 1 : before + 1].min(), levels[after : after + 2].min())
        found += bool(1 < after - before <= 16 and levels[before + 1 : after].max() < edge - HOLE_DB)
    return found


def measure(sound: PCM16, packets: list[Packet], make: Callable[[], Playout]) -> dict[str, object]:
    playout, seconds = make(), len(sound) / RATE
    begun = time.process_time()
    heard = play(packets, seconds, playout)
    return {
        "delay_ms": delays_ms(sound, heard),
        "holes": holes(heard),
        "concealed": round(playout.concealed_s() / seconds, 4),
        "cpu_ms_per_s": round((time.process_time() - begun) / seconds * 1000, 2),
    }


def main() -> None:
    sound = speech()
    peer: Callable[[], Playout] | None = Aiortp if importlib.util.find_spec("aiortp") else None
    result = {}
    for name, network in NETWORKS.items():
        packets, lost = carry(sound, **network)
        result[name] = {
            "lost": round(lost, 4),
            "holes": holes(sound),
            "voxrt": measure(sound, packets, Ours),
            "aiortp": None if peer is None else measure(sound, packets, peer),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
