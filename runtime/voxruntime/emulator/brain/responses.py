"""All responses of a session: one at a time in the conversation, any number beside it.

Besides the rules of the Realtime reference, two kindnesses that official samples need: a `response.create` that comes
while the server's own response to the same turn has sent nothing, or says what an MCP tool returned, is taken as that
response; and one that follows the output of a function or tool waits for the response that made the call to end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import msgspec

from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain.items import McpApprovalItem
from voxruntime.emulator.brain.mcp_servers import McpServers, OfferedTool
from voxruntime.emulator.brain.output_buffer import OutputBuffer
from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.requests import Abandon, Requests, Synthesize
from voxruntime.emulator.brain.responder import Responder
from voxruntime.emulator.brain.response import Response
from voxruntime.emulator.brain.response_options import Origin, ResponseOptions
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.session_config import voice_name
from voxruntime.emulator.brain.usage import RATE_LIMITS
from voxruntime.emulator.brain.wire import JsonObject
from voxruntime.emulator.dialogue import Dialogue

MAX_BESIDE = 32
"""Responses outside the conversation that may run at once."""


class Responses:
    """Begins, feeds and ends responses.

    Args:
        dialogue: Names language and voice of speech.
        responder: Plans them.
        scribe: Writes their events.
        mcp: Knows the tools of MCP servers.
        requests: Takes the work of speaking and of calling tools.
        buffer: Told what becomes audible.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        responder: Responder,
        *,
        scribe: Scribe,
        mcp: McpServers,
        requests: Requests,
        buffer: OutputBuffer,
    ) -> None:
        self._dialogue = dialogue
        self._responder = responder
        self._scribe = scribe
        self._requests = requests
        self._mcp = mcp
        self._buffer = buffer
        self._active: Response | None = None
        self._beside: list[Response] = []
        self._queued: deque[ResponseOptions] = deque()
        self._speaking: dict[int, Response] = {}
        self._was_interrupted = False
        self.plays_until = 0.0
        self.voice_was_heard = False

    @property
    def is_idle(self) -> bool:
        """Whether no response is active or queued in the conversation."""
        return self._active is None and not self._queued

    def create(self, options: ResponseOptions, pending: frozenset[str]) -> None:
        """Begins a response, or has it wait for the active one.

        Args:
            options: What holds for it.
            pending: Items that are not understood yet; it waits for them.

        Raises:
            Rejected: Another one is active, and nothing says that this one may wait.
        """
        if not options.in_conversation:
            if len(self._beside) >= MAX_BESIDE:
                message = f"There are {MAX_BESIDE} responses outside the conversation already."
                raise Rejected(Code.RESPONSE_ACTIVE, message)
            self._beside.append(self._begin(options, pending))
        elif self._active is None:
            self._active = self._begin(options, pending)
        elif options.origin is not Origin.CLIENT or self._responder.has_unanswered_output:
            self._queued.append(options)
        elif not self._is_the_same_turn(options):
            message = f"Conversation already has an active response: {self._active.id}."
            raise Rejected(Code.RESPONSE_ACTIVE, message)

    def interrupt(self, now: float, *, cancels: bool) -> None:
        """Takes note that the caller speaks; `cancels` says whether that ends the active response."""
        is_audible = self._active is not None and self._active.has_output
        self._was_interrupted = is_audible or now < self.plays_until
        if cancels:
            self._buffer.clear()
        if cancels and self._active:
            self._queued.clear()
            self._cancel(self._active, "turn_detected", now)

    def cancel(self, response_id: str | None, now: float) -> None:
        """Ends a response because the client says so.

        Args:
            response_id: Of the response; None for the one that is active in the conversation.
            now: Seconds.

        Raises:
            Rejected: No such response is active.
        """
        for response in self._running():
            if response_id in (None, response.id):
                self._cancel(response, "client_cancelled", now)
                return
        which = f"response {shown(response_id)}" if response_id else "response"
        raise Rejected(Code.RESPONSE_NOT_ACTIVE, f"Cancellation failed: no active {which} found.")

    def plan_waiting(self, pending: frozenset[str], now: float) -> None:
        """Starts the responses that wait for nothing any more."""
        for response in self._running():
            if response.is_waiting and not response.awaited & pending:
                self._plan(response, pending, now)
        self._settle(pending, now)

    def synthesized(self, request_id: int, pcm: PCM16, rate: int, now: float) -> None:
        """Feeds speech to the response that asked for it; an unknown request is ignored."""
        if response := self._speaking.get(request_id):
            response.feed(pcm, rate, now)

    def synthesis_ended(self, request_id: int, rate: int, now: float) -> None:
        """Tells a response that it has all of its speech."""
        if response := self._speaking.pop(request_id, None):
            response.end_feed(rate, now)

    def synthesis_failed(self, request_id: int, reason: str) -> None:
        """Fails the response that asked for speech."""
        if response := self._speaking.pop(request_id, None):
            self._undo_if_unheard(response)
            response.fail("speech_failed", reason)

    def tool_returned(self, request_id: int, output: str, now: float) -> None:
        """Gives a tool's output to the response that called it; an unknown request is ignored."""
        for response in self._running():
            if response.mcp_call and response.mcp_call.request_id == request_id:
                response.mcp_call.returned(output)
                response.go_on(now)

    def tool_failed(self, request_id: int, error: JsonObject, now: float) -> None:
        """Tells the response that called a tool that it failed; an unknown request is ignored."""
        for response in self._running():
            if response.mcp_call and response.mcp_call.request_id == request_id:
                response.mcp_call.failed(error)
                response.go_on(now)

    def require_approval(self, approval_request_id: str) -> None:
        """Raises Rejected when no call waits for an answer to this request."""
        if self._awaiting(approval_request_id) is None:
            message = f"No call waits for approval under {shown(approval_request_id)}."
            raise Rejected(Code.INVALID_VALUE, message, "item.approval_request_id")

    def approve(self, approval: McpApprovalItem, now: float) -> None:
        """Gives the client's answer to the call that waits for it."""
        response = self._awaiting(approval.approval_request_id)
        if response and response.mcp_call:
            response.mcp_call.answer(approval)
            if response.mcp_call.is_over:
                response.go_on(now)

    def next_deadline(self) -> float | None:
        """Returns when `advance` is due."""
        deadlines = [
            self._buffer.next_deadline(),
            *(response.next_deadline() for response in self._running()),
        ]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def advance(self, pending: frozenset[str], now: float) -> None:
        """Sends what is due."""
        for response in self._running():
            if not response.is_waiting and not response.is_over:
                response.advance(now)
        self._settle(pending, now)
        self._buffer.tick(now)

    def _begin(self, options: ResponseOptions, pending: frozenset[str]) -> Response:
        response = Response(
            self._scribe.new_id("resp"),
            options,
            pending,
            scribe=self._scribe,
            requests=self._requests,
            buffer=self._buffer,
            on_call=self._responder.remember_call,
        )
        response.open()
        self._scribe.emit("rate_limits.updated", rate_limits=RATE_LIMITS)
        return response

    def _plan(self, response: Response, pending: frozenset[str], now: float) -> None:
        tools = self._tools(response.options)
        plan = self._responder.plan(
            response.options, tools, was_interrupted=self._was_interrupted, unknown=pending
        )
        if response.options.in_conversation:
            self._was_interrupted = False
        if plan.say and response.options.modality == "audio":
            request_id = self._requests.next_id()
            self._speaking[request_id] = response
            output = response.options.output
            voice = voice_name(output.voice) or self._dialogue.voice
            self._requests.add(Synthesize(request_id, plan.say, self._dialogue.language, voice, output.speed))
        response.begin(plan, tools, now)

    def _tools(self, options: ResponseOptions) -> Mapping[str, OfferedTool]:
        """Returns the MCP tools that a response may call; functions of the same name come first."""
        offered = self._mcp.offered(options.mcp)
        return {
            name: tool
            for name, tool in offered.items()
            # Only an item of the conversation can ask for approval.
            if name not in options.tools and (options.in_conversation or not tool.server.needs_approval(name))
        }

    def _cancel(self, response: Response, reason: str, now: float) -> None:
        for request_id, speaking in list(self._speaking.items()):
            if speaking is response:
                del self._speaking[request_id]
                self._requests.add(Abandon(request_id))
        self._undo_if_unheard(response)
        response.cancel(reason)
        # Until a clear, what was sent plays on: clients cancel first, then clear.
        self._buffer.end(response.id, response.plays_until)
        if response is self._active:
            # What was not played yet is dropped by the client.
            self.plays_until = now
            self._active = None

    def _awaiting(self, approval_request_id: str) -> Response | None:
        for response in self._running():
            call = response.mcp_call
            if call and call.awaits_approval and call.item.approval_request_id == approval_request_id:
                return response
        return None

    def _undo_if_unheard(self, response: Response) -> None:
        if response.plan and not response.has_output and response.options.in_conversation:
            self._responder.undo(response.plan)

    def _settle(self, pending: frozenset[str], now: float) -> None:
        """Forgets responses that are over, and begins one that waited for its turn."""
        for response in self._beside:
            if response.is_over:
                self._buffer.end(response.id, response.plays_until)
        self._beside = [response for response in self._beside if not response.is_over]
        if self._active:
            self.plays_until = max(self.plays_until, self._active.plays_until)
            self.voice_was_heard = self.voice_was_heard or self._active.has_spoken
            if self._active.is_over:
                self._buffer.end(self._active.id, self._active.plays_until)
                self._continue(self._active)
                self._active = None
        if self._active is None and self._queued:
            self._active = self._begin(self._queued.popleft(), pending)
            self.plan_waiting(pending, now)

    def _continue(self, over: Response) -> None:
        """Has what MCP tools returned said, unless the client has asked for it already or runs functions itself."""
        if (
            not (self._scribe.behaviour.mcp_continues and over.called_only_mcp and over.is_completed)
            or self._queued
        ):
            return
        self._queued.append(
            msgspec.structs.replace(
                over.options,
                origin=Origin.CONTINUATION,
                must_call="",
                must_call_mcp=None,
                instructions="",
                metadata=None,
                input=None,
            )
        )

    def _running(self) -> list[Response]:
        """Returns the active response, then those beside the conversation, newest first."""
        active = [self._active] if self._active else []
        return [*active, *reversed(self._beside)]

    def _is_the_same_turn(self, options: ResponseOptions) -> bool:
        active = self._active
        if active is None or options.metadata is not None:
            return False
        if active.options.origin is Origin.CONTINUATION:
            return True
        return active.options.origin is Origin.TURN and not active.has_output
