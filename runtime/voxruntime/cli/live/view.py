"""What the live line shows: state of the call, who speaks, the last words both ways, the wait. Pure; imports rich."""

from __future__ import annotations

import statistics
from collections import deque

import msgspec
import numpy as np
from rich.text import Text

from voxruntime.audio.levels import SILENCE_DBFS, dbfs
from voxruntime.audio.pcm import PCM16
from voxruntime.cli.transcript import AGENT, CALLER, Transcript, Utterance
from voxruntime.log import SecretMask, printable
from voxruntime.session.latency import ResponseTime
from voxruntime.session.observer import SessionObserver
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord

METER_CELLS = 10
METER_FLOOR_DBFS = -60.0
"""Level at which the meter is empty; full at 0 dBFS."""

SPEAKS_DBFS = -45.0
"""Level from which somebody is shown as speaking."""

METERED_FRAMES = 5
"""Most frames of one measurement: those of a tenth of a second."""

HINT = "0-9 * # press · > says a line · Ctrl-C hangs up"
RELOAD_HINT = "0-9 * # press · > says a line · r reloads · h hangs up · c calls again · q quits"
DRAFT_HINT = "  Enter says it, Esc drops it"

_STATES = {
    "ALERTING": "rings",
    "PROGRESSING": "is being called",
    "CONNECTED": "connected",
    "TERMINATED": "ended",
}


class Glyphs(msgspec.Struct, frozen=True):
    """The characters of meters and marks."""

    full: str
    empty: str
    dot: str
    arrow: str


UNICODE = Glyphs("▮", "▯", "·", "→")
ASCII = Glyphs("#", ".", "-", "->")


class Meter:
    """The level of one direction of a call: of what passed between the last two times that it was measured."""

    def __init__(self) -> None:
        self._frames: deque[PCM16] = deque(maxlen=METERED_FRAMES)
        self.level_dbfs = SILENCE_DBFS

    def add(self, frame: PCM16 | None) -> None:
        """Takes 20 ms."""
        if frame is not None:
            self._frames.append(frame)

    def measure(self) -> None:
        """Measures what came since the last time."""
        self.level_dbfs = dbfs(np.concatenate(self._frames)) if self._frames else SILENCE_DBFS
        self._frames.clear()


class CallAudio(msgspec.Struct):
    """Both directions of a call: what the far end says and what it hears.

    Attributes:
        is_muted: Whether the far end is not listened to, because it would hear the agent.
    """

    far_end: Meter = msgspec.field(default_factory=Meter)
    agent: Meter = msgspec.field(default_factory=Meter)
    is_muted: bool = False

    def observe(self, from_far_end: PCM16 | None, to_far_end: PCM16 | None) -> None:
        """Takes 20 ms of both."""
        self.far_end.add(from_far_end)
        self.agent.add(to_far_end)

    def measure(self) -> None:
        """Measures both."""
        self.far_end.measure()
        self.agent.measure()


class View(SessionObserver):
    """Gathers what is shown, and makes lines of it.

    Args:
        mask: Secrets of the run.
        glyphs: What the terminal can show.
    """

    def __init__(self, mask: SecretMask, glyphs: Glyphs = UNICODE) -> None:
        self._mask = mask
        self.hint = HINT
        """What keys do."""
        self._glyphs = glyphs
        self._transcript = Transcript(mask, self._on_utterance)
        self._calls: dict[str, CallRecord] = {}
        self._last_words = {CALLER: "", AGENT: ""}
        self._waits_ms: list[float] = []
        self.audio = CallAudio()
        self.followed_call = ""
        """Id of the call that `audio` is of: while there is none, the call that changed last is shown."""

    def on_call(self, now: float, call: CallRecord) -> None:  # noqa: ARG002  # its record has the times
        """Takes note of a call that changed."""
        self._calls.pop(call.id, None)
        self._calls[call.id] = call

    def on_realtime(self, now: float, client: RealtimeRecord) -> None:
        """Shows what a client that closes left unfinished."""
        self._transcript.on_realtime(now, client)

    def on_wire(self, now: float, client: RealtimeRecord, direction: str, text: str) -> None:
        """Looks for words in a message."""
        self._transcript.on_wire(now, client, direction, text)

    def on_answer(self, now: float, client: RealtimeRecord, response: ResponseTime) -> None:  # noqa: ARG002
        """Shows how long the caller waited."""
        if response.response_ms is not None:
            self._waits_ms.append(response.response_ms)

    def on_end(self, now: float, outcome: Outcome) -> None:
        """Shows the last words."""
        self._transcript.on_end(now, outcome)

    def lines(self, now: float, draft: str | None, *, can_type: bool, columns: int) -> list[Text]:
        """Returns the lines to show, each at most `columns` cells wide.

        Args:
            now: Seconds of the session's clock.
            draft: What is being typed after `>`; None when nothing is.
            can_type: Whether keys reach the call.
            columns: Cells of a line.
        """
        audio = self.audio
        lines = [
            self._status(now),
            self._party(CALLER, audio.far_end.level_dbfs, is_muted=audio.is_muted),
            self._party(AGENT, audio.agent.level_dbfs),
        ]
        if draft is not None:
            hint = DRAFT_HINT if columns >= 2 * len(DRAFT_HINT) else ""
            # The end of a long line is where it grows.
            shown = draft.lstrip()[-max(1, columns - len(hint) - 3) :]
            lines.append(Text.assemble(("> ", "bold"), shown, ("_", "blink"), (hint, "dim")))
        elif can_type:
            lines.append(Text(self.hint.replace("·", self._glyphs.dot), style="dim"))
        for line in lines:
            line.truncate(columns, overflow="ellipsis" if self._glyphs is UNICODE else "crop")
        return lines

    def _status(self, now: float) -> Text:
        minutes, seconds = divmod(int(now), 60)
        dot = f" {self._glyphs.dot} "
        text = Text.assemble((f"{minutes}:{seconds:02} ", "bold"))
        calls = list(self._calls.values())
        if not calls:
            return text.append("no call yet", style="yellow")
        call = self._calls.get(self.followed_call, calls[-1])
        is_connected = call.state == "CONNECTED"
        text.append(_STATES.get(call.state, call.state), style="green" if is_connected else "yellow")
        if self._waits_ms:
            text.append(f"{dot}answered after {self._waits_ms[-1]:.0f} ms")
        if len(self._waits_ms) > 1:
            text.append(f" (median of {len(self._waits_ms)}: {statistics.median(self._waits_ms):.0f} ms)")
        caller, callee = (self._mask.mask(number or "unknown") for number in (call.caller, call.callee))
        text.append(f"{dot}{printable(f'{caller} {self._glyphs.arrow} {callee}')}")
        if len(calls) > 1:
            text.append(f"{dot}{len(calls)} calls")
        return text

    def _party(self, speaker: str, level_dbfs: float, *, is_muted: bool = False) -> Text:
        share = 1 - level_dbfs / METER_FLOOR_DBFS
        full = round(min(1.0, max(0.0, share)) * METER_CELLS)
        speaks = level_dbfs >= SPEAKS_DBFS
        return Text.assemble(
            (f"{speaker:<7}", "bold" if speaks else "dim"),
            (self._glyphs.full * full, "green" if speaks else "dim"),
            (self._glyphs.empty * (METER_CELLS - full), "dim"),
            " ",
            ("(microphone shut) " if is_muted else "", "yellow"),
            self._last_words[speaker],
        )

    def _on_utterance(self, utterance: Utterance) -> None:
        speaker = utterance.speaker.partition(" ")[0]
        self._last_words[speaker] = str(utterance).partition(": ")[2]
