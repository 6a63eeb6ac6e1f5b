"""What tests recorded of an embedded server's traffic; all of it is judged by the invariants when a test ends."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.emulator.invariants import Frame, check


@dataclass
class Recording:
    """The frames of one session, in both directions, in order."""

    profile: str
    spoken_text: str
    frames: list[Frame]


_recordings: list[Recording] = []


def record(profile: str, spoken_text: str = "profile") -> list[Frame]:
    """Returns a list for the frames of one session; what it holds at the end of the test must be sound."""
    recording = Recording(profile, spoken_text, [])
    _recordings.append(recording)
    return recording.frames


def judge() -> list[str]:
    """Returns what is wrong with everything that was recorded, and forgets it."""
    violations = [
        f"{recording.profile}: {violation}"
        for recording in _recordings
        for violation in check(recording.frames, recording.profile, recording.spoken_text)
    ]
    _recordings.clear()
    return violations
