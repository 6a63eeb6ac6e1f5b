"""How an error is shown to people: its place, the source with a caret, the event, the frames, what happened before.

One function, `fault_lines`, for every error that a terminal shows, whatever failed: a run, or a reload that leaves
the old code running. `FaultDetails` is the same for programs, as `--json` carries it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from voxruntime.check.caret import span_of
from voxruntime.check.javascript import hint_for, hint_for_failure
from voxruntime.cli.progress import clock_text
from voxruntime.errors import ConfigError, ScenarioError, ScenarioSyntaxError, VoxrtError
from voxruntime.log import NOTHING_SECRET, SecretMask, printable
from voxruntime.session.observer import SessionObserver
from voxruntime.turn.messages import Load, Turn

EVENTS_KEPT = 10
"""Events of a session that an error is shown with."""

LINES_BEFORE = 2
"""Lines of source above the one that failed."""

EXCERPT_CHARS = 120
"""Longest part of a source line that is shown."""

TAB_CHARS = 4

MAX_SOURCE_CHARS = 1024 * 1024

_INTERNAL_NAMES = {
    "timer": "a timer fired",
    "promise.resolve": "a promise was fulfilled",
    "promise.reject": "a promise was rejected",
    "reload.dispose": "new code took over from this",
    "reload.settled": "new code had taken over",
}
_HANDLER = re.compile(r"handler at (.+?):(\d+)")


class RecentEvent(msgspec.Struct, frozen=True):
    """One event that was given to the scenario.

    Attributes:
        t_ms: When, in ms from the session's start.
        name: The event, `Call.Connected`, or in words what has no name in the API.
    """

    t_ms: float
    name: str


class RecentEvents(SessionObserver):
    """Keeps the last events of a session."""

    def __init__(self) -> None:
        self._events: deque[RecentEvent] = deque(maxlen=EVENTS_KEPT)

    @property
    def events(self) -> Sequence[RecentEvent]:
        """The events, oldest first."""
        return tuple(self._events)

    def on_sent(self, now: float, message: Load | Turn) -> None:
        """Keeps an event; the load of the code is none."""
        if isinstance(message, Turn):
            name = _INTERNAL_NAMES.get(message.name, message.name)
            self._events.append(RecentEvent(round(now * 1000, 1), name))


class FaultDetails(msgspec.Struct, frozen=True):
    """What is known of an error beside its code and message.

    Attributes:
        file: Empty where no place is known; so is `excerpt` then.
        excerpt: Lines of the source, the last two of them the one that failed and its caret.
        hint: How Lua writes what does not compile, or fails, where that can be told.
        during: The event that was being handled, or the piece of code that ran, and its handler.
        traceback: Frames of the scenario, newest first.
        events: The last events of the session, oldest first.
    """

    file: str
    line: int
    excerpt: Sequence[str]
    hint: str
    during: str
    traceback: Sequence[str]
    events: Sequence[RecentEvent]


def details_of(
    error: VoxrtError,
    sources: Mapping[str, str] | None = None,
    events: Sequence[RecentEvent] = (),
    mask: SecretMask = NOTHING_SECRET,
) -> FaultDetails:
    """Collects what is known of an error.

    Args:
        error: What went wrong.
        sources: Texts of the scenario's files, by the names that messages use.
        events: The last events of its session, if it had one.
        mask: Secrets of the run.
    """
    file, line, text = "", 0, ""
    during, traceback = "", ""
    if isinstance(error, ScenarioError):
        # Only the operator's files are read from disk: a script's error may name any file.
        file, line = _place_of(error)
        text = (sources or {}).get(file, "")
        during, traceback = error.during, error.traceback
        if not during and events and error.code.startswith("script."):
            # A rejection that nobody handled belongs to the turn that made it.
            during = events[-1].name
    elif isinstance(error, ConfigError):
        file, line = error.file, error.line
        text = _read(file) if file and line else ""
    lines = [mask.mask(each) for each in text.split("\n")]
    message = mask.mask(error.message)
    hint = ""
    if isinstance(error, ScenarioSyntaxError) and 1 <= line <= len(lines):
        hint = hint_for(lines[line - 1], message)
    elif isinstance(error, ScenarioError):
        hint = hint_for_failure(message)
    return FaultDetails(
        file=file,
        line=line,
        excerpt=tuple(_excerpt(lines, line, message)),
        hint=hint,
        during=_shown(during, mask),
        traceback=tuple(_shown(frame.strip(), mask) for frame in traceback.splitlines()),
        events=tuple(RecentEvent(event.t_ms, _shown(event.name, mask)) for event in events),
    )


def fault_lines(
    error: VoxrtError,
    sources: Mapping[str, str] | None = None,
    events: Sequence[RecentEvent] = (),
    mask: SecretMask = NOTHING_SECRET,
) -> list[tuple[str, str]]:
    """Returns an error for a terminal, as lines with the level that each is shown at (`progress.print_line`).

    Args: as of `details_of`.
    """
    return list(_lines(_shown(_headline(error), mask), details_of(error, sources, events, mask)))


def render_fault(
    error: VoxrtError,
    sources: Mapping[str, str] | None = None,
    events: Sequence[RecentEvent] = (),
    mask: SecretMask = NOTHING_SECRET,
) -> str:
    """Returns the lines of `fault_lines` as one text."""
    return "\n".join(text for text, _level in fault_lines(error, sources, events, mask))


def _lines(headline: str, details: FaultDetails) -> Iterator[tuple[str, str]]:
    yield f"error: {headline}", "error"
    *source, carets = details.excerpt or [""]
    yield from ((line, "info") for line in source)
    if carets:
        yield carets, "error"
    if details.hint:
        yield f"  hint: {details.hint}", "info"
    if details.during:
        yield f"  during: {details.during}", "info"
    if details.traceback:
        yield "  traceback, newest first:", "debug"
        yield from ((f"    {frame}", "debug") for frame in details.traceback)
    if details.events:
        yield "  last events, newest last:", "debug"
        for event in details.events:
            yield f"    {clock_text(event.t_ms / 1000)}  {event.name}", "debug"


def _headline(error: VoxrtError) -> str:
    if isinstance(error, ScenarioError):
        # The event has a line of its own.
        place = f"{error.place}: " if error.place else ""
        return f"{place}{error.message} [{error.code}]"
    return str(error)


def _place_of(error: ScenarioError) -> tuple[str, int]:
    """Returns where an error is; of one without a place (a kill), where the handler is that ran."""
    if error.file and error.line:
        return error.file, error.line
    handler = _HANDLER.search(error.during)
    return (handler[1], int(handler[2])) if handler else (error.file, error.line)


def _read(file: str) -> str:
    """Returns the text of a file; empty when it cannot be read."""
    try:
        with Path(file).open(encoding="utf-8", errors="replace") as stream:
            return stream.read(MAX_SOURCE_CHARS)
    except (OSError, ValueError):
        return ""


def _shown(text: str, mask: SecretMask) -> str:
    return printable(mask.mask(text))


def _excerpt(lines: Sequence[str], number: int, message: str) -> list[str]:
    """Returns the lines of source up to one, and a caret below what the message is about; nothing for an empty line."""
    if not 1 <= number <= len(lines) or not lines[number - 1].strip():
        return []
    first = max(1, number - LINES_BEFORE)
    return excerpt_of(lines[first - 1 : number], first, span_of(lines[number - 1], message))


def excerpt_of(lines: Sequence[str], number: int, span: tuple[int, int]) -> list[str]:
    """Returns lines of source with their numbers, and carets below a part of the last.

    Args:
        lines: At least one.
        number: Number of the first.
        span: First character of the part and the one after it, counted from 0 in the line as it is in the file.
    """
    from rich.cells import cell_len  # noqa: PLC0415  # a run that ends well does not wait for it

    begin, end = (len(_columns(lines[-1][:at])) for at in span)
    first = max(0, begin - EXCERPT_CHARS // 2) if len(_columns(lines[-1])) > EXCERPT_CHARS else 0
    shown = [_columns(line)[first : first + EXCERPT_CHARS] for line in lines]
    width = max(5, len(str(number + len(lines) - 1)))
    # Wide characters take two columns of a terminal, marks none.
    under = " " * cell_len(shown[-1][: begin - first])
    carets = "^" * max(1, cell_len(shown[-1][begin - first : end - first]))
    numbered = [f"{at:{width}} | {line}".rstrip() for at, line in enumerate(shown, number)]
    return [*numbered, f"{'':{width}} | {under}{carets}"]


def _columns(line: str) -> str:
    """Returns a line without tabs and control characters, whose columns are then those of a terminal."""
    return printable(line.rstrip("\r").expandtabs(TAB_CHARS))
