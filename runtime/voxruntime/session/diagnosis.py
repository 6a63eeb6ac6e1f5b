"""What a scenario asks to be written about one realtime client: `trace`, all that was said; `statistics`, how much."""

from __future__ import annotations

import msgspec

from voxruntime.audio import levels, pcm
from voxruntime.files.client import FileProcess
from voxruntime.files.growing import Lines
from voxruntime.log import SecretMask, printable
from voxruntime.realtime.wire_text import split_audio
from voxruntime.session.hub import Hub
from voxruntime.session.records import RealtimeRecord
from voxruntime.session.services import SessionPlan
from voxruntime.turn.messages import ConnectRealtime

TICKS_PER_LINE = 50
"""20 ms ticks between two lines of statistics: a second."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """One line of statistics; sums since the client was made, but for `queued_ms`.

    Attributes:
        t_ms: Since the session's start.
        queued_ms: Audio of the provider that waits to be heard.
    """

    t_ms: float
    sent_messages: int
    sent_bytes: int
    received_messages: int
    received_bytes: int
    dropped_audio_ms: float
    queued_ms: float


class Diagnosis:
    """The files of one client, if it has any; their names stand in the session's log."""

    def __init__(
        self,
        hub: Hub,
        record: RealtimeRecord,
        mask: SecretMask,
        trace: Lines | None,
        statistics: Lines | None,
    ) -> None:
        self._hub = hub
        self._record = record
        self._mask = mask
        self._trace = trace
        self._statistics = statistics

    @property
    def sees_wire(self) -> bool:
        """Whether there is a trace: `on_wire` does nothing without."""
        return self._trace is not None

    def on_wire(self, direction: str, text: str) -> None:
        """Writes a message into the trace: `>` sent, `<` received, `!` why the last was dropped."""
        if self._trace is None:
            return
        if (parts := split_audio(text)) is not None:
            level = levels.dbfs(pcm.decode(parts.pcm))
            text = f"{parts.before}{len(parts.pcm)} bytes of audio, {level:.1f} dBFS{parts.after}"
        self._write(direction, text)

    def on_state(self, text: str) -> None:
        """Writes a change of the connection into the trace."""
        self._write("=", text)

    def after_second(self, queued_s: float, dropped_audio_ms: float) -> None:
        """Writes a line of statistics; says once that audio of the caller is lost.

        Args:
            queued_s: Audio of the provider that waits to be heard.
            dropped_audio_ms: Audio of the caller that was dropped so far.
        """
        if dropped_audio_ms and not self._record.dropped_audio_ms:
            who = f"{self._record.provider} client {self._record.id}"
            self._hub.note(
                "warning", f"{who}: the provider does not read; the caller's oldest audio is dropped."
            )
        self._record.dropped_audio_ms = dropped_audio_ms
        if self._statistics is not None:
            self._write_statistics(self._statistics, queued_s)

    def close(self, dropped_audio_ms: float) -> None:
        """Ends the files; nothing of the client is written any more."""
        self._record.dropped_audio_ms = dropped_audio_ms
        if self._statistics is not None:
            self._write_statistics(self._statistics, 0.0)
            self._statistics.finish()
        if self._trace is not None:
            self._trace.finish()
        self._trace = self._statistics = None

    def _write(self, direction: str, text: str) -> None:
        if self._trace is not None:
            line = f"{self._hub.now():.3f} {direction} {self._mask.mask_json(text)}"
            self._trace.write(printable(line).replace("\n", " "))

    def _write_statistics(self, lines: Lines, queued_s: float) -> None:
        traffic = self._record.traffic
        line = Statistics(
            t_ms=round(self._hub.now() * 1000, 1),
            sent_messages=traffic.sent_messages,
            sent_bytes=traffic.sent_bytes,
            received_messages=traffic.received_messages,
            received_bytes=traffic.received_bytes,
            dropped_audio_ms=self._record.dropped_audio_ms,
            queued_ms=round(queued_s * 1000, 1),
        )
        lines.write(msgspec.json.encode(line).decode())


class Diagnostics:
    """Begins the diagnosis of each client of a session.

    Args:
        hub: The session.
        files: The io process.
        plan: Says where files go and what is left out of them.
    """

    def __init__(self, hub: Hub, files: FileProcess, plan: SessionPlan) -> None:
        self._hub = hub
        self._files = files
        self._folder = plan.recordings.folder
        self._mask = plan.mask

    def begin(self, command: ConnectRealtime, record: RealtimeRecord) -> Diagnosis:
        """Returns the diagnosis that the command asks for; a private client has no trace, whatever it asks for."""
        # A key that stands in the scenario's text is no secret of the operator's until it is used as one.
        self._mask.add("api_key", command.api_key)
        name = f"{self._folder.name}/{command.id}"
        places, trace, statistics = [], None, None
        if command.trace and command.privacy:
            self._hub.note(
                "warning", f"{record.provider} client {record.id}: privacy is on, so nothing is traced."
            )
        elif command.trace:
            trace = self._open(f"{command.id}.trace.txt")
            places.append(f"trace {name}.trace.txt")
        if command.statistics:
            statistics = self._open(f"{command.id}.statistics.jsonl")
            places.append(f"statistics {name}.statistics.jsonl")
        if places:
            who = f"{record.provider} client {record.id}, socket {command.socket_id}"
            self._hub.note("info", f"websocket.created: {who}: {', '.join(places)}")
        return Diagnosis(self._hub, record, self._mask, trace, statistics)

    def _open(self, name: str) -> Lines:
        path = self._folder / name

        def on_error(code: str, problem: str) -> None:
            self._hub.note("error", f"{path}: {problem} [{code}]")

        self._files.make_folder(self._folder)
        return self._files.open_lines(path, on_error)
