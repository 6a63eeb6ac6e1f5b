"""The stand of these tests: the process of the independent clients, the server they call, and the judgement."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from conformance.emulator.invariants import check
from conformance.realtime.peers.tap import Conversation
from voxrt_command import VOXRT, check_output, environment
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.tones import dtmf
from voxruntime.audio.tonewords import encode

HERE = Path(__file__).parent
DIALOGUE = HERE / "desk.dialogue.toml"

RATE = 24000
"""The one rate that the official types know."""

PHRASES = ("hello", "one moment please", "call forwarding", "do not disturb", "goodbye", "mumble")

COMPLAINTS = {
    "openai": set(),
    # Yandex's published parts are `output_text` and `output_audio`, the official types know `text` and `audio`.
    "yandex": {"response.content_part.added part.type", "response.content_part.done part.type"},
}
"""Complaints of the official types that are documented differences of a profile, and no mistakes."""

_ITEM_EVENTS = (
    *(f"conversation.item.{event} item" for event in ("created", "added", "done")),
    *(f"response.output_item.{event} item" for event in ("added", "done")),
    "response.done response.output",
)

EXTRAS = {
    *(f"session.{event} session.{field}" for event in ("created", "updated") for field in ("id", "object")),
    # Yandex's own.
    *(
        f"session.{event} session.audio.{field}"
        for event in ("created", "updated")
        for field in ("input.languages", "output.role")
    ),
    # A key is told in the words of both providers.
    *(f"input_audio_buffer.dtmf_event_received {field}" for field in ("event_id", "digit", "timestamp_ms")),
    # Every item has these on the wire, and says why a listing failed; those of MCP have none in the types.
    *(f"{item}.{field}" for item in _ITEM_EVENTS for field in ("object", "status", "error")),
}
"""Fields that the official types do not have."""


@dataclass(frozen=True)
class Judgement:
    """What the official SDK's types say about events.

    Attributes:
        complaints: Each as `event.type field.path`, once.
        details: The same in full, for the eyes of who has to mend it.
        extras: Fields that the types do not have, as `event.type field.path`; they may be there.
    """

    complaints: frozenset[str]
    details: list[dict[str, str]]
    extras: frozenset[str]


class Clients:
    """The process in which the independent clients run.

    Args:
        python: Interpreter of their environment.
    """

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, "-s", HERE / "inside" / "serve.py"],
            # What is set for the Python of the tests is nothing to theirs.
            env={name: value for name, value in environment(None).items() if not name.startswith("PYTHON")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, module: str, name: str, **given: object) -> object:
        """Makes a call to a server and returns what its function returns; what fails there fails here."""
        return self._ask(do="call", module=module, name=name, given=given)["returned"]

    def judge(self, sender: Literal["client", "server"], texts: Sequence[str]) -> Judgement:
        """Judges events by the official SDK's types."""
        answer = self._ask(do="judge", sender=sender, texts=list(texts))
        details = answer["complaints"]
        named = frozenset(f"{detail['type']} {detail['field']}" for detail in details)
        return Judgement(named, details, frozenset(answer["extras"]))

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()

    def _ask(self, **request: object) -> dict[str, object]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process of the independent clients is gone; what it said stands on stderr"
        answer = json.loads(line)
        assert "traceback" not in answer, "in the environment of the clients:\n" + answer["traceback"]
        return answer


@contextmanager
def emulator(profile: str, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Runs `voxrt emulator` as a user does; yields its URL and its process, and checks how it ends."""
    command = [VOXRT, "emulator", "--port", "0", "--profile", profile, *options]
    if "--dialogue" not in options:
        command += ["--dialogue", str(DIALOGUE)]
    process = subprocess.Popen(
        command, env=environment(None), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, process.communicate()[1]
        yield url, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    check_output(errors)
    assert process.returncode == 130, errors


def in_tones(folder: Path) -> dict[str, str]:
    """Writes files of raw PCM16 at RATE in which tones carry words; returns their paths by those words."""
    spoken = {words: encode(words, RATE) for words in PHRASES}
    spoken["keys 4 2"] = dtmf("42", RATE)
    return {words: write(folder / f"{words}.pcm", pcm) for words, pcm in spoken.items()}


def write(path: Path, pcm: PCM16) -> str:
    """Writes raw samples and returns where they are."""
    path.write_bytes(pcm.astype("<i2").tobytes())
    return str(path)


def assert_judged_right(clients: Clients, conversation: Conversation, profile: str) -> None:
    """Fails when the official types complain, but for what is documented, or when events come in a wrong sequence."""
    texts = conversation.texts("server")
    assert texts, "nothing was recorded"
    judgement = clients.judge("server", texts)
    assert judgement.complaints <= COMPLAINTS[profile], judgement.details
    assert judgement.extras <= EXTRAS, sorted(judgement.extras - EXTRAS)
    violations = check(conversation.traffic, profile)
    assert not violations, violations
