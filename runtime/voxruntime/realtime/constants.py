"""The names of realtime events: what a scenario listens to, and what stands on the wire.

One table for all that needs them: the client, the scenario API, the embedded server and their tests. The 46
constants are those of VoxEngine's `Yandex.RealtimeAPIEvents`, in its order; the wire types are those of the
OpenAI Realtime protocol in its present ("GA") spelling, which Yandex AI Studio follows. Four constants are
made by the host and have no wire type. A provider's string value of a constant is
`<namespace>.RealtimeAPI.<constant>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Constant(StrEnum):
    """A constant of `RealtimeAPIEvents`; equal to its name (`"ResponseDone"`).

    Attributes:
        wire_type: `type` of the provider's message; empty for what the host makes.
    """

    wire_type: str

    def __new__(cls, name: str, wire_type: str = "") -> Constant:
        constant = str.__new__(cls, name)
        constant._value_ = name
        constant.wire_type = wire_type
        return constant

    UNKNOWN = "Unknown"
    HTTP_RESPONSE = "HTTPResponse"
    WEBSOCKET_ERROR = "WebSocketError"
    CONNECTOR_INFORMATION = "ConnectorInformation"
    ERROR = "Error", "error"
    SESSION_CREATED = "SessionCreated", "session.created"
    SESSION_UPDATED = "SessionUpdated", "session.updated"
    CONVERSATION_ITEM_CREATED = "ConversationItemCreated", "conversation.item.created"
    CONVERSATION_ITEM_RETRIEVED = "ConversationItemRetrieved", "conversation.item.retrieved"
    TRANSCRIPTION_COMPLETED = (
        "ConversationItemInputAudioTranscriptionCompleted",
        "conversation.item.input_audio_transcription.completed",
    )
    TRANSCRIPTION_DELTA = (
        "ConversationItemInputAudioTranscriptionDelta",
        "conversation.item.input_audio_transcription.delta",
    )
    TRANSCRIPTION_SEGMENT = (
        "ConversationItemInputAudioTranscriptionSegment",
        "conversation.item.input_audio_transcription.segment",
    )
    TRANSCRIPTION_FAILED = (
        "ConversationItemInputAudioTranscriptionFailed",
        "conversation.item.input_audio_transcription.failed",
    )
    CONVERSATION_ITEM_TRUNCATED = "ConversationItemTruncated", "conversation.item.truncated"
    CONVERSATION_ITEM_DELETED = "ConversationItemDeleted", "conversation.item.deleted"
    INPUT_AUDIO_COMMITTED = "InputAudioBufferCommitted", "input_audio_buffer.committed"
    INPUT_AUDIO_CLEARED = "InputAudioBufferCleared", "input_audio_buffer.cleared"
    DTMF_EVENT_RECEIVED = "InputAudioBufferDTMFEventReceived", "input_audio_buffer.dtmf_event_received"
    SPEECH_STARTED = "InputAudioBufferSpeechStarted", "input_audio_buffer.speech_started"
    SPEECH_STOPPED = "InputAudioBufferSpeechStopped", "input_audio_buffer.speech_stopped"
    TIMEOUT_TRIGGERED = "InputAudioBufferTimeoutTriggered", "input_audio_buffer.timeout_triggered"
    OUTPUT_AUDIO_CLEARED = "OutputAudioBufferCleared", "output_audio_buffer.cleared"
    OUTPUT_AUDIO_STARTED = "OutputAudioBufferStarted", "output_audio_buffer.started"
    OUTPUT_AUDIO_STOPPED = "OutputAudioBufferStopped", "output_audio_buffer.stopped"
    RESPONSE_CREATED = "ResponseCreated", "response.created"
    RESPONSE_DONE = "ResponseDone", "response.done"
    OUTPUT_ITEM_ADDED = "ResponseOutputItemAdded", "response.output_item.added"
    OUTPUT_ITEM_DONE = "ResponseOutputItemDone", "response.output_item.done"
    CONTENT_PART_ADDED = "ResponseContentPartAdded", "response.content_part.added"
    CONTENT_PART_DONE = "ResponseContentPartDone", "response.content_part.done"
    OUTPUT_TEXT_DELTA = "ResponseOutputTextDelta", "response.output_text.delta"
    OUTPUT_TEXT_DONE = "ResponseOutputTextDone", "response.output_text.done"
    AUDIO_TRANSCRIPT_DELTA = "ResponseOutputAudioTranscriptDelta", "response.output_audio_transcript.delta"
    AUDIO_TRANSCRIPT_DONE = "ResponseOutputAudioTranscriptDone", "response.output_audio_transcript.done"
    OUTPUT_AUDIO_DONE = "ResponseOutputAudioDone", "response.output_audio.done"
    FUNCTION_CALL_DELTA = "ResponseFunctionCallArgumentsDelta", "response.function_call_arguments.delta"
    FUNCTION_CALL_DONE = "ResponseFunctionCallArgumentsDone", "response.function_call_arguments.done"
    MCP_CALL_DELTA = "ResponseMCPCallArgumentsDelta", "response.mcp_call_arguments.delta"
    MCP_CALL_DONE = "ResponseMCPCallArgumentsDone", "response.mcp_call_arguments.done"
    MCP_CALL_IN_PROGRESS = "ResponseMCPCallInProgress", "response.mcp_call.in_progress"
    MCP_CALL_COMPLETED = "ResponseMCPCallCompleted", "response.mcp_call.completed"
    MCP_CALL_FAILED = "ResponseMCPCallFailed", "response.mcp_call.failed"
    MCP_LIST_TOOLS_IN_PROGRESS = "MCPListToolsInProgress", "mcp_list_tools.in_progress"
    MCP_LIST_TOOLS_COMPLETED = "MCPListToolsCompleted", "mcp_list_tools.completed"
    MCP_LIST_TOOLS_FAILED = "MCPListToolsFailed", "mcp_list_tools.failed"
    # VoxEngine's typings give this one the string of ResponseMCPCallFailed, a slip that would mix up the
    # handlers.
    RATE_LIMITS_UPDATED = "RateLimitsUpdated", "rate_limits.updated"


class MediaEvent(StrEnum):
    """A constant of the namespace's `Events`; made by the host from what it plays, never on the wire."""

    WEBSOCKET_MEDIA_STARTED = "WebSocketMediaStarted"
    WEBSOCKET_MEDIA_ENDED = "WebSocketMediaEnded"


