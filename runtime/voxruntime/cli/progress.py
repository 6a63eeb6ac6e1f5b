"""What a run prints on stderr while it runs: one line an event."""

from __future__ import annotations

import click

from voxruntime.session.observer import SessionObserver
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord

_COLOURS = {"error": "red", "warning": "yellow", "debug": "bright_black"}


def clock_text(seconds: float) -> str:
    """Formats seconds of a session as `1:02.345`."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:06.3f}"


class ProgressLines(SessionObserver):
    """Prints plain lines; colours only on a terminal.

    Args:
        is_verbose: Whether remarks at level `debug` and every wire message type are shown.
    """

    def __init__(self, *, is_verbose: bool) -> None:
        self._is_verbose = is_verbose

    def on_log(self, now: float, level: str, text: str, place: str) -> None:
        if level != "debug" or self._is_verbose:
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
        if client.refusal is not None:
            self._line(now, f"{client.provider} client {client.id}: {client.refusal}", "warning")
        else:
            self._line(now, f"{client.provider} client {client.id}: {'open' if client.is_open else 'closed'}")

    def on_wire(self, now: float, client: RealtimeRecord, direction: str, text: str) -> None:
        if (
            self._is_verbose
            and '"response.output_audio.delta"' not in text[:200]
            and "input_audio_buffer.append" not in text[:80]
        ):
            shown = (
                "(private)"
                if client.privacy
                else text
                if len(text) <= 200
                else f"{text[:200]}… ({len(text)} characters)"
            )
            self._line(now, f"{direction} {shown}", "debug")

    def on_end(self, now: float, outcome: Outcome) -> None:
        self._line(now, f"session ended: {outcome.result}")

    def _line(self, now: float, text: str, level: str = "info") -> None:
        click.secho(f"{clock_text(now)}  {text}", fg=_COLOURS.get(level), err=True)
