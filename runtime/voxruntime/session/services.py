"""What a session is given: its plan (what to run) and the engine's services (what it runs on)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.files.client import FileProcess
from voxruntime.log import SecretMask
from voxruntime.media.graph import Graph
from voxruntime.providers.interface import Spawn
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.calls import Dial
from voxruntime.turn.inheritance import Inherited
from voxruntime.turn.messages import ConnectRealtime, Load, Plain, SourceFile

ConnectProvider = Callable[[Spawn, ConnectRealtime, ClientEvents], RealtimeClient]
"""Starts a connection to the provider that the command names; its tasks are the session's."""


class RecordingPlan(msgspec.Struct, frozen=True):
    """Where recordings go.

    Attributes:
        folder: Where `call:record()` writes its files.
        run_file: The operator's `--record` file: every call, stereo, caller left; None for none.
    """

    folder: Path
    run_file: Path | None = None


class NewCode(msgspec.Struct, frozen=True):
    """What changes in a session that is reloaded.

    Attributes:
        entries: Scenario files, in order.
        modules: Files that `require` may find.
        secrets: What `getSecretValue` finds.
    """

    entries: list[SourceFile]
    modules: Mapping[str, SourceFile]
    secrets: Mapping[str, str]


@dataclass
class SessionPlan:
    """What one session runs.

    Attributes:
        id: Public session id.
        entries: Scenario files, in order, in one context.
        modules: Files that `require` may find.
        seed: Seed of every random stream of the session.
        recordings: Where recordings go.
        custom_data: What `VoxEngine.customData()` returns; the scenario may change it.
        secrets: What `getSecretValue` finds.
        mask: What is left out of everything that is written; learns the keys that the scenario uses.
        generation: Which code this is.
    """

    id: str
    entries: list[SourceFile]
    modules: Mapping[str, SourceFile]
    seed: int
    recordings: RecordingPlan
    custom_data: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    mask: SecretMask = field(default_factory=lambda: SecretMask({}))
    generation: int = 1

    def __post_init__(self) -> None:
        # Later code draws other ids: those of the code before are in use.
        streams = random.Random(self.seed if self.generation == 1 else f"{self.seed}/{self.generation}")
        self._seed_random = streams.getrandbits(63)
        self._seed_ids = streams.getrandbits(63)
        self._engine_ids = random.Random(streams.getrandbits(63))

    @property
    def main_file(self) -> str:
        """Name of the first scenario file."""
        return self.entries[0].name

    def successor(self, code: NewCode) -> SessionPlan:
        """Returns the plan of code that takes the place of this."""
        return replace(
            self,
            entries=code.entries,
            modules=code.modules,
            secrets=code.secrets,
            generation=self.generation + 1,
        )

    def new_id(self) -> str:
        """Makes a public id for an object that the engine creates, e.g. an incoming call."""
        return f"{self._engine_ids.getrandbits(64):016x}"

    def load(self, now: float, clock: Clock, limits: Limits, inherited: Inherited | None = None) -> Load:
        """Returns the first message to the scenario process."""
        return Load(
            generation=self.generation,
            entries=self.entries,
            modules=dict(self.modules),
            seed_random=self._seed_random,
            seed_ids=self._seed_ids,
            now=now,
            wall=clock.wall_ms(),
            custom_data=self.custom_data,
            secrets=dict(self.secrets),
            limits={name: float(value) for name, value in msgspec.structs.asdict(limits).items()},
            reloaded=self.generation > 1,
            inherited=inherited or Inherited(),
        )

    def started_payload(self) -> dict[str, Plain]:
        """Returns the fields of `AppEvents.Started`; a run on one's own machine has no account and no access URL yet."""
        payload: dict[str, Plain] = {
            "sessionId": self.id,
            "accountId": 0,
            "applicationId": 0,
            "accessURL": "",
            "accessSecureURL": "",
            "logURL": "",
        }
        if self.generation > 1:
            payload["reloaded"] = True
        return payload


class SessionServices(msgspec.Struct, frozen=True):
    """What the engine gives every session.

    Attributes:
        clock: The engine's clock.
        limits: The limits of each session.
        graph: The media graph of the session's slot.
        files: The io process.
        scenarios: Starts scenario processes.
        dial: Opens the far end of an outgoing call.
        connect: Opens a realtime client at its provider, or at the server that stands in for it.
    """

    clock: Clock
    limits: Limits
    graph: Graph
    files: FileProcess
    scenarios: ScenarioHost
    dial: Dial
    connect: ConnectProvider
