"""Runs one session from start to end: processes up, callers in, outcome out."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from voxruntime import __version__
from voxruntime.call.leg import CallParty, Leg
from voxruntime.call.state import Direction
from voxruntime.cli.callers import Callee, callee_for
from voxruntime.cli.engines import Engines, serve_with, start_engines, until_ready, voice_detection
from voxruntime.cli.live_voice import CallerVoice
from voxruntime.cli.plan import EventLogPlan, RunPlan
from voxruntime.cli.progress import clock_text
from voxruntime.cli.transcript import Transcript
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.emulator.server import EmulatorServer, ServerOptions
from voxruntime.engine import Engine, settle_memory
from voxruntime.errors import ConfigError, InternalError, ProtocolBreach, VoxrtError
from voxruntime.files.client import FileProcess
from voxruntime.files.growing import Lines
from voxruntime.legs.registry import LegContext, open_leg, party_of
from voxruntime.log import SecretMask
from voxruntime.platform import GRANTED
from voxruntime.providers.interface import Network, RealtimeRequest, Spawn
from voxruntime.providers.registry import find_provider
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.scenario.host import ScenarioHost
from voxruntime.scenario.isolation import weaknesses
from voxruntime.session.eventlog import EventLog
from voxruntime.session.latency import distribution
from voxruntime.session.latency import summary as response_times
from voxruntime.session.observer import Observers, SessionObserver
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.session.session import Session
from voxruntime.turn.messages import ConnectRealtime, Reply, StartCall

logger = logging.getLogger(__name__)

DEFAULT_LANGUAGE = "en-US"
DEFAULT_FROM = "79160000001"
DEFAULT_TO = "74950000002"

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunResult(msgspec.Struct, frozen=True):
    """What a run's report is made of.

    Attributes:
        outcome: How the session ended.
        stop_signal: SIGINT or SIGTERM when one ended the run, else 0.
    """

    outcome: Outcome
    stop_signal: int
    calls: list[CallRecord]
    realtime: list[RealtimeRecord]
    recordings: list[Path]
    latency: Mapping[str, object]
    limits: Limits
    isolation: Mapping[str, str]
    media: Mapping[str, float]


class TurnTimes(SessionObserver):
    """How long turns took, from the event's leaving to the reply."""

    def __init__(self) -> None:
        self._elapsed_ms: list[float] = []

    def on_reply(self, now: float, reply: Reply, elapsed_ms: float) -> None:  # noqa: ARG002  # only the time counts
        self._elapsed_ms.append(elapsed_ms)

    def summary(self) -> dict[str, object]:
        """Returns the figures for the run's result."""
        return {"turns": distribution(self._elapsed_ms)} if self._elapsed_ms else {}


class _Stage(msgspec.Struct, frozen=True):
    """What is up before the session starts."""

    clock: Clock
    files: FileProcess
    scenarios: ScenarioHost
    engines: Engines
    url: str
    isolation: dict[str, str]
    failures: list[VoxrtError] = msgspec.field(default_factory=list)


class Operator(Protocol):
    """Who sits at the terminal, follows the session and may act in its call."""

    def attend(self, session: Session, voice: CallerVoice) -> AbstractAsyncContextManager[None]:
        """Begins before the session runs and ends after it, whatever happened."""


