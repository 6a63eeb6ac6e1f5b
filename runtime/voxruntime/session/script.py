"""The scenario's code as its session sees it: turns out, replies in, who listens to what."""

from __future__ import annotations

from functools import partial

from voxruntime.clock import Clock, real_now
from voxruntime.config import Limits
from voxruntime.errors import ProtocolBreach, ScenarioError, ScenarioSyntaxError
from voxruntime.scenario.host import ScenarioHost
from voxruntime.scenario.process import Direction, ScenarioProcess
from voxruntime.scenario.replies import ReplyTaker
from voxruntime.session.observer import SessionObserver
from voxruntime.session.queue import Event
from voxruntime.turn.messages import Fault, Listen, Load, LogLine, Reply, Turn

ANY_EVENT = "*"
"""Event name by which the scenario listens to every event of an object."""

MAX_LISTENED = 10_000
"""Events with handlers: a session may have some hundred objects, with up to 50 events each."""

KILLED = "scenario.killed"
"""Code of the error that an exchange raises when the engine itself ended the process."""


class Script:
    """One scenario process and what is known of the code in it. Order: `start`, `load`, `deliver` …, `close`.

    Args:
        clock: The engine's.
        started_at: When the session started, in seconds of the clock.
        observer: Sees each turn, reply and log line.
    """

    __slots__ = (
        "_clock", "_event", "_last_line", "_observer", "_places", "_process", "_sees_turns", "_started_at",
        "_taker", "_turns", "is_dead",
    )  # fmt: skip

    def __init__(self, clock: Clock, started_at: float, observer: SessionObserver) -> None:
        self._clock = clock
        self._started_at = started_at
        self._observer = observer
        self._sees_turns = observer.sees_turns
        self._process: ScenarioProcess | None = None
        self._event: Event | None = None
        self._taker: ReplyTaker | None = None
        self._places: dict[tuple[int, str], list[str]] = {}
        self._turns = 0
        self._last_line = ""
        self.is_dead = False

    async def start(self, scenarios: ScenarioHost, limits: Limits) -> None:
        """Takes a process.

        Raises:
            VoxrtError: None can be started.
        """
        self._process = await scenarios.spawn(limits, self)

    async def load(self, message: Load) -> Reply:
        """Runs the top level; raises as `deliver`."""
        assert self._process is not None
        return await self._process.reply_to(partial(self._ask, message, None))

    async def deliver(self, event: Event) -> Reply:
        """Gives the scenario one event and returns what it did.

        Raises:
            ScenarioError: The process was stopped or ended; nothing it did in this turn counts.
        """
        assert self._process is not None
        return await self._process.reply_to(partial(self.ask, event))

    def ask(self, event: Event, taker: ReplyTaker) -> None:
        """Gives the scenario one event; the taker hears what `deliver` returns or raises."""
        self._turns = n = self._turns + 1
        at = self._clock.now()
        now, wall = at - self._started_at, self._clock.wall_ms_at(at)
        self._ask(Turn(n, now, wall, event.target, event.name, event.payload, event.text), event, taker)

    async def died(self) -> ScenarioError:
        """Returns, once the process has ended between two turns, the error that this is for the operator."""
        assert self._process is not None
        error = await self._process.ended()
        self._note_death(error)
        return error

    def listen(self, command: Listen) -> None:
        """Notes the handlers of one event.

        Raises:
            ProtocolBreach: More events than the objects of a session have.
        """
        if not command.places:
            self._places.pop((command.target, command.event), None)
            return
        if len(self._places) >= MAX_LISTENED:
            raise ProtocolBreach(
                "protocol.listen", f"The scenario listens to more than {MAX_LISTENED} events."
            )
        self._places[command.target, command.event] = command.places

    def is_listening(self, target: int, event: str) -> bool:
        """Whether there is a handler for this event of this object."""
        return bool(self._places.get((target, event)) or self._places.get((target, ANY_EVENT)))

    def kill(self) -> None:
        """Ends the process at once; a turn in flight fails with code KILLED."""
        self.is_dead = True
        if self._process is not None:
            self._process.kill()

    async def close(self) -> None:
        """Ends the process and returns once it is gone."""
        if self._process is not None:
            self._process.kill()
            with self._clock.work.token():
                await self._process.closed()

    def on_log(self, line: LogLine) -> None:
        """A line the scenario wrote (`scenario.process.ScenarioObserver`)."""
        self._last_line = line.text
        self._observer.on_log(self._now(), line.level, line.text, line.place)

    sees_frames = False
    """Observers of the session see messages instead."""

    def on_frame(self, direction: Direction, body: bytes) -> None: ...

    def _now(self) -> float:
        return self._clock.now() - self._started_at

    # What comes of a turn (`scenario.replies.ReplyTaker`).

    def on_reply(self, reply: Reply) -> None:
        """The scenario has answered."""
        assert self._taker is not None
        assert self._process is not None
        if self._sees_turns:
            self._observer.on_reply(self._now(), reply, (real_now() - self._process.asked_at) * 1000)
        self._taker.on_reply(reply)

    def on_failed(self, error: ScenarioError) -> None:
        """The process is gone: what it did in this turn was never heard of."""
        assert self._taker is not None
        error.during = self._during(self._event)
        error.message += " The commands of this turn are dropped."
        self._note_death(error)
        self._observer.on_killed(self._now(), error.code, error.during)
        self._taker.on_failed(error)

    def _ask(self, message: Load | Turn, event: Event | None, taker: ReplyTaker) -> None:
        assert self._process is not None
        self._event, self._taker = event, taker
        if self._sees_turns:
            self._observer.on_sent(message.now, message)
        self._process.ask(message, self)

    def _during(self, event: Event | None) -> str:
        if event is None:
            return "the top level"
        places = self._places.get((event.target, event.name))
        return f"{event.name}, handler at {' and '.join(places)}" if places else event.name

    def _note_death(self, error: ScenarioError) -> None:
        """Sends no further turn; names the last thing the code said."""
        self.is_dead = True
        if self._last_line:
            error.message += f" Its last log line was: {self._last_line}"


def error_of(fault: Fault) -> ScenarioError:
    """Returns the error that a fault of the scenario's code is for the operator."""
    kind = ScenarioSyntaxError if fault.code == "script.syntax" else ScenarioError
    return kind(
        fault.code,
        fault.message,
        file=fault.file,
        line=fault.line,
        traceback=fault.traceback,
        during=fault.during,
    )
