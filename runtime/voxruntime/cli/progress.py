"""What a run prints on stderr while it runs: one line an event."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import click

from voxruntime.cli.transcript import Transcript, Utterance
from voxruntime.log import SecretMask, printable
from voxruntime.session.latency import ResponseTime
from voxruntime.session.observer import SessionObserver
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord

_MESSAGE_TYPE = re.compile(r'"type"\s*:\s*"([^"]+)"')
_AUDIO = ("response.output_audio.delta", "input_audio_buffer.append")

_COLOURS = {"error": "red", "warning": "yellow", "debug": "bright_black", "said": "green"}


def clock_text(seconds: float) -> str:
    """Formats seconds of a session as `1:02.345`."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:06.3f}"


def styled(line: str, level: str) -> str:
    """Returns a line in the colour of its level."""
    return click.style(line, fg=_COLOURS.get(level))


def print_line(line: str, level: str) -> None:
    """Prints one line on stderr; colours only on a terminal."""
    # A run whose stderr nobody reads any more goes on.
    with suppress(OSError):
        click.echo(styled(line, level), err=True)


class ProgressLines(SessionObserver):
    """Says what happens, a line each: log, calls, clients, what is said, how long the caller waited.

    Args:
        mask: Secrets of the run.
        verbosity: 0 as a rule; 1 shows remarks at level `debug` too, 2 the types of wire messages.
        show: Takes each line, with its level.
    """

    def __init__(
        self, mask: SecretMask, verbosity: int = 0, show: Callable[[str, str], None] = print_line
    ) -> None:
        self._mask = mask
        self._verbosity = verbosity
        self.show = show
        self._transcript = Transcript(mask, self._on_utterance)

    def on_log(self, now: float, level: str, text: str, place: str) -> None:
        if level != "debug" or self._verbosity:
            self._line(now, f"{place}: {text}" if place else text, level)

    def on_call(self, now: float, call: CallRecord) -> None:
        who = f"{call.direction} call {call.id}, {call.caller or 'unknown'} to {call.callee or 'unknown'}"
        ended = (
            f" {call.code} {call.reason}, {call.duration_ms / 1000:.1f} s"
            if call.state == "TERMINATED"
            else ""
        )
        self._line(now, f"{who}: {call.state}{ended}")

    def on_realtime(self, now: float, client: RealtimeRecord) -> None:
        self._transcript.on_realtime(now, client)
        if client.refusal is not None:
            self._line(now, f"{client.provider} client {client.id}: {client.refusal}", "warning")
        else:
            self._line(now, f"{client.provider} client {client.id}: {'open' if client.is_open else 'closed'}")

    def on_answer(self, now: float, client: RealtimeRecord, response: ResponseTime) -> None:  # noqa: ARG002
        if response.response_ms is not None:
            self._line(now, f"answered after {response.response_ms:.0f} ms")

    def on_wire(self, now: float, client: RealtimeRecord, direction: str, text: str) -> None:
        self._transcript.on_wire(now, client, direction, text)
        if self._verbosity > 1 and not client.privacy:
            kind = _MESSAGE_TYPE.search(text)
            name = kind[1] if kind else "no type"
            if name not in _AUDIO:
                self._line(now, f"{direction} {name}, {len(text)} characters", "debug")

    def on_end(self, now: float, outcome: Outcome) -> None:
        self._transcript.on_end(now, outcome)
        self._line(now, f"session ended: {outcome.result}")

    def _on_utterance(self, utterance: Utterance) -> None:
        self._line(utterance.now, str(utterance), "said")

    def _line(self, now: float, text: str, level: str = "info") -> None:
        self.show(f"{clock_text(now)}  {printable(self._mask.mask(text))}", level)
