"""Runs one session from start to end: processes up, callers in, outcome out."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from voxruntime.call.leg import CallParty, Leg
from voxruntime.call.state import Direction
from voxruntime.cli.callers import Callee, callee_for
from voxruntime.cli.desk import Desk, Show
from voxruntime.cli.engines import until_ready
from voxruntime.cli.live.voice import CallerVoice
from voxruntime.cli.plan import RunPlan
from voxruntime.cli.progress import print_line
from voxruntime.cli.report import playout_report
from voxruntime.cli.stage import Stage, numbered, open_event_log, open_stage, open_transcript
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.engine import Engine, settle_memory
from voxruntime.errors import InternalError, ProtocolBreach, VoxrtError
from voxruntime.legs.registry import LegContext, open_leg, party_of
from voxruntime.platform import GRANTED
from voxruntime.providers.interface import Network, RealtimeRequest, Spawn
from voxruntime.providers.registry import find_provider
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.session.latency import distribution
from voxruntime.session.latency import summary as response_times
from voxruntime.session.observer import Observers, SessionObserver
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord
from voxruntime.session.services import NewCode, RecordingPlan, SessionPlan
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
        sources: The scenario's files as they ran last, by the names that messages use.
    """

    outcome: Outcome
    stop_signal: int
    sources: Mapping[str, str]
    calls: list[CallRecord]
    realtime: list[RealtimeRecord]
    recordings: list[Path]
    latency: Mapping[str, object]
    limits: Limits
    isolation: Mapping[str, str]
    media: Mapping[str, object]


class TurnTimes(SessionObserver):
    """How long turns took, from the event's leaving to the reply."""

    def __init__(self) -> None:
        self._elapsed_ms: list[float] = []

    def on_reply(self, now: float, reply: Reply, elapsed_ms: float) -> None:  # noqa: ARG002  # only the time counts
        self._elapsed_ms.append(elapsed_ms)

    def summary(self) -> dict[str, object]:
        """Returns the figures for the run's result."""
        return {"turns": distribution(self._elapsed_ms)} if self._elapsed_ms else {}


class Operator(Protocol):
    """Who sits at the terminal, follows the session and may act in its call."""

    def attend(self, session: Session, voice: CallerVoice) -> AbstractAsyncContextManager[None]:
        """Begins before the session runs and ends after it, whatever happened."""

    def rest(self, clock: Clock) -> AbstractContextManager[None]:
        """Keys come from the terminal between two calls."""

    def take_commands(self, press: Callable[[str], None]) -> None:
        """Tells which keys are commands, before anything else: `desk.KEYS`."""


async def run(
    plan: RunPlan,
    observers: Sequence[SessionObserver],
    operator: Operator | None = None,
    show: Show = print_line,
) -> RunResult:
    """Runs a session to its end, and another as long as the operator wants one.

    Args:
        plan: What is asked for.
        observers: Told of everything that happens in the sessions.
        operator: Who sits at the terminal.
        show: Prints what is no remark of a session.

    Raises:
        ConfigError: A caller, the event file or the transcript cannot be opened.
        VoxrtError: voxrt itself could not start, or failed.
    """
    code = NewCode(plan.sources.entries, plan.sources.modules, plan.environment.secrets)
    async with open_stage(plan) as stage:
        if plan.reload is None:
            return await _run_call(plan, code, observers, operator, stage)
        desk = Desk(plan.reload, code, plan.mask, show, stage.server)
        if operator is not None:
            operator.take_commands(desk.press)
        async with desk.open(stage.clock, plan.limits):
            for number in itertools.count(1):
                result = await _run_call(plan, desk.code, observers, operator, stage, desk, number)
                resting = nullcontext() if operator is None else operator.rest(stage.clock)
                with resting:
                    if not await desk.another_call(result.outcome.error, result.stop_signal):
                        break
            return result


async def _run_call(
    plan: RunPlan,
    code: NewCode,
    observers: Sequence[SessionObserver],
    operator: Operator | None,
    stage: Stage,
    desk: Desk | None = None,
    number: int = 1,
) -> RunResult:
    """Runs one session to its end; a second SIGINT or SIGTERM ends it at once."""
    session_plan = _session_plan(plan, code, number)
    turn_times = TurnTimes()
    all_observers = [*observers, turn_times]
    async with AsyncExitStack() as stack:
        if plan.events is not None:
            log = await open_event_log(plan, plan.events, session_plan, stage, stack, number)
            all_observers.append(log)
        if plan.transcript is not None:
            path = numbered(plan.transcript, number)
            all_observers.append(await open_transcript(path, plan.mask, stage, stack))
        observer = Observers(all_observers)
        session, engine, callers = _open_session(plan, session_plan, stage, observer)
        stack.callback(engine.close)
        if desk is not None:
            stack.enter_context(desk.attend(session))
        asyncio.get_running_loop().set_exception_handler(partial(_on_fault, session))
        with _stopped_by_signals(session) as caught:
            duration = plan.max_duration_s
            limit = stage.clock.call_later(duration, lambda: session.stop("max_duration", "Maximum duration"))
            voice = CallerVoice(
                session.calls, session.note, stage.engines.synthesizer, stage.files, _language(plan)
            )
            attending = nullcontext() if operator is None else operator.attend(session, voice)
            async with attending, _beside(callers):
                outcome = await session.run()
            limit.cancel()
        engine.release_session(session)
    return _result(plan, stage, session, outcome, caught, turn_times, engine)


def _open_session(
    plan: RunPlan, session_plan: SessionPlan, stage: Stage, observer: SessionObserver
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


async def _bring_callers(plan: RunPlan, stage: Stage, context: LegContext, session: Session) -> None:
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


def _session_plan(plan: RunPlan, code: NewCode, number: int) -> SessionPlan:
    seed = plan.seed + number - 1
    record = None if plan.record is None else numbered(plan.record, number)
    return SessionPlan(
        id=f"{seed:016x}",
        entries=code.entries,
        modules=code.modules,
        seed=seed,
        recordings=RecordingPlan(Path("recordings"), record),
        custom_data=plan.custom_data,
        secrets=code.secrets,
        mask=plan.mask,
    )


def _result(
    plan: RunPlan,
    stage: Stage,
    session: Session,
    outcome: Outcome,
    caught: Sequence[int],
    turn_times: TurnTimes,
    engine: Engine,
) -> RunResult:
    clients = session.realtime.records
    media = engine.media_figures()
    logger.info("media: %s", _figures(media))
    for client in clients:
        logger.info("%s client %s: %s", client.provider, client.id, _figures(playout_report(client)))
    return RunResult(
        outcome=_with_failures(
            outcome, [*session.calls.failures, *session.recordings.failures, *stage.failures]
        ),
        stop_signal=caught[0] if caught else 0,
        sources={file.name: file.text for file in [*session.plan.entries, *session.plan.modules.values()]},
        calls=session.calls.records,
        realtime=clients,
        recordings=session.recordings.paths,
        latency=turn_times.summary()
        | response_times([response for client in clients for response in client.responses]),
        limits=plan.limits,
        isolation=stage.isolation,
        media=media,
    )


def _figures(figures: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


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
