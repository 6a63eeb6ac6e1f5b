"""The engine: one 20 ms timetable for all sessions, and what they share.

Sessions are spread over slots; each slot has a media graph of its own, and its ticks lie on an absolute timetable, at
another place within the 20 ms. A late tick runs at once and is counted; none is skipped in silence.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from voxruntime.audio.pcm import FRAME_S
from voxruntime.clock import Clock, Timer, cpu_now
from voxruntime.config import Limits
from voxruntime.errors import ConfigError
from voxruntime.event_loop import EngineLoop
from voxruntime.files.client import FileProcess
from voxruntime.media.graph import Graph
from voxruntime.media.lateness import Lateness, LoadMeter
from voxruntime.platform import FifoScheduling, IntervalTimer, has_interval_timer, request_fifo
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.calls import Dial
from voxruntime.session.observer import SessionObserver
from voxruntime.session.services import ConnectProvider, SessionPlan, SessionServices
from voxruntime.session.session import Session

SLOT_PLACES = (0.0, 0.5, 0.25, 0.75)
"""Where in the 20 ms a slot's ticks begin, in order of opening: as far from the others as there is room."""

SESSIONS_PER_SLOT = 100
"""Sessions after which another slot is opened: few enough that a provider near by answers them all between the stages.

A slot costs about 1 % of a core, and what is done for many sessions at once is done for fewer.
"""

RESYNC_S = 1.0
"""A timetable this far behind (a suspended machine) starts anew; the ticks left out are counted."""

FIFO_PRIORITY = 10
"""Above every normal process, below the kernel's own real-time threads."""

RUNAWAY_S = 2.0
"""An engine that computes this long without once waiting is broken or overloaded, and leaves the machine to others."""

OUT_AFTER_S = 0.0085
"""From the first stage of a tick to the second: a provider near by has answered a slot's sessions by then, and a far one
is no worse off. The second stages of slots fall between the first stages of others."""

FULL_COLLECTION_AFTER = 1000
"""Collections of the middle generation between two full ones: every ten seconds there is one, with many sessions."""

EARLY_S = 0.0001
"""A wakeup this much before its time counts as in time: clocks round differently."""

FULL_LATE_MS, FULL_SHARE = 20.0, 0.8
"""The engine takes no further session when one in five ticks of the last seconds was this late: such frames are missed.

One stall of some tenths of a second, as when many sessions begin, is not enough.
"""

SLOW_TURN_S, FEW_SLOW = 0.5, 5
"""It takes none either when one scenario in five, and at least FEW_SLOW of them, has been at one turn for so long.

An engine with real-time scheduling stays punctual where its scenarios hardly get a processor any more.
"""


class _Beat:
    """Calls back every 20 ms on an absolute timetable: by timerfd where there is one, by the loop's timers elsewhere.

    A loop's own timers are up to 1 ms late, since epoll waits in whole milliseconds.
    """

    def __init__(self, clock: Clock, on_beat: Callable[[], None], lateness: Lateness) -> None:
        self._clock = clock
        self._on_beat = on_beat
        self._lateness = lateness
        self._deadline = 0.0
        self._timer: IntervalTimer | None = None
        self._handle: Timer | None = None

    @property
    def is_running(self) -> bool:
        return self._timer is not None or self._handle is not None

    def start(self, first: float) -> None:
        """Begins at `first`, seconds of the clock."""
        self._deadline = first
        if has_interval_timer() and not self._clock.is_virtual:
            self._timer = IntervalTimer(self._clock.loop_time(first), FRAME_S)
            loop = self._clock.loop
            add_reader = loop.add_urgent_reader if isinstance(loop, EngineLoop) else loop.add_reader
            add_reader(self._timer.fileno(), self._on_due)
        else:
            self._handle = self._clock.call_at(first, self._on_due)

    def stop(self) -> None:
        """Ends the beat."""
        if self._timer is not None:
            self._clock.loop.remove_reader(self._timer.fileno())
            self._timer.close()
            self._timer = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _on_due(self) -> None:
        if self._timer is not None:
            self._timer.expirations()
        behind = self._clock.now() - self._deadline
        if behind > RESYNC_S:
            missed = int(behind / FRAME_S)
            self._lateness.skipped += missed
            self._deadline += missed * FRAME_S
        while self.is_running and (late := self._clock.now() - self._deadline) >= -EARLY_S:
            self._lateness.add(late, now=self._deadline)
            self._deadline += FRAME_S
            self._on_beat()
        if self._handle is not None:
            self._handle = self._clock.call_at(self._deadline, self._on_due)


class _Slot:
    """Sessions that tick together, on one graph."""

    def __init__(self, clock: Clock, late_in: Lateness, late_out: Lateness, load: LoadMeter) -> None:
        self._clock = clock
        self._load = load
        self.graph = Graph()
        self.sessions: list[Session] = []
        self._in = _Beat(clock, self._take_in, late_in)
        self._out = _Beat(clock, self._give_out, late_out)
        self._is_half_done = False

    @property
    def is_running(self) -> bool:
        return self._in.is_running

    def start(self, first: float) -> None:
        """Begins to tick at `first`, seconds of the clock."""
        self._in.start(first)
        self._out.start(first + OUT_AFTER_S)

    def stop(self) -> None:
        """Ends the ticks."""
        self._in.stop()
        self._out.stop()
        self.graph.lay_out()

    def _take_in(self) -> None:
        # After a stall both are due, in no order.
        self._give_out()
        self.graph.take_in()
        self._is_half_done = True

    def _give_out(self) -> None:
        if not self._is_half_done:
            return
        self._is_half_done = False
        self.graph.give_out()
        for session in self.sessions:
            session.after_tick()
        self._load.sample(cpu_now, now=self._clock.now())


