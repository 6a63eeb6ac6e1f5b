"""Runs scenario code in a real session process, step by step and without asyncio at the call site.

with ScenarioDriver() as driver:
    scenario = driver.spawn()
    reply = scenario.load("print('hi')")
    reply = scenario.turn("timer", target=3)
    assert [line.text for line in scenario.log] == ["hi"]
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import TypeVar

from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.platform import Exited
from voxruntime.scenario.host import ScenarioHost
from voxruntime.scenario.process import Direction, ScenarioProcess
from voxruntime.turn.messages import SESSION, Load, LogLine, Plain, Reply, SourceFile, Turn

T = TypeVar("T")

WALL_MS = 1_700_000_000_000


class Recording:
    """Keeps what a session process says."""

    sees_frames = True

    def __init__(self) -> None:
        self.log: list[LogLine] = []
        self.frames: list[tuple[Direction, bytes]] = []

    def on_log(self, line: LogLine) -> None:
        self.log.append(line)

    def on_frame(self, direction: Direction, body: bytes) -> None:
        self.frames.append((direction, body))

    def replies(self) -> list[bytes]:
        """The bytes of all replies."""
        return [body for direction, body in self.frames if direction is Direction.FROM_SCENARIO]


def make_load(
    *sources: str,
    modules: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    seed_random: int = 1,
    seed_ids: int = 2,
    custom_data: str = "",
    secrets: Mapping[str, str] | None = None,
) -> Load:
    """Makes a `Load` of entries named `main.lua`, `main2.lua` and so on."""
    values = {
        name: float(value)
        for name in Limits.__struct_fields__
        if isinstance(value := getattr(limits or Limits(), name), int | float)
    }
    return Load(
        generation=1,
        entries=[SourceFile(f"main{i + 1 if i else ''}.lua", text) for i, text in enumerate(sources)],
        modules={
            name: SourceFile(name.replace(".", "/") + ".lua", text) for name, text in (modules or {}).items()
        },
        seed_random=seed_random,
        seed_ids=seed_ids,
        now=0.0,
        wall=WALL_MS,
        custom_data=custom_data,
        secrets=dict(secrets or {}),
        limits=values,
    )


class Scenario:
    """One session process; each call waits for its reply."""

    def __init__(
        self,
        run: Callable[[Coroutine[object, object, Reply]], Reply],
        process: ScenarioProcess,
        recording: Recording,
    ) -> None:
        self._run = run
        self._n = 0
        self.process = process
        self.recording = recording

    @property
    def log(self) -> list[LogLine]:
        return self.recording.log

    @property
    def texts(self) -> list[str]:
        """Texts of what the scenario logged so far, without warnings."""
        return [line.text for line in self.recording.log if line.level == "info"]

    def load(
        self,
        *sources: str,
        modules: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        seed_random: int = 1,
        seed_ids: int = 2,
        custom_data: str = "",
        secrets: Mapping[str, str] | None = None,
    ) -> Reply:
        """Sends a `Load`; see `make_load`."""
        load = make_load(
            *sources,
            modules=modules,
            limits=limits,
            seed_random=seed_random,
            seed_ids=seed_ids,
            custom_data=custom_data,
            secrets=secrets,
        )
        return self.exchange(load)

    def turn(
        self,
        name: str,
        payload: Mapping[str, Plain] | None = None,
        *,
        target: int = SESSION,
        text: str | None = None,
        now: float | None = None,
    ) -> Reply:
        """Sends the next `Turn`; its time is one second later than that of the one before."""
        self._n += 1
        now = float(self._n) if now is None else now
        turn = Turn(self._n, now, WALL_MS + int(now * 1000), target, name, dict(payload or {}), text)
        return self.exchange(turn)

    def exchange(self, message: Load | Turn) -> Reply:
        return self._run(self.process.exchange(message))


class ScenarioDriver:
    """A zygote and the session processes made from it; all end with the `with` block."""

    def __init__(self, *, warm: int = 0) -> None:
        self._runner = asyncio.Runner()
        self._warm = warm
        self._scenarios: list[Scenario] = []

    def __enter__(self) -> ScenarioDriver:
        self._runner.__enter__()
        self.host = self.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for scenario in self._scenarios:
            scenario.process.kill()
            self.closed(scenario)
        self.run(self.host.close())
        self._runner.__exit__(kind, error, trace)

    async def _start(self) -> ScenarioHost:
        host = ScenarioHost(Clock(asyncio.get_running_loop()), warm=self._warm)
        await host.start()
        return host

    def run(self, main: Coroutine[object, object, T]) -> T:
        """Runs a coroutine on the driver's loop."""
        return self._runner.run(main)

    def spawn(self, limits: Limits | None = None) -> Scenario:
        """Starts a session process."""
        recording = Recording()
        process = self.run(self.host.spawn(limits or Limits(), recording))
        scenario = Scenario(self.run, process, recording)
        self._scenarios.append(scenario)
        return scenario

    def closed(self, scenario: Scenario) -> Exited:
        """Waits for a session process to end; returns how it did."""
        return self.run(scenario.process.closed())
