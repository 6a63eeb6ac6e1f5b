"""The brain of the embedded server: client events and audio in, server events and requests for work out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain import client_events as client
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.idle import IdleTimer
from voxruntime.emulator.brain.item_entry import ItemEntry
from voxruntime.emulator.brain.items import decode_audio
from voxruntime.emulator.brain.listening import Listening, TurnBegan, TurnCommitted
from voxruntime.emulator.brain.mcp_servers import McpServers, mcp_servers
from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.requests import Request, Requests
from voxruntime.emulator.brain.responder import Responder
from voxruntime.emulator.brain.response_options import Origin, options
from voxruntime.emulator.brain.responses import Responses
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.session_config import SessionConfig
from voxruntime.emulator.brain.transcription import Transcription
from voxruntime.emulator.brain.wire import JsonObject, NewId, Outbox
from voxruntime.emulator.dialogue import Dialogue
from voxruntime.emulator.dialogue_run import DialogueRun
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
        behaviour: Rhythm and limits.
        now: Seconds; the session begins.
    """

    def __init__(
        self,
        model: str,
        profile: Profile,
        dialogue: Dialogue,
        *,
        new_id: NewId,
        behaviour: Behaviour,
        now: float,
    ) -> None:
        self._profile = profile
        self._new_id = new_id
        self._behaviour = behaviour
        self._began_at = now
        self._close: Close | None = None
        self._idle = IdleTimer()
        self._outbox = Outbox(new_id)
        self._requests = Requests()
        self._config = SessionConfig(new_id("sess"), model, profile)
        self._conversation = Conversation(new_id("conv"), profile, self._outbox)
        run = DialogueRun(dialogue)
        self._responder = Responder(run, self._conversation)
        scribe = Scribe(self._outbox, self._conversation, profile, new_id)
        self._mcp = McpServers(scribe, self._requests)
        self._responses = Responses(
            dialogue,
            self._responder,
            scribe=scribe,
            mcp=self._mcp,
            requests=self._requests,
            behaviour=behaviour,
        )
        self._transcription = Transcription(
            dialogue.language,
            lambda: run.phrases,
            conversation=self._conversation,
            outbox=self._outbox,
            requests=self._requests,
        )
        self._entry = self._item_entry()
        self._listening = self._new_listening()
        self._greet_client()

    def receive_text(self, text: str, *, now: float) -> None:
        """Takes one text frame of the client."""
        if self._close:
            return
        event_id: str | None = None
        try:
            message = client.decode(text)
            event_id = client.client_event_id(message)
            self._handle(client.parse(message), now)
        except Rejected as rejected:
            self._outbox.emit_error(rejected, event_id)
        self._settle(now)

    def receive_binary(self, *, now: float) -> None:
        """Takes note of a binary frame, which the protocol does not have."""
        rejected = Rejected(
            Code.INVALID_EVENT, "Binary frames are not part of the protocol; send JSON as text."
        )
        self._outbox.emit_error(rejected, None)
        self._settle(now)

    def voice_detected(self, probabilities: Sequence[float], *, now: float) -> None:
        """Takes the speech probability of each window that a `DetectVoice` completed."""
        self._act(self._listening.voice_detected(probabilities, self._config.turn_detection), now)
        self._settle(now)

    def voice_detection_failed(self, *, now: float) -> None:
        """Goes on detecting turns by loudness, for the rest of the session."""
        self._act(self._listening.detect_by_energy(), now)
        self._settle(now)

    def speech_restarted(self, message: str, *, now: float) -> None:
        """Tells the client that the engines which hear and speak began anew; what they were doing has failed."""
        self._outbox.emit_server_error(Code.SPEECH_RESTARTED, message)
        self._settle(now)

    def recognized(self, request_id: int, text: str, *, now: float) -> None:
        """Takes the result of a `Recognize`: what was said, empty when nothing was understood."""
        self._transcription.recognized(request_id, text, is_told=self._tells_transcripts)
        self._settle(now)

    def recognition_failed(self, request_id: int, reason: str, *, now: float) -> None:
        """Takes the failure of a `Recognize`: the dialogue goes on as if nothing was understood."""
        self._transcription.failed(request_id, reason, is_told=self._tells_transcripts)
        self._settle(now)

    def synthesized(self, request_id: int, pcm: PCM16, rate: int, *, now: float) -> None:
        """Takes a piece of speech that a `Synthesize` asked for."""
        self._responses.synthesized(request_id, pcm, rate, now)
        self._settle(now)

    def synthesis_ended(self, request_id: int, rate: int, *, now: float) -> None:
        """Tells that a `Synthesize` is done."""
        self._responses.synthesis_ended(request_id, rate, now)
        self._settle(now)

    def synthesis_failed(self, request_id: int, reason: str, *, now: float) -> None:
        """Takes the failure of a `Synthesize`: its response fails."""
        self._responses.synthesis_failed(request_id, reason)
        self._settle(now)

    def tools_listed(self, request_id: int, tools: Sequence[Tool], *, now: float) -> None:
        """Takes the result of a `ListTools`."""
        self._mcp.listed(request_id, tools)
        self._settle(now)

    def tool_listing_failed(self, request_id: int, reason: str, *, now: float) -> None:
        """Takes the failure of a `ListTools`: the server's tools are not called."""
        self._mcp.list_failed(request_id, reason)
        self._settle(now)

    def tool_returned(self, request_id: int, output: str, *, now: float) -> None:
        """Takes the result of a `CallTool`."""
        self._responses.tool_returned(request_id, output, now)
        self._settle(now)

    def tool_failed(self, request_id: int, error: JsonObject, *, now: float) -> None:
        """Takes the failure of a `CallTool`, as `mcp_call` items show it."""
        self._responses.tool_failed(request_id, error, now)
        self._settle(now)

    def outgoing(self) -> list[str]:
        """Hands over the events to send, as JSON texts, and forgets them."""
        return self._outbox.drain()

    def requests(self) -> list[Request]:
        """Hands over the work to do and forgets it."""
        return self._requests.drain()

    def closing(self) -> Close | None:
        """Returns how the connection is to be closed once everything is sent; None while it stays open."""
        return self._close

    def next_deadline(self) -> float | None:
        """Returns when `tick` is due; None when nothing waits for time."""
        if self._close:
            return None
        due = [self._responses.next_deadline(), self._silence_deadline(), self._expiry()]
        return min((deadline for deadline in due if deadline is not None), default=None)

    def tick(self, *, now: float) -> None:
        """Does what is due."""
        if self._close:
            return
        expiry, silence, rules = self._expiry(), self._silence_deadline(), self._config.turn_detection
        if expiry is not None and now >= expiry:
            seconds = self._behaviour.max_session_s
            self._end(Rejected(Code.SESSION_EXPIRED, f"The session ended after {seconds:g} s."), GOING_AWAY)
        elif silence is not None and now >= silence and rules and rules.idle_timeout_ms:
            self._break_silence(rules.idle_timeout_ms)
        self._settle(now)

    def _item_entry(self) -> ItemEntry:
        return ItemEntry(
            self._config,
            self._conversation,
            self._responder,
            self._responses,
            self._transcription,
            takes_assistant_items=self._profile.takes_assistant_items,
            new_id=self._new_id,
        )

    def _new_listening(self) -> Listening:
        return Listening(
            self._config.input_rate,
            self._behaviour.detector_window_ms,
            conversation=self._conversation,
            outbox=self._outbox,
            requests=self._requests,
            new_id=self._new_id,
        )

    @property
    def _pending_ids(self) -> frozenset[str]:
        """Items that a response has to wait for: speech not understood, tools not known."""
        tools = self._mcp.pending_ids if self._responder.has_something_to_answer else frozenset()
        return self._transcription.pending_ids | tools

    @property
    def _tells_transcripts(self) -> bool:
        declared = self._config.session.audio.input.transcription
        return self._profile.always_transcribes or declared is not None

    def _greet_client(self) -> None:
        model = self._config.session.model
        if self._profile.needs_model_uri and not model.startswith("gpt://"):
            message = f"The model {shown(model)} is no URI of the form gpt://<folder>/<model>."
            self._end(Rejected(Code.INVALID_MODEL, message, "model"), POLICY_VIOLATION)
            return
        self._outbox.emit("session.created", session=self._config.wire())
        if self._profile.names_conversation:
            conversation = {"id": self._conversation.id, "object": "realtime.conversation"}
            self._outbox.emit("conversation.created", conversation=conversation)

    def _handle(self, event: client.ClientEvent, now: float) -> None:
        match event:
            case client.AppendAudio():
                self._append(event, now)
            case client.CommitAudio():
                self._act([self._listening.commit()], now)
            case client.ClearAudio():
                self._listening.clear()
            case client.UpdateSession():
                self._update_session(event)
            case client.CreateItem():
                self._entry.add(event, now)
            case client.RetrieveItem():
                self._conversation.retrieve(event.item_id)
            case client.TruncateItem():
                self._conversation.truncate(event.item_id, event.content_index, event.audio_end_ms)
            case client.DeleteItem():
                self._conversation.delete(event.item_id)
            case client.CreateResponse():
                self._create_response(event.response or client.ResponseRequest(), Origin.CLIENT)
            case client.CancelResponse():
                self._responses.cancel(event.response_id, now)
            case client.ClearOutput():
                message = (
                    "Output audio is buffered by the client; a WebSocket session has no buffer to clear."
                )
                raise Rejected(Code.INVALID_VALUE, message, "type")

    def _append(self, event: client.AppendAudio, now: float) -> None:
        limit = self._behaviour.max_append_bytes
        if len(event.audio) * 3 // 4 > limit:
            raise Rejected(Code.TOO_LONG, f"One event carries at most {limit} bytes of audio.", "audio")
        pcm = decode_audio(event.audio, "audio")
        self._act(self._listening.append(pcm, self._config.turn_detection), now)

    def _act(self, outcomes: Iterable[TurnBegan | TurnCommitted], now: float) -> None:
        for outcome in outcomes:
            rules = self._config.turn_detection
            self._idle.caller_spoke()
            if isinstance(outcome, TurnBegan):
                self._responses.interrupt(now, cancels=rules is not None and rules.interrupt_response)
                continue
            self._transcription.enqueue(outcome.item)
            if rules and rules.create_response:
                self._create_response(client.ResponseRequest(), Origin.TURN)

    def _update_session(self, event: client.UpdateSession) -> None:
        self._config.update(event.session, voice_was_heard=self._responses.voice_was_heard)
        self._listening.change_rate(self._config.input_rate)
        if self._config.turn_detection is None:
            self._listening.leave_turns_to_client()
        self._outbox.emit("session.updated", session=self._config.wire())
        self._mcp.declare(mcp_servers(self._config.session.tools, "session.tools"))

    def _create_response(self, request: client.ResponseRequest, origin: Origin) -> None:
        chosen = options(request, origin, self._config, conversation=self._conversation, new_id=self._new_id)
        self._idle.response_began(in_conversation=chosen.in_conversation)
        self._mcp.declare(chosen.mcp)
        self._responses.create(chosen, self._pending_ids)

    def _settle(self, now: float) -> None:
        pending = self._pending_ids
        self._responses.plan_waiting(pending, now)
        self._responses.advance(pending, now)
        # Only now: the dialogue may have moved on, and other phrases hold.
        self._transcription.request_next()
        self._idle.settle(
            now,
            is_answering=not self._responses.is_idle,
            plays_until=self._responses.plays_until,
            is_speaking=self._listening.is_speaking,
        )

    def _silence_deadline(self) -> float | None:
        rules = self._config.turn_detection
        return self._idle.deadline(rules.idle_timeout_ms if rules else None)

    def _break_silence(self, timeout_ms: float) -> None:
        self._idle.caller_spoke()
        silence = self._listening.commit_silence(timeout_ms)
        if silence:
            self._responder.disregard(silence.item.id)
            self._create_response(client.ResponseRequest(), Origin.TURN)

    def _expiry(self) -> float | None:
        limit = self._behaviour.max_session_s
        return None if limit is None else self._began_at + limit

    def _end(self, reason: Rejected, code: int) -> None:
        self._outbox.emit_error(reason, None)
        self._close = Close(code, reason.message)