class Engine:
    """All sessions of one process. Order: construct, `open_session` for each, `close`.

    Args:
        clock: Time of everything in it.
        limits: The limits of each session.
        files: The io process, started.
        scenarios: Starts scenario processes, started.
        dial: Opens the far end of an outgoing call.
        connect: Opens a realtime client at its provider.
    """

    def __init__(
        self,
        clock: Clock,
        limits: Limits,
        files: FileProcess,
        scenarios: ScenarioHost,
        dial: Dial,
        connect: ConnectProvider,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._files = files
        self._scenarios = scenarios
        self._dial = dial
        self._connect = connect
        self._slots: list[_Slot] = []
        self._start = clock.now()
        self._load = LoadMeter()
        self.lateness = Lateness()
        """Of the first stage of ticks."""
        self.lateness_out = Lateness()
        """Of the second."""

    def request_fifo(self, warn: Callable[[str], None]) -> FifoScheduling:
        """Asks for SCHED_FIFO, so that other processes do not make ticks late.

        Args:
            warn: Told when the engine never waited for RUNAWAY_S and is back at normal scheduling.
        """

        def on_runaway() -> None:
            text = (
                f"The engine computed for {RUNAWAY_S:g} s without a pause and lost its real-time scheduling."
            )
            # The signal may come inside any callback, so the warning waits for its turn on the loop.
            self._clock.loop.call_soon_threadsafe(warn, text)

        return request_fifo(FIFO_PRIORITY, RUNAWAY_S, on_runaway)

    def open_session(self, plan: SessionPlan, observer: SessionObserver) -> Session:
        """Returns a new session with its place in the timetable; the caller awaits its `run`, then releases it.

        Raises:
            ConfigError: Those that are there have late frames or slow turns already (`engine.full`).
        """
        if reason := self._why_full():
            advice = "Try again when some have ended, or give it a faster or quieter processor."
            raise ConfigError("engine.full", f"The engine is full: {reason}. {advice}")
        slot = self._choose_slot()
        services = SessionServices(
            self._clock, self._limits, slot.graph, self._files, self._scenarios, self._dial, self._connect
        )
        session = Session(plan, services, observer)
        slot.sessions.append(session)
        if not slot.is_running:
            slot.start(self._next_deadline(self._slots.index(slot)))
        return session

    def release_session(self, session: Session) -> None:
        """Takes a session that has ended out of the timetable."""
        slot = next(slot for slot in self._slots if session in slot.sessions)
        slot.sessions.remove(session)
        if not slot.sessions:
            slot.stop()

    def media_figures(self) -> dict[str, object]:
        """Returns what the run's result says of punctuality and load; of the two stages the later one.

        The histogram has both stages of each tick.
        """
        first, second = self.lateness.summary(), self.lateness_out.summary()
        late = {name: max(first[name], second[name]) for name in first if name.startswith("late")}
        figures: dict[str, object] = {**first, **late, "late_recent_p99_ms": self._recent_late_ms(0.99)}
        late_out = self.lateness_out.histogram()
        histogram = {name: count + late_out[name] for name, count in self.lateness.histogram().items()}
        figures["late_histogram"] = histogram
        if not self._clock.is_virtual:
            figures |= {
                "load_pct": round(100 * self._load.share, 1),
                "load_max_pct": round(100 * self._load.max_share, 1),
            }
        return figures

    def close(self) -> None:
        """Stops the timetable."""
        for slot in self._slots:
            slot.stop()

    def _why_full(self) -> str:
        """Returns why no further session is taken; an empty string when one is."""
        late_ms = self._recent_late_ms(FULL_SHARE)
        if late_ms >= FULL_LATE_MS:
            sessions = sum(len(slot.sessions) for slot in self._slots)
            return f"with {sessions} sessions its frames are {late_ms:g} ms late, one in five"
        slow, scenarios = self._scenarios.count_slow(SLOW_TURN_S)
        if slow >= max(FEW_SLOW, (1 - FULL_SHARE) * scenarios):
            return f"{slow} of {scenarios} scenarios have been at one turn for over {SLOW_TURN_S:g} s"
        return ""

    def _recent_late_ms(self, share: float) -> float:
        """Returns how late the ticks of the last seconds were, in ms, whichever stage was later."""
        now = self._clock.now()
        return max(late.recent_percentile_ms(share, now=now) for late in (self.lateness, self.lateness_out))

    def _choose_slot(self) -> _Slot:
        total = sum(len(slot.sessions) for slot in self._slots)
        if len(self._slots) < min(len(SLOT_PLACES), 1 + total // SESSIONS_PER_SLOT):
            self._slots.append(_Slot(self._clock, self.lateness, self.lateness_out, self._load))
        return min(self._slots, key=lambda slot: len(slot.sessions))

    def _next_deadline(self, slot: int) -> float:
        """Returns the slot's next time on the engine's timetable."""
        first = self._start + FRAME_S * SLOT_PLACES[slot]
        return first + FRAME_S * (int((self._clock.now() - first) / FRAME_S) + 1)


def settle_memory() -> None:
    """Keeps the collector from full collections, which stall the media of all sessions, by a quarter of a second for 100.

    What is there lives as long as the engine and is no longer looked at. What comes later and lives long, sessions, is
    freed without the collector but for some hundred bytes each, which wait for hours.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_COLLECTION_AFTER)
    gc.enable()