async def run(
    plan: RunPlan, observers: Sequence[SessionObserver], operator: Operator | None = None
) -> RunResult:
    """Runs one session to its end; a second SIGINT or SIGTERM ends it at once.

    Raises:
        ConfigError: A caller, the event file or the transcript cannot be opened.
        VoxrtError: voxrt itself could not start, or failed.
    """
    async with _stage(plan) as stage:
        session_plan = _session_plan(plan)
        turn_times = TurnTimes()
        all_observers = [*observers, turn_times]
        async with AsyncExitStack() as stack:
            if plan.events is not None:
                all_observers.append(await _open_event_log(plan, plan.events, session_plan, stage, stack))
            if plan.transcript is not None:
                all_observers.append(await _open_transcript(plan.transcript, plan.mask, stage, stack))
            observer = Observers(all_observers)
            session, engine, callers = _open_session(plan, session_plan, stage, observer)
            stack.callback(engine.close)
            asyncio.get_running_loop().set_exception_handler(partial(_on_fault, session))
            with _stopped_by_signals(session) as caught:
                duration = plan.max_duration_s
                limit = stage.clock.call_later(
                    duration, lambda: session.stop("max_duration", "Maximum duration")
                )
                voice = CallerVoice(
                    session.calls, session.note, stage.engines.synthesizer, stage.files, _language(plan)
                )
                attending = nullcontext() if operator is None else operator.attend(session, voice)
                async with attending, _beside(callers):
                    outcome = await session.run()
                limit.cancel()
            engine.release_session(session)
        return RunResult(
            outcome=_with_failures(
                outcome, [*session.calls.failures, *session.recordings.failures, *stage.failures]
            ),
            stop_signal=caught[0] if caught else 0,
            calls=session.calls.records,
            realtime=session.realtime.records,
            recordings=session.recordings.paths,
            latency=turn_times.summary()
            | response_times(
                [response for client in session.realtime.records for response in client.responses]
            ),
            limits=plan.limits,
            isolation=stage.isolation,
            media=engine.lateness.summary(),
        )


def _open_session(
    plan: RunPlan, session_plan: SessionPlan, stage: _Stage, observer: SessionObserver
) -> tuple[Session, Engine, Coroutine[object, object, None]]:
    """Returns a session, its engine, and what brings the callers while the session runs."""
    context = LegContext(
        clock=stage.clock,
        files=stage.files,
        engines=stage.engines,
        base_dir=Path(),
        hangup_after_s=plan.hangup_after_s,
        language=_language(plan),
        on_note=lambda text: session.note("debug", text),
        mic=plan.mic,
    )
    network = Network(
        clock=stage.clock,
        resolve=stage.files.resolve,
        spawn=asyncio.get_running_loop().create_task,
        tls=None if stage.url.startswith("ws://") else ssl.create_default_context(),
    )
    engine = Engine(
        stage.clock,
        plan.limits,
        stage.files,
        stage.scenarios,
        partial(_dial, plan.callees, context),
        partial(_connect, network, stage.url),
    )
    session = engine.open_session(session_plan, observer)
    stage.isolation["scheduling"] = _request_fifo(engine, session)
    settle_memory()
    return session, engine, _bring_callers(plan, stage, context, session)


async def _bring_callers(plan: RunPlan, stage: _Stage, context: LegContext, session: Session) -> None:
    """Lets the callers call once they are there; files and speech take longer to come than a scenario to start."""
    try:
        if plan.dialogue is not None:
            await until_ready(stage.engines)
        legs = await asyncio.gather(*(open_leg(spec, Direction.INCOMING, context) for spec in plan.callers))
    except VoxrtError as error:
        session.crash(error)
        return
    for leg in legs:
        session.alert(leg, _party(plan.party, party_of(leg)))