BETA_SPELLINGS: Mapping[str, Constant] = {
    "response.text.delta": Constant.OUTPUT_TEXT_DELTA,
    "response.text.done": Constant.OUTPUT_TEXT_DONE,
    "response.audio.done": Constant.OUTPUT_AUDIO_DONE,
    "response.audio_transcript.delta": Constant.AUDIO_TRANSCRIPT_DELTA,
    "response.audio_transcript.done": Constant.AUDIO_TRANSCRIPT_DONE,
}
"""Wire types of the protocol's beta, which servers of that age still send, and the constants they mean."""

AUDIO_DELTA_TYPES = frozenset({"response.output_audio.delta", "response.audio.delta"})
"""Wire types that carry audio to play, GA and beta. They have no constant: the media graph consumes them."""

APPEND_TYPE = "input_audio_buffer.append"

CLIENT_TYPES = (
    "session.update",
    APPEND_TYPE,
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
    "output_audio_buffer.clear",
)
"""Wire types that a client sends."""

_BY_WIRE_TYPE: Mapping[str, Constant] = {
    **{constant.wire_type: constant for constant in Constant if constant.wire_type},
    **BETA_SPELLINGS,
}


def constant_of(wire_type: str) -> Constant:
    """Returns the constant that a message of this type reaches; `UNKNOWN` for a type without one."""
    return _BY_WIRE_TYPE.get(wire_type, Constant.UNKNOWN)


def event_string(namespace: str, constant: Constant) -> str:
    """Returns the string value of a constant: `Yandex.RealtimeAPI.ResponseDone`."""
    return f"{namespace}.RealtimeAPI.{constant.value}"


def media_event_string(namespace: str, event: MediaEvent) -> str:
    """Returns the string value of a media event: `Yandex.Events.WebSocketMediaStarted`."""
    return f"{namespace}.Events.{event.value}"
