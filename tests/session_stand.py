"""A whole session for tests: real scenario, io and zygote processes, scripted far ends, on either clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from session_doubles import ToldLeg
from voxruntime.call.leg import CallParty, Leg
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.engine import Engine
from voxruntime.files.client import FileProcess
from voxruntime.providers.interface import Spawn
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.code import Handover
from voxruntime.session.observer import SessionObserver
from voxruntime.session.records import CallRecord, Outcome
from voxruntime.session.services import NewCode, RecordingPlan, SessionPlan
from voxruntime.session.session import Session
from voxruntime.turn.messages import ConnectRealtime, Load, SourceFile, StartCall, Turn

PARTY = CallParty("pstn", "7916", "7495")


class Seen(SessionObserver):
    """Keeps what a session did; `when` calls back at a log line that begins with some words."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.times: dict[str, float] = {}
        self.turns: list[str] = []
        self.killed: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.when: dict[str, Callable[[], object]] = {}
        self.when_noted: dict[str, Callable[[], object]] = {}

    def forget(self) -> None:
        """Drops what was kept so far."""
        for kept in (self.lines, self.notes, self.turns):
            kept.clear()

    def on_log(self, now: float, level: str, text: str, place: str) -> None:
        if place == "voxrt":
            self.notes.append(text)
            for words, callback in self.when_noted.items():
                if words in text:
                    callback()
        else:
            self.lines.append(text)
            self.times[text] = now
            for words, callback in self.when.items():
                if text.startswith(words):
                    callback()

    def on_sent(self, now: float, message: Load | Turn) -> None:
        self.turns.append(message.name if isinstance(message, Turn) else "load")

    def on_killed(self, now: float, code: str, during: str) -> None:
        self.killed.append((code, during))


@dataclass
class Stand:
    """One session about to run.

    Attributes:
        legs: Who answers, by number.
        connect: Answers `createRealtimeAPIClient`.
    """

    clock: Clock
    session: Session
    seen: Seen
    legs: dict[str, Leg] = field(default_factory=dict)
    connect: Callable[[ConnectRealtime, ClientEvents], RealtimeClient] | None = None

    async def reload(self, text: str) -> Handover:
        """Saves another text as `s.lua`."""
        return await self.session.reload(NewCode([SourceFile("s.lua", text)], {}, {}))

    def call(self) -> ToldLeg:
        """Somebody calls."""
        leg = ToldLeg()
        self.session.alert(leg, PARTY)
        return leg

    @property
    def calls(self) -> list[CallRecord]:
        return self.session.calls.records


async def run_session(
    text: str,
    prepare: Callable[[Stand], None] = lambda _stand: None,
    *,
    limits: Limits | None = None,
    modules: Mapping[str, str] | None = None,
    folder: Path = Path("recordings"),
) -> tuple[Outcome, Stand]:
    """Runs a scenario to its session's end.

    Args:
        text: Lua text of `s.lua`.
        prepare: Sets the stage before the session starts.
        limits: Limits of the session.
        modules: Files for `require`.
        folder: Where `call:record()` writes.
    """
    clock = Clock(asyncio.get_running_loop())
    files, scenarios = FileProcess(clock), ScenarioHost(clock, warm=0)
    await scenarios.start()
    await files.start()

    async def dial(command: StartCall) -> Leg | None:
        return stand.legs.get(command.to)

    def connect(_spawn: Spawn, command: ConnectRealtime, events: ClientEvents) -> RealtimeClient:
        assert stand.connect is not None
        return stand.connect(command, events)

    engine = Engine(clock, limits or Limits(), files, scenarios, dial, connect)
    found = {name: SourceFile(f"{name}.lua", source) for name, source in (modules or {}).items()}
    plan = SessionPlan("test-session", [SourceFile("s.lua", text)], found, 1, RecordingPlan(folder))
    seen = Seen()
    session = engine.open_session(plan, seen)
    stand = Stand(clock, session, seen)
    try:
        prepare(stand)
        outcome = await session.run()
    finally:
        engine.release_session(session)
        engine.close()
        await files.close()
        await scenarios.close()
    return outcome, stand


Runner = Callable[[Coroutine[object, object, tuple[Outcome, Stand]]], tuple[Outcome, Stand]]