@asynccontextmanager
async def _beside(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Does some work while the block runs; at the end of the block it is given up."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _request_fifo(engine: Engine, session: Session) -> str:
    """Asks for real-time scheduling; returns what the report says of it."""
    scheduling = engine.request_fifo(partial(session.note, "warning"))
    if scheduling.granted:
        return GRANTED
    logger.warning("%s; on a full machine frames may be 10 to 30 ms late", scheduling.message)
    return scheduling.message


async def _open_event_log(
    plan: RunPlan, events: EventLogPlan, session_plan: SessionPlan, stage: _Stage, stack: AsyncExitStack
) -> EventLog:
    lines = await _open_lines(events.path, stage, stack)
    return EventLog(
        lines.write,
        plan.mask,
        session=session_plan.id,
        versions={"voxrt": __version__, "python": sys.version.split()[0]},
        options=events.options,
        record_media=events.record_media,
    )


async def _open_transcript(path: Path, mask: SecretMask, stage: _Stage, stack: AsyncExitStack) -> Transcript:
    lines = await _open_lines(path, stage, stack)
    return Transcript(mask, lambda utterance: lines.write(f"{clock_text(utterance.now)}  {utterance}"))


async def _open_lines(path: Path, stage: _Stage, stack: AsyncExitStack) -> Lines:
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
async def _stage(plan: RunPlan) -> AsyncIterator[_Stage]:
    """Starts the io process, the zygote, speech and, where it is needed, the embedded server; ends them afterwards."""
    clock = Clock(asyncio.get_running_loop())
    isolation: dict[str, str] = {}

    def on_isolation(report: Mapping[str, str]) -> None:
        isolation.update(report)
        for weakness in weaknesses(report):
            logger.warning("the scenario process is less confined here: %s", weakness)

    files, scenarios = FileProcess(clock), ScenarioHost(clock, on_isolation=on_isolation)
    async with AsyncExitStack() as stack:
        # The session process is the slowest to come up: it goes first and is not waited for.
        await scenarios.start(plan.zygote)
        stack.push_async_callback(scenarios.close)
        engines = await start_engines(clock, stack, speech=plan.speech, endpoint=plan.endpoint)
        await files.start()
        stack.push_async_callback(files.close)
        url = plan.environment.provider.url
        if plan.dialogue is not None:
            options = ServerOptions(voice_detection=voice_detection(engines))
            server = EmulatorServer(clock, plan.dialogue, engines, options=options)
            url = await server.start("127.0.0.1", 0)
            stack.push_async_callback(server.close)
            serve_with(engines, server)
        yield _Stage(clock, files, scenarios, engines, url, isolation)


@contextmanager
def _stopped_by_signals(session: Session) -> Iterator[list[int]]:
    """Lets the first signal hang up the callers and the second end the run at once; yields those caught."""
    caught: list[int] = []
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        caught.append(number)
        if len(caught) == 1:
            session.stop("stopped", "Interrupted")
        else:
            session.abandon()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield caught
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _language(plan: RunPlan) -> str:
    return DEFAULT_LANGUAGE if plan.dialogue is None else plan.dialogue.language


def _with_failures(outcome: Outcome, failures: Sequence[VoxrtError]) -> Outcome:
    """Returns the outcome of a session that itself ended well, but with a lost device, file or script step."""
    return outcome if outcome.error is not None or not failures else Outcome("failed", failures[0])


def _on_fault(session: Session, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Ends the session where a callback of the loop failed: nothing else would be told."""
    cause = context.get("exception")
    logger.error("%s", context.get("message"), exc_info=cause if isinstance(cause, Exception) else None)
    session.crash(InternalError("internal.fault", f"{type(cause).__name__}: {cause}."))


async def _dial(callees: Sequence[Callee], context: LegContext, command: StartCall) -> Leg | None:
    spec = callee_for(command.to, callees)
    return None if spec is None else await open_leg(spec, Direction.OUTGOING, context)


def _connect(
    network: Network, url: str, spawn: Spawn, command: ConnectRealtime, events: ClientEvents
) -> RealtimeClient:
    provider = find_provider(command.provider)
    if provider is None:
        raise ProtocolBreach(
            "protocol.provider",
            f"The scenario process named a provider {command.provider!r}, which does not exist.",
        )
    request = RealtimeRequest(command.api_key, command.folder_id, command.model, url)
    return provider.connect(request, msgspec.structs.replace(network, spawn=spawn), events)


def _session_plan(plan: RunPlan) -> SessionPlan:
    return SessionPlan(
        id=f"{plan.seed:016x}",
        entries=plan.sources.entries,
        modules=plan.sources.modules,
        seed=plan.seed,
        recordings=RecordingPlan(Path("recordings"), plan.record),
        custom_data=plan.custom_data,
        secrets=plan.environment.secrets,
        mask=plan.mask,
    )


def _party(asked: CallParty, own: CallParty | None) -> CallParty:
    """Returns what `CallAlerting` shows: what the operator gave, then what the leg says of itself, then defaults."""
    own = own or CallParty()
    return msgspec.structs.replace(
        own,
        callerid=asked.callerid or own.callerid or DEFAULT_FROM,
        number=asked.number or own.number or DEFAULT_TO,
        display_name=asked.display_name or own.display_name,
        headers={**own.headers, **asked.headers},
    )
