"""One message of each kind that a realtime server sends, written down from the references.

Sources: VoxEngine's reference of `Yandex.RealtimeAPIEvents`; Yandex AI Studio, "serverEvents"; the OpenAI Realtime
reference for the fields that Yandex leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping

JsonObject = dict[str, object]

_PART = {"response_id": "resp_1", "output_index": 0, "item_id": "item_2", "content_index": 0}
_USAGE = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {"text_tokens": 12, "audio_tokens": 8, "cached_tokens": 4},
    "output_token_details": {"text_tokens": 3, "audio_tokens": 7},
}


def response(status: str = "in_progress", **fields: object) -> JsonObject:
    """Returns a response object."""
    return {
        "object": "realtime.response",
        "id": "resp_1",
        "status": status,
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marina"}},
        "usage": None,
        "metadata": None,
        **fields,
    }


def item(kind: str, **fields: object) -> JsonObject:
    """Returns a flat conversation item, as Yandex has it: what does not apply is null."""
    names = ("role", "status", "call_id", "name", "arguments", "output", "metadata")
    return {
        "id": "item_2",
        "object": "realtime.item",
        "type": kind,
        **dict.fromkeys(names),
        "content": [],
        **fields,
    }


def session(**fields: object) -> JsonObject:
    """Returns a session object with all that the page of `session.created` names."""
    return {
        "id": "sess_1",
        "object": "realtime.session",
        "type": "realtime",
        "model": "gpt://b1g/speech-realtime-250923",
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 400},
                "transcription": None,
                "noise_reduction": None,
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marina", "speed": 1.0},
        },
        **fields,
    }


_MESSAGES: Mapping[str, JsonObject] = {
    "error": {
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": 'Плохое значение "x"',
            "param": None,
            "event_id": None,
        }
    },
    "session.created": {"session": session()},
    "session.updated": {"session": session(instructions="Будь краток.\n")},
    "conversation.item.created": {"previous_item_id": None, "item": item("message", role="user")},
    "conversation.item.retrieved": {
        "item": item(
            "message", role="user", content=[{"type": "input_audio", "audio": "AAAA", "transcript": None}]
        )
    },
    "conversation.item.input_audio_transcription.completed": {
        "item_id": "item_1",
        "content_index": 0,
        "transcript": "Сколько времени? 🕰",
        "usage": {"type": "duration", "seconds": 1.25},
    },
    "conversation.item.input_audio_transcription.delta": {
        "item_id": "item_1",
        "content_index": 0,
        "delta": "Сколь",
        "logprobs": [],
    },
    "conversation.item.input_audio_transcription.segment": {
        "item_id": "item_1",
        "content_index": 0,
        "id": "seg_1",
        "text": "Сколько",
        "speaker": "A",
        "start": 0.0,
        "end": 0.75,
    },
    "conversation.item.input_audio_transcription.failed": {
        "item_id": "item_1",
        "content_index": 0,
        "error": {"type": "server_error", "code": "no_speech", "message": "nothing", "param": None},
    },
    "conversation.item.truncated": {"item_id": "item_2", "content_index": 0, "audio_end_ms": 1500},
    "conversation.item.deleted": {"item_id": "item_2"},
    "input_audio_buffer.committed": {"item_id": "item_1", "previous_item_id": None},
    "input_audio_buffer.cleared": {},
    "input_audio_buffer.dtmf_event_received": {"digit": "#", "timestamp_ms": 9007199254740992},
    "input_audio_buffer.speech_started": {"audio_start_ms": 120, "item_id": "item_1"},
    "input_audio_buffer.speech_stopped": {"audio_end_ms": 2120, "item_id": "item_1"},
    "input_audio_buffer.timeout_triggered": {"audio_start_ms": 0, "audio_end_ms": 6000, "item_id": "item_1"},
    "output_audio_buffer.cleared": {"response_id": "resp_1"},
    "output_audio_buffer.started": {"response_id": "resp_1"},
    "output_audio_buffer.stopped": {"response_id": "resp_1"},
    "response.created": {"response": response()},
    "response.done": {
        "response": response(
            "completed", usage=_USAGE, output=[item("message", role="assistant", status="completed")]
        )
    },
    "response.output_item.added": {
        "response_id": "resp_1",
        "output_index": 0,
        "item": item("message", role="assistant", status="in_progress"),
    },
    "response.output_item.done": {
        "response_id": "resp_1",
        "output_index": 0,
        "item": item(
            "function_call", name="get_time", call_id="call_1", arguments='{"city": "Пермь", "zone": null}'
        ),
    },
    "response.content_part.added": {**_PART, "part": {"type": "output_audio", "transcript": ""}},
    "response.content_part.done": {**_PART, "part": {"type": "output_audio", "transcript": "Полдень."}},
    "response.output_text.delta": {**_PART, "delta": "Пол"},
    "response.output_text.done": {**_PART, "text": "Полдень."},
    "response.output_audio_transcript.delta": {**_PART, "delta": "Пол"},
    "response.output_audio_transcript.done": {**_PART, "transcript": "Полдень."},
    "response.output_audio.done": _PART,
    "response.function_call_arguments.delta": {
        "response_id": "resp_1",
        "output_index": 0,
        "item_id": "item_2",
        "call_id": "call_1",
        "delta": '{"ci',
    },
    "response.function_call_arguments.done": {
        "response_id": "resp_1",
        "output_index": 0,
        "item_id": "item_2",
        "call_id": "call_1",
        "arguments": "{}",
    },
    "response.mcp_call_arguments.delta": {
        "response_id": "resp_1",
        "output_index": 0,
        "item_id": "item_3",
        "delta": "{",
    },
    "response.mcp_call_arguments.done": {
        "response_id": "resp_1",
        "output_index": 0,
        "item_id": "item_3",
        "arguments": "{}",
    },
    "response.mcp_call.in_progress": {"output_index": 0, "item_id": "item_3"},
    "response.mcp_call.completed": {"output_index": 0, "item_id": "item_3"},
    "response.mcp_call.failed": {"output_index": 0, "item_id": "item_3"},
    "mcp_list_tools.in_progress": {"item_id": "item_4"},
    "mcp_list_tools.completed": {"item_id": "item_4"},
    "mcp_list_tools.failed": {"item_id": "item_4"},
    "rate_limits.updated": {
        "rate_limits": [{"name": "tokens", "limit": 50000, "remaining": 49999, "reset_seconds": 0.06}]
    },
}

MESSAGES: Mapping[str, JsonObject] = {
    wire_type: {"type": wire_type, "event_id": f"event_{number}", **fields}
    for number, (wire_type, fields) in enumerate(_MESSAGES.items())
}
"""By wire type."""

NAMES: Mapping[str, str] = dict(
    zip(
        MESSAGES,
        (
            "Error",
            "SessionCreated",
            "SessionUpdated",
            "ConversationItemCreated",
            "ConversationItemRetrieved",
            "ConversationItemInputAudioTranscriptionCompleted",
            "ConversationItemInputAudioTranscriptionDelta",
            "ConversationItemInputAudioTranscriptionSegment",
            "ConversationItemInputAudioTranscriptionFailed",
            "ConversationItemTruncated",
            "ConversationItemDeleted",
            "InputAudioBufferCommitted",
            "InputAudioBufferCleared",
            "InputAudioBufferDTMFEventReceived",
            "InputAudioBufferSpeechStarted",
            "InputAudioBufferSpeechStopped",
            "InputAudioBufferTimeoutTriggered",
            "OutputAudioBufferCleared",
            "OutputAudioBufferStarted",
            "OutputAudioBufferStopped",
            "ResponseCreated",
            "ResponseDone",
            "ResponseOutputItemAdded",
            "ResponseOutputItemDone",
            "ResponseContentPartAdded",
            "ResponseContentPartDone",
            "ResponseOutputTextDelta",
            "ResponseOutputTextDone",
            "ResponseOutputAudioTranscriptDelta",
            "ResponseOutputAudioTranscriptDone",
            "ResponseOutputAudioDone",
            "ResponseFunctionCallArgumentsDelta",
            "ResponseFunctionCallArgumentsDone",
            "ResponseMCPCallArgumentsDelta",
            "ResponseMCPCallArgumentsDone",
            "ResponseMCPCallInProgress",
            "ResponseMCPCallCompleted",
            "ResponseMCPCallFailed",
            "MCPListToolsInProgress",
            "MCPListToolsCompleted",
            "MCPListToolsFailed",
            "RateLimitsUpdated",
        ),
        strict=True,
    )
)
"""The constant that each wire type reaches, in VoxEngine's spelling and order."""

HOST_MADE = ("Unknown", "HTTPResponse", "WebSocketError", "ConnectorInformation")
"""The constants of `RealtimeAPIEvents` that have no wire type."""

WITHOUT_CONSTANT = (
    {
        "type": "conversation.created",
        "event_id": "e1",
        "conversation": {"id": "conv_1", "object": "realtime.conversation"},
    },
    {"type": "conversation.item.added", "event_id": "e2", "item": item("message", role="user")},
    {"type": "conversation.item.done", "event_id": "e3", "item": item("message", role="user")},
    {"type": "acme.Überraschung", "event_id": "e4", "deep": [[[], {}], {"a": [None]}]},
    {"event_id": "e5", "note": "no type at all"},
)
"""Messages that reach `Unknown`."""
