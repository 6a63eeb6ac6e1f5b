"""What is up around the sessions of a run: helper processes, the embedded server, files that are written."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from voxruntime import __version__
from voxruntime.cli.engines import Engines, serve_with, start_engines, voice_detection
from voxruntime.cli.plan import EventLogPlan, RunPlan
from voxruntime.cli.progress import clock_text
from voxruntime.cli.transcript import Transcript
from voxruntime.clock import Clock
from voxruntime.emulator.server import EmulatorServer, ServerOptions
from voxruntime.errors import ConfigError, VoxrtError
from voxruntime.files.client import FileProcess
from voxruntime.files.growing import Lines
from voxruntime.log import SecretMask
from voxruntime.scenario.host import ScenarioHost
from voxruntime.scenario.isolation import weaknesses
from voxruntime.session.eventlog import EventLog
from voxruntime.session.services import SessionPlan

logger = logging.getLogger(__name__)


class Stage(msgspec.Struct, frozen=True):
    """What is up before a session starts.

    Attributes:
        url: Where the provider is; empty for the real API.
        server: The embedded server, if it answers.
    """

    clock: Clock
    files: FileProcess
    scenarios: ScenarioHost
    engines: Engines
    url: str
    server: EmulatorServer | None
    isolation: dict[str, str]
    failures: list[VoxrtError] = msgspec.field(default_factory=list)


def numbered(path: Path, call_number: int) -> Path:
    """Returns the file of a run's second, third … call beside that of its first."""
    return path if call_number == 1 else path.with_name(f"{path.stem}-{call_number}{path.suffix}")


async def open_event_log(
    plan: RunPlan,
    events: EventLogPlan,
    session_plan: SessionPlan,
    stage: Stage,
    stack: AsyncExitStack,
    call_number: int,
) -> EventLog:
    lines = await _open_lines(numbered(events.path, call_number), stage, stack)
    return EventLog(
        lines.write,
        plan.mask,
        session=session_plan.id,
        versions={"voxrt": __version__, "python": sys.version.split()[0]},
        options=events.options,
        record_media=events.record_media,
    )


async def open_transcript(path: Path, mask: SecretMask, stage: Stage, stack: AsyncExitStack) -> Transcript:
    lines = await _open_lines(path, stage, stack)
    return Transcript(mask, lambda utterance: lines.write(f"{clock_text(utterance.now)}  {utterance}"))


async def _open_lines(path: Path, stage: Stage, stack: AsyncExitStack) -> Lines:
    """Begins a text file that is written as the session goes on.

    Raises:
        ConfigError: It cannot be made.
    """

    def on_error(code: str, message: str) -> None:
        stage.failures.append(ConfigError(code, message, file=str(path)))

    lines = stage.files.open_lines(path, on_error)
    stack.push_async_callback(lines.close)
    await lines.ready()
    return lines


@asynccontextmanager
async def open_stage(plan: RunPlan) -> AsyncIterator[Stage]:
    """Starts the io process, the zygote, speech and, where it is needed, the embedded server; ends them afterwards."""
    clock = Clock(asyncio.get_running_loop())
    isolation: dict[str, str] = {}

    def on_isolation(report: Mapping[str, str]) -> None:
        isolation.update(report)
        for weakness in weaknesses(report):
            logger.warning("the scenario process is less confined here: %s", weakness)

    # New code is tried in one process and then runs in another.
    warm = 1 if plan.reload is None else 2
    files, scenarios = FileProcess(clock), ScenarioHost(clock, warm=warm, on_isolation=on_isolation)
    async with AsyncExitStack() as stack:
        # The session process is the slowest to come up: it goes first and is not waited for.
        await scenarios.start(plan.zygote)
        stack.push_async_callback(scenarios.close)
        engines = await start_engines(clock, stack, speech=plan.speech, endpoint=plan.endpoint)
        await files.start()
        stack.push_async_callback(files.close)
        url, server = plan.environment.provider.url, None
        if plan.dialogue is not None:
            options = ServerOptions(voice_detection=voice_detection(engines))
            server = EmulatorServer(clock, plan.dialogue, engines, options=options)
            url = await server.start("127.0.0.1", 0)
            stack.push_async_callback(server.close)
            serve_with(engines, server)
        yield Stage(clock, files, scenarios, engines, url, server, isolation)
