"""One realtime session: what client events and the caller's turns do to its parts."""

from __future__ import annotations

from collections.abc import Iterable

from voxruntime.emulator.brain import client_events as client
from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.idle import IdleTimer
from voxruntime.emulator.brain.item_entry import ItemEntry
from voxruntime.emulator.brain.items import decode_audio
from voxruntime.emulator.brain.listening import Listening, TurnBegan, TurnCommitted
from voxruntime.emulator.brain.mcp_servers import McpServers, mcp_servers
from voxruntime.emulator.brain.output_buffer import OutputBuffer
from voxruntime.emulator.brain.rejected import Code, Rejected
from voxruntime.emulator.brain.requests import Requests
from voxruntime.emulator.brain.responder import Responder
from voxruntime.emulator.brain.response_options import Origin, options
from voxruntime.emulator.brain.responses import Responses
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.session_config import SessionConfig, TurnDetection
from voxruntime.emulator.brain.transcription import Transcription
from voxruntime.emulator.brain.wire import NewId, Outbox
from voxruntime.emulator.dialogue import Dialogue
from voxruntime.emulator.dialogue_run import DialogueRun
from voxruntime.emulator.profiles import Profile


class Session:
    """The parts of a session, wired. After every call of the others, call `settle`.

    Args:
        model: What the client asked for in the URL.
        profile: Whose dialect is spoken.
        dialogue: What is expected and said.
        outbox: Takes the events.
        new_id: Makes ids.
        detector_window_ms: Window of an outside voice detector; None to detect turns by loudness.
        unix_s: Seconds since 1970 at second 0 of `now`.
    """

    def __init__(
        self,
        model: str,
        profile: Profile,
        dialogue: Dialogue,
        *,
        outbox: Outbox,
        new_id: NewId,
        detector_window_ms: float | None,
        unix_s: float,
    ) -> None:
        self._profile = profile
        self._new_id = new_id
        self._behaviour = dialogue.server
        self._idle = IdleTimer()
        self._outbox = outbox
        self.requests = Requests()
        self._config = SessionConfig(new_id("sess"), model, profile)
        self._conversation = Conversation(new_id("conv"), profile, self._outbox)
        self.run = run = DialogueRun(dialogue)
        self._responder = Responder(run, self._conversation)
        scribe = Scribe(outbox, self._conversation, profile, dialogue.server, new_id)
        self._buffer = OutputBuffer(outbox, is_told=dialogue.server.output_buffer_events)
        self.mcp = McpServers(scribe, self.requests)
        self.responses = Responses(
            dialogue,
            self._responder,
            scribe=scribe,
            mcp=self.mcp,
            requests=self.requests,
            buffer=self._buffer,
        )
        self.transcription = Transcription(
            dialogue.language,
            lambda: run.phrases,
            scribe=scribe,
            requests=self.requests,
        )
        self.listening = Listening(
            self._config.input_rate,
            detector_window_ms,
            scribe=scribe,
            requests=self.requests,
            unix_s=unix_s,
        )
        self._entry = ItemEntry(
            self._config, self._responder, self.responses, self.transcription, scribe=scribe
        )

    @property
    def turn_detection(self) -> TurnDetection | None:
        """Rules of server VAD; None while the client commits turns."""
        return self._config.turn_detection

    @property
    def _pending_ids(self) -> frozenset[str]:
        """Items that a response has to wait for: speech not understood, tools not known."""
        tools = self.mcp.pending_ids if self._responder.has_something_to_answer else frozenset()
        return self.transcription.pending_ids | tools

    @property
    def tells_transcripts(self) -> bool:
        """Whether the client gets transcription events."""
        declared = self._config.session.audio.input.transcription
        return self._profile.always_transcribes or declared is not None

    def greet_client(self) -> None:
        """Tells the client what holds at first."""
        self._outbox.emit("session.created", session=self._config.wire())
        if self._profile.names_conversation:
            conversation = {"id": self._conversation.id, "object": "realtime.conversation"}
            self._outbox.emit("conversation.created", conversation=conversation)

    def handle(self, event: client.ClientEvent, now: float) -> None:
        """Does what a client event asks.

        Raises:
            Rejected: It cannot be done; nothing has changed.
        """
        match event:
            case client.AppendAudio():
                self._append(event, now)
            case client.CommitAudio():
                self.act([self.listening.commit()], now)
            case client.ClearAudio():
                self.listening.clear()
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
                self.responses.cancel(event.response_id, now)
            case client.ClearOutput():
                self._clear_output()

    def _clear_output(self) -> None:
        if not self._buffer.is_told:
            message = "Output audio is buffered by the client; a WebSocket session has no buffer to clear."
            raise Rejected(Code.INVALID_VALUE, message, "type")
        if not self._buffer.is_playing:
            raise Rejected(Code.INVALID_VALUE, "Nothing is being played.", "type")
        self._buffer.clear()

    def _append(self, event: client.AppendAudio, now: float) -> None:
        limit = self._behaviour.max_append_bytes
        if len(event.audio) * 3 // 4 > limit:
            raise Rejected(Code.TOO_LONG, f"One event carries at most {limit} bytes of audio.", "audio")
        pcm = decode_audio(event.audio, "audio")
        self.act(self.listening.append(pcm, self._config.turn_detection, now), now)

    def act(self, outcomes: Iterable[TurnBegan | TurnCommitted], now: float) -> None:
        """Does what turns of the caller's bring about."""
        for outcome in outcomes:
            rules = self._config.turn_detection
            self._idle.caller_spoke()
            if isinstance(outcome, TurnBegan):
                self.responses.interrupt(now, cancels=rules is not None and rules.interrupt_response)
                continue
            self.transcription.enqueue(outcome.item)
            if rules and rules.create_response:
                self._create_response(client.ResponseRequest(), Origin.TURN)

    def _update_session(self, event: client.UpdateSession) -> None:
        self._config.update(event.session, voice_was_heard=self.responses.voice_was_heard)
        self.listening.change_rate(self._config.input_rate)
        if self._config.turn_detection is None:
            self.listening.leave_turns_to_client()
        self._outbox.emit("session.updated", session=self._config.wire())
        self.mcp.declare(mcp_servers(self._config.session.tools, "session.tools"))

    def _create_response(self, request: client.ResponseRequest, origin: Origin) -> None:
        chosen = options(request, origin, self._config, conversation=self._conversation, new_id=self._new_id)
        self._idle.response_began(in_conversation=chosen.in_conversation)
        self.mcp.declare(chosen.mcp)
        self.responses.create(chosen, self._pending_ids)

    def settle(self, now: float) -> None:
        """Goes on with what waited for what has just happened, or for this time."""
        pending = self._pending_ids
        self.responses.plan_waiting(pending, now)
        self.responses.advance(pending, now)
        # Only now: the dialogue may have moved on, and other phrases hold.
        self.transcription.request_next()
        self._idle.settle(
            now,
            is_answering=not self.responses.is_idle,
            plays_until=self.responses.plays_until,
            is_speaking=self.listening.is_speaking,
        )

    def silence_deadline(self) -> float | None:
        """Returns when the idle timeout elapses; None while it does not run."""
        rules = self._config.turn_detection
        return self._idle.deadline(rules.idle_timeout_ms if rules else None)

    def break_silence(self, timeout_ms: float) -> None:
        """Speaks to a caller who has been silent so long."""
        self._idle.caller_spoke()
        silence = self.listening.commit_silence(timeout_ms)
        if silence:
            self._responder.disregard(silence.item.id)
            self._create_response(client.ResponseRequest(), Origin.TURN)
