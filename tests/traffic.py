"""What tests recorded of an embedded server's traffic; all of it is judged by the invariants when a test ends.

Stands that have a server in their own process record frames as they pass; runs of the `voxrt` command leave them in
their event log.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path

from conformance.emulator.invariants import Frame, check
from voxruntime.emulator.dialogue import load

Json = dict[str, object]

EMBEDDED_MODEL = "gpt://emulator/"
"""How the model of a session begins whose credentials are those of the embedded server."""


@dataclass
class Recording:
    """The frames of one session, in both directions, in order."""

    profile: str
    spoken_text: str = "profile"
    frames: list[Frame] = field(default_factory=list)


_recordings: list[Recording] = []


def record(profile: str, spoken_text: str = "profile") -> list[Frame]:
    """Returns a list for the frames of one session; what it holds at the end of the test must be sound."""
    recording = Recording(profile, spoken_text)
    _recordings.append(recording)
    return recording.frames


def record_event_log(log: Path) -> None:
    """Takes the sessions with the embedded server out of an event log, unless it had faults on purpose."""
    servers = [load(path).server for path in log.parent.rglob("*.dialogue.toml")]
    if any(server.faults for server in servers):
        return
    spoken_text = servers[0].spoken_text if len(servers) == 1 else "profile"
    _recordings.extend(
        Recording("yandex", spoken_text, frames)
        for frames in sessions_of(log.read_text(encoding="utf-8")).values()
        if is_embedded(frames)
    )


def sessions_of(text: str) -> dict[str, list[Frame]]:
    """Returns the frames of each client in an event log; those of clients with privacy are not there."""
    sessions: dict[str, list[Frame]] = {}
    # The last line of a run that was killed may be half a line.
    for line in map(json.loads, text.rpartition("\n")[0].splitlines()):
        if line["kind"] == "wire" and line["direction"] in "<>" and line.get("text"):
            # Without times: a busy machine delays what a run receives.
            sender = "server" if line["direction"] == "<" else "client"
            sessions.setdefault(line["client"], []).append(Frame(sender, with_audio(line)))
    return sessions


def with_audio(line: Json) -> str:
    """Returns a message with as much silence as the audio that the log left out."""
    if "audio" not in line:
        return line["text"]
    message = json.loads(line["text"])
    key = "audio" if "audio" in message else "delta"
    return json.dumps({**message, key: base64.b64encode(bytes(line["audio"]["bytes"])).decode()})


def is_embedded(frames: list[Frame]) -> bool:
    """Returns whether a session is one with the embedded server of a run."""
    events = (json.loads(frame.text) for frame in frames if frame.sender == "server")
    first = next(events, {})
    return first.get("session", {}).get("model", "").startswith(EMBEDDED_MODEL)


def judge() -> list[str]:
    """Returns what is wrong with everything that was recorded, and forgets it."""
    violations = [
        f"{recording.profile}: {violation}"
        for recording in _recordings
        for violation in check(recording.frames, recording.profile, recording.spoken_text)
    ]
    _recordings.clear()
    return violations
