"""Who watches a session: the log on the terminal, the event file, the run's result, the live line."""

from __future__ import annotations

from collections.abc import Sequence

from voxruntime.session.latency import ResponseTime
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord
from voxruntime.turn.messages import Load, Reply, Turn


class SessionObserver:
    """Told of everything that happens in a session, as it happens. `now` is in seconds of the session's clock.

    The methods do nothing here: an observer overrides those it needs. None may block or raise.
    """

    def on_log(self, now: float, level: str, text: str, place: str) -> None:
        """A log line: `place` is `file:line` of the scenario, or `voxrt` for a remark of voxrt itself."""

    @property
    def sees_turns(self) -> bool:
        """Whether `on_sent` or `on_reply` does anything here: of turns there may be some thousand a second."""
        kind = type(self)
        return kind.on_sent is not SessionObserver.on_sent or kind.on_reply is not SessionObserver.on_reply

    def on_sent(self, now: float, message: Load | Turn) -> None:
        """A turn goes to the scenario process."""

    def on_reply(self, now: float, reply: Reply, elapsed_ms: float) -> None:
        """Its reply came, `elapsed_ms` of real time later."""

    def on_call(self, now: float, call: CallRecord) -> None:
        """A call began, connected or ended."""

    def on_realtime(self, now: float, client: RealtimeRecord) -> None:
        """A realtime client connected or closed."""

    @property
    def sees_wire(self) -> bool:
        """Whether `on_wire` does anything here."""
        return type(self).on_wire is not SessionObserver.on_wire

    @property
    def sees_audio(self) -> bool:
        """Whether `on_wire` must see texts with audio too: nearly all are, so making them only to be skipped costs."""
        return False

    def on_wire(self, now: float, client: RealtimeRecord, direction: str, text: str) -> None:
        """A message went to (`>`) or came from (`<`) a provider; with audio, perhaps only if it `sees_audio`."""

    def on_answer(self, now: float, client: RealtimeRecord, response: ResponseTime) -> None:
        """The first sample of a spoken response goes to the caller."""

    def on_killed(self, now: float, code: str, during: str) -> None:
        """The scenario process was killed; the commands of the turn in flight are dropped."""

    def on_end(self, now: float, outcome: Outcome) -> None:
        """The session is over."""


class Observers(SessionObserver):
    """Several observers in place of one."""

    def __init__(self, observers: Sequence[SessionObserver]) -> None:
        self._observers = observers

    def on_log(self, now: float, level: str, text: str, place: str) -> None:
        for observer in self._observers:
            observer.on_log(now, level, text, place)

    @property
    def sees_turns(self) -> bool:
        return any(observer.sees_turns for observer in self._observers)

    def on_sent(self, now: float, message: Load | Turn) -> None:
        for observer in self._observers:
            observer.on_sent(now, message)

    def on_reply(self, now: float, reply: Reply, elapsed_ms: float) -> None:
        for observer in self._observers:
            observer.on_reply(now, reply, elapsed_ms)

    def on_call(self, now: float, call: CallRecord) -> None:
        for observer in self._observers:
            observer.on_call(now, call)

    def on_realtime(self, now: float, client: RealtimeRecord) -> None:
        for observer in self._observers:
            observer.on_realtime(now, client)

    @property
    def sees_wire(self) -> bool:
        return any(observer.sees_wire for observer in self._observers)

    @property
    def sees_audio(self) -> bool:
        return any(observer.sees_audio for observer in self._observers)

    def on_wire(self, now: float, client: RealtimeRecord, direction: str, text: str) -> None:
        for observer in self._observers:
            observer.on_wire(now, client, direction, text)

    def on_answer(self, now: float, client: RealtimeRecord, response: ResponseTime) -> None:
        for observer in self._observers:
            observer.on_answer(now, client, response)

    def on_killed(self, now: float, code: str, during: str) -> None:
        for observer in self._observers:
            observer.on_killed(now, code, during)

    def on_end(self, now: float, outcome: Outcome) -> None:
        for observer in self._observers:
            observer.on_end(now, outcome)
