"""One response, from `response.created` to `response.done`.

It waits until what it answers is understood, then streams a message, then calls functions and tools. Function calls
and the end go out in one batch: official samples answer a call as soon as its item is done, and must find the response
done, too. The call of an MCP tool is waited for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum

from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain.items import (
    AudioPart,
    FunctionCallItem,
    Item,
    ItemStatus,
    McpCallItem,
    TextPart,
)
from voxruntime.emulator.brain.mcp_call import McpCall
from voxruntime.emulator.brain.mcp_servers import OfferedTool
from voxruntime.emulator.brain.message_stream import MessageStream
from voxruntime.emulator.brain.output_buffer import OutputBuffer
from voxruntime.emulator.brain.requests import Requests
from voxruntime.emulator.brain.responder import Plan
from voxruntime.emulator.brain.response_options import ResponseOptions
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.usage import usage
from voxruntime.emulator.brain.wire import JsonObject, in_deltas
from voxruntime.emulator.dialogue_run import PlannedCall


class ResponseState(Enum):
    """Values of the final states are `response.status`; the others are `in_progress` there."""

    WAITING = "waiting"
    SPEAKING = "speaking"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"
    FAILED = "failed"


class ResponseInput(Enum):
    """What moves a response on."""

    PLAN = "plan"
    FINISH = "finish"
    LIMIT = "limit"
    CANCEL = "cancel"
    FAIL = "fail"


TRANSITIONS: Mapping[tuple[ResponseState, ResponseInput], ResponseState] = {
    (ResponseState.WAITING, ResponseInput.PLAN): ResponseState.SPEAKING,
    (ResponseState.WAITING, ResponseInput.CANCEL): ResponseState.CANCELLED,
    (ResponseState.SPEAKING, ResponseInput.FINISH): ResponseState.COMPLETED,
    (ResponseState.SPEAKING, ResponseInput.LIMIT): ResponseState.INCOMPLETE,
    (ResponseState.SPEAKING, ResponseInput.CANCEL): ResponseState.CANCELLED,
    (ResponseState.SPEAKING, ResponseInput.FAIL): ResponseState.FAILED,
}


class Response:
    """Sends one response. `open` comes first, then `begin` once it can be planned.

    Args:
        response_id: Its id.
        options: What holds for it.
        awaited: Items that must be understood before it is planned.
        scribe: Writes events and items.
        requests: Takes the calls of MCP tools.
        buffer: Told when it becomes audible.
        on_call: Told each call with its call id, or with the id of its item where it is one of an MCP tool.
    """

    def __init__(
        self,
        response_id: str,
        options: ResponseOptions,
        awaited: frozenset[str],
        *,
        scribe: Scribe,
        requests: Requests,
        buffer: OutputBuffer,
        on_call: Callable[[str, PlannedCall], None],
    ) -> None:
        self.id = response_id
        self.options = options
        self.awaited = awaited
        self.plan: Plan | None = None
        self._scribe = scribe
        self._requests = requests
        self._buffer = buffer
        self._on_call = on_call
        self._state = ResponseState.WAITING
        self._stream: MessageStream | None = None
        self._speech: AudioPart | None = None
        self._is_open = False
        self._opened_at = 0.0
        self._output: list[Item] = []
        self._calls: deque[PlannedCall] = deque()
        self._tools: Mapping[str, OfferedTool] = {}
        self._mcp_call: McpCall | None = None
        self._input = list(scribe.conversation if options.input is None else options.input)

    @property
    def is_waiting(self) -> bool:
        """Whether it is not planned yet."""
        return self._state is ResponseState.WAITING

    @property
    def is_over(self) -> bool:
        """Whether `response.done` was sent."""
        return self._state not in (ResponseState.WAITING, ResponseState.SPEAKING)

    @property
    def is_completed(self) -> bool:
        """Whether it ended as planned."""
        return self._state is ResponseState.COMPLETED

    @property
    def has_output(self) -> bool:
        """Whether anything of it was sent."""
        return self._is_open or bool(self._output) or self._mcp_call is not None

    @property
    def has_spoken(self) -> bool:
        """Whether any speech of it was sent."""
        return self._speech is not None and bool(self._speech.chunks)

    @property
    def plays_until(self) -> float:
        """When a client that plays at once has played what was sent so far."""
        return self._opened_at + self._speech.duration_ms / 1000 if self._speech else self._opened_at

    def open(self) -> None:
        """Announces the response."""
        self._scribe.emit("response.created", response=self._wire(None, None))

    @property
    def mcp_call(self) -> McpCall | None:
        """The call of an MCP tool that it waits for; None when there is none."""
        return self._mcp_call

    @property
    def called_only_mcp(self) -> bool:
        """Whether it called tools, none of which the client has to run."""
        kinds = {type(item) for item in self._output}
        return McpCallItem in kinds and FunctionCallItem not in kinds

    def begin(self, plan: Plan, tools: Mapping[str, OfferedTool], now: float) -> None:
        """Starts what was planned; speech has to be fed.

        Args:
            plan: What it says and calls.
            tools: MCP tools by name; every other call is one of a function.
            now: Seconds.
        """
        self._step(ResponseInput.PLAN)
        self.plan = plan
        self._tools = tools
        self._calls.extend(plan.calls)
        part: TextPart | AudioPart = TextPart("output_text", "")
        if self.options.modality == "audio":
            part = self._speech = AudioPart("output_audio", self.options.output.format.rate)
        if plan.say:
            self._stream = MessageStream(
                self.id,
                0,
                plan.say,
                part,
                scribe=self._scribe,
                in_conversation=self.options.in_conversation,
            )
        self.advance(now)

    def feed(self, pcm: PCM16, rate: int, now: float) -> None:
        """Takes the next piece of speech."""
        if self._stream:
            self._stream.feed(pcm, rate)
            self.advance(now)

    def end_feed(self, rate: int, now: float) -> None:
        """Tells that all speech was fed."""
        if self._stream:
            self._stream.end_feed(rate)
            self.advance(now)

    def next_deadline(self) -> float | None:
        """Returns when `advance` is due."""
        return self._stream.next_deadline() if self._stream and self._is_open else None

    def advance(self, now: float) -> None:
        """Sends what is due, up to the end of the response."""
        stream = self._stream
        if stream:
            # Not opened before there is something to send: a response cancelled until then leaves no trace.
            if not self._is_open and stream.next_deadline() is not None:
                self._is_open = True
                self._opened_at = now
                stream.open(now)
                if self._speech:
                    self._buffer.start(self.id)
            stream.advance(now)
            if not stream.is_finished:
                return
        self._finish()

    def go_on(self, now: float) -> None:
        """Continues behind the call of an MCP tool that is over."""
        assert self._mcp_call is not None
        self._output.append(self._mcp_call.item)
        self._mcp_call = None
        self.advance(now)

    def cancel(self, reason: str) -> None:
        """Ends it as it stands; `reason` is `turn_detected` or `client_cancelled`."""
        self._break_off()
        self._end(ResponseInput.CANCEL, {"type": "cancelled", "reason": reason})

    def fail(self, code: str, message: str) -> None:
        """Ends it because it cannot be made."""
        self._break_off()
        error = {"type": "server_error", "code": code, "message": message}
        self._end(ResponseInput.FAIL, {"type": "failed", "error": error})

    def _finish(self) -> None:
        assert self.plan is not None
        if self.plan.ending == "failed":
            self.fail("server_error", "The dialogue has this response fail.")
            return
        if self.plan.ending != "completed":
            self._break_off()
            self._end(ResponseInput.LIMIT, {"type": "incomplete", "reason": self.plan.ending})
            return
        self._close_message(ItemStatus.COMPLETED)
        while self._mcp_call is None and self._calls:
            self._call(self._calls.popleft())
        if self._mcp_call is None:
            self._end(ResponseInput.FINISH, None)

    def _break_off(self) -> None:
        self._close_message(ItemStatus.INCOMPLETE)
        if self._mcp_call:
            self._mcp_call.abandon()
            self._output.append(self._mcp_call.item)
            self._mcp_call = None

    def _close_message(self, status: ItemStatus) -> None:
        if self._stream and self._is_open:
            self._stream.close(status)
            self._output.append(self._stream.item)
        self._stream = None

    def _call(self, call: PlannedCall) -> None:
        tool = self._tools.get(call.name)
        if tool is None:
            self._call_function(call)
            return
        self._mcp_call = McpCall(
            {"response_id": self.id, "output_index": len(self._output)},
            tool,
            scribe=self._scribe,
            requests=self._requests,
            in_conversation=self.options.in_conversation,
        )
        self._on_call(self._mcp_call.item.id, call)
        self._mcp_call.open(call.arguments)

    def _call_function(self, call: PlannedCall) -> None:
        new_id, emit = self._scribe.new_id, self._scribe.emit
        item = FunctionCallItem(new_id("item"), new_id("call"), call.name, "", ItemStatus.IN_PROGRESS)
        self._on_call(item.call_id, call)
        place: JsonObject = {"response_id": self.id, "output_index": len(self._output)}
        emit("response.output_item.added", **place, item=item.wire())
        if self.options.in_conversation:
            self._scribe.conversation.add(item)
        called: JsonObject = {**place, "item_id": item.id, "call_id": item.call_id}
        for delta in in_deltas(call.arguments):
            emit("response.function_call_arguments.delta", **called, delta=delta)
        item.arguments = call.arguments
        item.status = ItemStatus.COMPLETED
        emit("response.function_call_arguments.done", **called, name=call.name, arguments=call.arguments)
        if self.options.in_conversation:
            self._scribe.conversation.finish(item)
        emit("response.output_item.done", **place, item=item.wire())
        self._output.append(item)

    def _end(self, step: ResponseInput, details: JsonObject | None) -> None:
        self._step(step)
        self._scribe.emit("response.done", response=self._wire(details, usage(self._input, self._output)))

    def _step(self, step: ResponseInput) -> None:
        self._state = TRANSITIONS[self._state, step]

    def _wire(self, details: JsonObject | None, used: JsonObject | None) -> JsonObject:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self._state.value if self.is_over else "in_progress",
            "status_details": details,
            "output": [item.wire() for item in self._output],
            "usage": used,
            **self.options.wire(self._scribe.conversation.id),
        }
