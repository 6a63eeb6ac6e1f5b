"""The brain of the embedded server: client events and audio in, server events and requests for work out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain import client_events as client
from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.requests import Request
from voxruntime.emulator.brain.session import Session
from voxruntime.emulator.brain.wire import JsonObject, NewId, Outbox
from voxruntime.emulator.dialogue import Dialogue
from voxruntime.emulator.mcp.messages import Tool
from voxruntime.emulator.profiles import Profile

NORMAL_CLOSE, GOING_AWAY, POLICY_VIOLATION = 1000, 1001, 1008


class Close(msgspec.Struct, frozen=True):
    """The server ends the connection."""

    code: int
    reason: str


class Brain:
    """Server side of one realtime session, without I/O.

    After every call: send `outgoing()`, do the work of `requests()`, close when `closing()` says so, then arm a timer
    for `next_deadline()` and call `tick` at it. Results of work are given back through `voice_detected`, `recognized`,
    `synthesized` and their failures. What a client sends wrongly becomes an `error` event; no call raises.

    Args:
        model: What the client asked for in the URL.
        profile: Whose dialect is spoken.
        dialogue: What is expected and said.
        new_id: Makes ids.
        detector_window_ms: Window of an outside voice detector; None to detect turns by loudness.
        now: Seconds; the session begins.
        unix_s: Seconds since 1970 at second 0 of `now`.
    """

    def __init__(
        self,
        model: str,
        profile: Profile,
        dialogue: Dialogue,
        *,
        new_id: NewId,
        detector_window_ms: float | None,
        now: float,
        unix_s: float,
    ) -> None:
        self._max_session_s = dialogue.server.max_session_s
        self._began_at = now
        self._close: Close | None = None
        self._outbox = Outbox(new_id)
        self._session = Session(
            model,
            profile,
            dialogue,
            outbox=self._outbox,
            new_id=new_id,
            detector_window_ms=detector_window_ms,
            unix_s=unix_s,
        )
        if profile.needs_model_uri and not model.startswith("gpt://"):
            message = f"The model {shown(model)} is no URI of the form gpt://<folder>/<model>."
            self._end(Rejected(Code.INVALID_MODEL, message, "model"), POLICY_VIOLATION)
        else:
            self._session.greet_client()

    def replace_dialogue(self, dialogue: Dialogue) -> bool:
        """Goes on with another dialogue; False when the conversation cannot."""
        return self._session.run.replace(dialogue)

    def receive_text(self, text: str, *, now: float) -> None:
        """Takes one text frame of the client."""
        if self._close:
            return
        event_id: str | None = None
        try:
            message = client.decode(text)
            event_id = client.client_event_id(message)
            self._session.handle(client.parse(message), now)
        except Rejected as rejected:
            self._outbox.emit_error(rejected, event_id)
        self._session.settle(now)

    def receive_binary(self, *, now: float) -> None:
        """Takes note of a binary frame, which the protocol does not have."""
        rejected = Rejected(
            Code.INVALID_EVENT, "Binary frames are not part of the protocol; send JSON as text."
        )
        self._outbox.emit_error(rejected, None)
        self._session.settle(now)

    def voice_detected(self, probabilities: Sequence[float], *, now: float) -> None:
        """Takes the speech probability of each window that a `DetectVoice` completed."""
        self._session.act(
            self._session.listening.voice_detected(probabilities, self._session.turn_detection), now
        )
        self._session.settle(now)

    def voice_detection_failed(self, *, now: float) -> None:
        """Goes on detecting turns by loudness, for the rest of the session."""
        self._session.act(self._session.listening.detect_by_energy(), now)
        self._session.settle(now)

    def speech_restarted(self, message: str, *, now: float) -> None:
        """Tells the client that the engines which hear and speak began anew; what they were doing has failed."""
        self._outbox.emit_server_error(Code.SPEECH_RESTARTED, message)
        self._session.settle(now)

    def recognized(self, request_id: int, text: str, *, now: float) -> None:
        """Takes the result of a `Recognize`: what was said, empty when nothing was understood."""
        self._session.transcription.recognized(request_id, text, is_told=self._session.tells_transcripts)
        self._session.settle(now)

    def recognition_failed(self, request_id: int, reason: str, *, now: float) -> None:
        """Takes the failure of a `Recognize`: the dialogue goes on as if nothing was understood."""
        self._session.transcription.failed(request_id, reason, is_told=self._session.tells_transcripts)
        self._session.settle(now)

    def synthesized(self, request_id: int, pcm: PCM16, rate: int, *, now: float) -> None:
        """Takes a piece of speech that a `Synthesize` asked for."""
        self._session.responses.synthesized(request_id, pcm, rate, now)
        self._session.settle(now)

    def synthesis_ended(self, request_id: int, rate: int, *, now: float) -> None:
        """Tells that a `Synthesize` is done."""
        self._session.responses.synthesis_ended(request_id, rate, now)
        self._session.settle(now)

    def synthesis_failed(self, request_id: int, reason: str, *, now: float) -> None:
        """Takes the failure of a `Synthesize`: its response fails."""
        self._session.responses.synthesis_failed(request_id, reason)
        self._session.settle(now)

    def tools_listed(self, request_id: int, tools: Sequence[Tool], *, now: float) -> None:
        """Takes the result of a `ListTools`."""
        self._session.mcp.listed(request_id, tools)
        self._session.settle(now)

    def tool_listing_failed(self, request_id: int, reason: str, *, now: float) -> None:
        """Takes the failure of a `ListTools`: the server's tools are not called."""
        self._session.mcp.list_failed(request_id, reason)
        self._session.settle(now)

    def tool_returned(self, request_id: int, output: str, *, now: float) -> None:
        """Takes the result of a `CallTool`."""
        self._session.responses.tool_returned(request_id, output, now)
        self._session.settle(now)

    def tool_failed(self, request_id: int, error: JsonObject, *, now: float) -> None:
        """Takes the failure of a `CallTool`, as `mcp_call` items show it."""
        self._session.responses.tool_failed(request_id, error, now)
        self._session.settle(now)

    def outgoing(self) -> list[str]:
        """Hands over the events to send, as JSON texts, and forgets them."""
        return self._outbox.drain()

    def requests(self) -> list[Request]:
        """Hands over the work to do and forgets it."""
        return self._session.requests.drain()

    def closing(self) -> Close | None:
        """Returns how the connection is to be closed once everything is sent; None while it stays open."""
        return self._close

    def next_deadline(self) -> float | None:
        """Returns when `tick` is due; None when nothing waits for time."""
        if self._close:
            return None
        due = [self._session.responses.next_deadline(), self._session.silence_deadline(), self._expiry()]
        return min((deadline for deadline in due if deadline is not None), default=None)

    def tick(self, *, now: float) -> None:
        """Does what is due."""
        if self._close:
            return
        expiry, silence, rules = (
            self._expiry(),
            self._session.silence_deadline(),
            self._session.turn_detection,
        )
        if expiry is not None and now >= expiry:
            seconds = self._max_session_s
            self._end(Rejected(Code.SESSION_EXPIRED, f"The session ended after {seconds:g} s."), GOING_AWAY)
        elif silence is not None and now >= silence and rules and rules.idle_timeout_ms:
            self._session.break_silence(rules.idle_timeout_ms)
        self._session.settle(now)

    def _expiry(self) -> float | None:
        limit = self._max_session_s
        return None if limit is None else self._began_at + limit

    def _end(self, reason: Rejected, code: int) -> None:
        self._outbox.emit_error(reason, None)
        self._close = Close(code, reason.message)
