"""What one run is asked to do."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from voxruntime.call.leg import CallParty
from voxruntime.cli.callers import Callee
from voxruntime.cli.desk import ReloadPlan
from voxruntime.cli.environment import Environment
from voxruntime.config import Limits
from voxruntime.emulator.dialogue import Dialogue
from voxruntime.legs.context import MicOptions
from voxruntime.log import SecretMask
from voxruntime.scenario.sources import Sources
from voxruntime.scenario.zygote_launch import LaunchedZygote
from voxruntime.speech.messages import Endpoint


class EventLogPlan(msgspec.Struct, frozen=True):
    """`--events`: the file, whether audio is kept in it, and the options that its first line shows."""

    path: Path
    record_media: bool
    options: Mapping[str, str]


class RunPlan(msgspec.Struct, frozen=True):
    """Everything a run needs, checked as far as it can be before anything starts.

    Attributes:
        sources: The scenario's files.
        environment: Secrets and provider.
        callers: Leg specs of incoming calls.
        callees: Who answers outgoing calls.
        party: What incoming calls show.
        dialogue: What the embedded server says; None when another server answers.
        limits: Limits of the session.
        mask: The secrets, for everything that is written.
        speech: Whether the embedded server and scripted callers speak, or use tones.
        endpoint: `--recognizer`; None for the dialogue's own phrases.
        record: `--record`.
        events: `--events`.
        transcript: `--transcript`.
        custom_data: `--custom-data`.
        max_duration_s: `--max-duration`.
        hangup_after_s: `--hangup-after`.
        mic: `--input-device`, `--output-device` and `--headphones`.
        seed: Seed of every random stream.
        reload: `--reload`; None for code that stays as it is.
        zygote: One that boots already; None to start one.
    """

    sources: Sources
    environment: Environment
    callers: Sequence[str]
    callees: Sequence[Callee]
    party: CallParty
    dialogue: Dialogue | None
    limits: Limits
    mask: SecretMask
    speech: bool = False
    endpoint: Endpoint | None = None
    record: Path | None = None
    events: EventLogPlan | None = None
    transcript: Path | None = None
    custom_data: str = ""
    max_duration_s: float = 600.0
    hangup_after_s: float = 15.0
    mic: MicOptions = MicOptions()
    seed: int = msgspec.field(default_factory=lambda: secrets.randbits(63))
    reload: ReloadPlan | None = None
    zygote: LaunchedZygote | None = None
