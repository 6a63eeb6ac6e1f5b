"""Prints, as one JSON object, what moving and resampling audio costs: µs of CPU per leg and 20 ms frame.

    OPENBLAS_NUM_THREADS=1 python tests/bench/media.py

`resample` has each pair of rates. `graph_tick` is a whole session, call and realtime client both ways: the
call's frame is pulled at 8 kHz and pushed at 24 kHz, playout audio is pulled at 24 kHz and pushed at 8 kHz.
`graph_own` is the graph alone, `graph_cold` the same between other work, as in an engine: the caches hold nothing of it.
`graph_half` is that with clients silent half of the time. `graph_pass` is `graph_tick` with equal rates, and `graph_edit`
a tick after which one stream was made again.
`mix` is a graph in which 100 calls hear each other, all of them speaking: µs of a tick, and its part of what a tick of
110 calls takes, each bridged to a client of the same rate (`graph_pass`) or of 24 kHz (`graph_tick`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from voxruntime.audio.pcm import PCM16, RATES, frame_samples
from voxruntime.audio.resample import Resampler
from voxruntime.media.graph import Graph, Sink, Source, Stage
from voxruntime.media.mixer import Mixer
from voxruntime.media.playout import Playout

SESSIONS = (1, 50, 200)
SLOTS = (1, 12, 25, 50, 100, 200, 400)
MIXED, PLAIN = 100, 110
TICKS = 100
ROUNDS = 5


CACHES = np.zeros(4 * 2**20, dtype=np.uint8)
"""More than a processor keeps for itself."""


class Leg:
    """A call that says the same frame again and again."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._frame = noise(1, rate)[0]

    def pull(self) -> PCM16 | None:
        return self._frame

    def push(self, frame: PCM16 | None) -> None:
        pass


class Turns(Leg):
    """A client that speaks a second, then is silent for one."""

    def __init__(self, rate: int, number: int) -> None:
        super().__init__(rate)
        self._ticks = 37 * number

    def pull(self) -> PCM16 | None:
        self._ticks += 1
        return self._frame if self._ticks % 100 < 50 else None


def noise(rows: int, rate: int) -> PCM16:
    return np.random.default_rng(1).integers(-9000, 9000, (rows, frame_samples(rate))).astype(np.int16)


def cpu_us(step: Callable[[], object], times: int) -> float:
    """CPU µs of one step: the least of several rounds, since others use the machine too."""
    step()
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(times):
            step()
        rounds.append((time.process_time() - begun) / times * 1e6)
    return min(rounds)


def resample(in_rate: int, out_rate: int, rows: int) -> float:
    resampler = Resampler(in_rate, out_rate)
    before, frames = list(noise(rows, in_rate)), list(noise(rows, in_rate))
    return cpu_us(lambda: resampler.process(before, frames), TICKS // 4) / rows


def sessions(count: int, rate: int) -> tuple[Graph, list[Leg], list[Playout]]:
    graph = Graph()
    audio = noise((ROUNDS + 1) * TICKS, rate).reshape(-1)
    legs, playouts = [Leg(8000) for _ in range(count)], [Playout(rate) for _ in range(count)]
    for leg, playout in zip(legs, playouts, strict=True):
        playout.feed("item", 0, "response", audio)
        bridge(graph, leg, playout, Leg(rate))
    return graph, legs, playouts


def bridge(graph: Graph, leg: Leg, source: Source, sink: Sink) -> None:
    """Connects a call with a client or a mixer both ways."""
    graph.add_source(leg)
    graph.add_sink(leg)
    graph.add_source(source, Stage.OUT)
    graph.add_sink(sink, Stage.IN)
    graph.connect(leg, sink)
    graph.connect(source, leg)


def graph_tick(count: int, rate: int) -> float:
    graph, _, _ = sessions(count, rate)
    # Two frames per session and tick: one each way.
    return cpu_us(graph.tick, TICKS) / count / 2


def graph_own(count: int) -> float:
    """The same with ports that do nothing, less what it costs to call them."""
    graph, ports = Graph(), []
    for _ in range(count):
        leg, client = Leg(8000), Leg(24000)
        ports += [leg, client]
        bridge(graph, leg, client, client)

    def call_ports() -> None:
        for port in ports:
            port.push(port.pull())

    times = max(10, 40 * TICKS // count)
    return (cpu_us(graph.tick, times) - cpu_us(call_ports, times)) / count / 2


def graph_cold(make_client: Callable[[int], Leg], count: int) -> float:
    """CPU µs of the graph, and of the calls of its ports, after something else has used the caches."""
    graph = Graph()
    for number in range(count):
        client = make_client(number)
        bridge(graph, Leg(8000), client, client)
    rounds = []
    for _ in range(ROUNDS):
        spent = 0.0
        for _ in range(TICKS // 2):
            for stage in (graph.take_in, graph.give_out):
                np.add(CACHES, 1, out=CACHES)
                begun = time.process_time()
                stage()
                spent += time.process_time() - begun
        rounds.append(spent / (TICKS // 2) * 1e6)
    return min(rounds) / count / 2


def graph_edit(count: int) -> float:
    graph, legs, playouts = sessions(count, 24000)

    def tick_and_edit() -> None:
        graph.tick()
        graph.disconnect(playouts[0], legs[0])
        graph.connect(playouts[0], legs[0])

    return cpu_us(tick_and_edit, TICKS) / count / 2


def mix_tick(count: int) -> float:
    """CPU µs of a tick in which so many calls speak to each other."""
    graph, mixer = Graph(), Mixer(8000)
    for _ in range(count):
        member = mixer.join()
        bridge(graph, Leg(8000), member, member)
    return cpu_us(graph.tick, TICKS)


def mix() -> dict[str, float]:
    mixed = mix_tick(MIXED)
    found = {"tick_us": mixed}
    for name, rate in (("to_graph_pass", 8000), ("to_graph_tick", 24000)):
        found[name] = mixed / (graph_tick(PLAIN, rate) * 2 * PLAIN)
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    pairs = [(in_rate, out_rate) for in_rate in RATES for out_rate in RATES if in_rate != out_rate]
    report = {
        "unit": "CPU us per leg and 20 ms frame",
        "resample": {f"{i}->{o}": {n: round(resample(i, o, n), 2) for n in SESSIONS} for i, o in pairs},
        "graph_tick": {n: round(graph_tick(n, 24000), 2) for n in SESSIONS},
        "graph_own": {n: round(graph_own(n), 2) for n in SLOTS},
        "graph_cold": {n: round(graph_cold(lambda _: Leg(24000), n), 2) for n in SLOTS},
        "graph_half": {n: round(graph_cold(partial(Turns, 24000), n), 2) for n in SLOTS},
        "graph_pass": {n: round(graph_tick(n, 8000), 2) for n in SESSIONS},
        "mix": mix(),
        "graph_edit": {n: round(graph_edit(n), 2) for n in SESSIONS},
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
