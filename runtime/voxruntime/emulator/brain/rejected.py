"""What the server answers to a client event it cannot accept: the codes, and the error that carries one.

Yandex publishes the shape of the `error` event but no list of codes, so these are OpenAI's where OpenAI has one.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """`error.code` of an `error` event."""

    INVALID_JSON = "invalid_json"
    INVALID_EVENT = "invalid_event"
    INVALID_TYPE = "invalid_type"
    INVALID_VALUE = "invalid_value"
    MISSING_PARAMETER = "missing_required_parameter"
    TOO_LONG = "string_above_max_length"
    EMPTY_COMMIT = "input_audio_buffer_commit_empty"
    BUFFER_FULL = "input_audio_buffer_full"
    UNKNOWN_ITEM = "item_not_found"
    TRUNCATE_UNKNOWN_ITEM = "item_truncate_invalid_item_id"
    DELETE_UNKNOWN_ITEM = "item_delete_invalid_item_id"
    RETRIEVE_UNKNOWN_ITEM = "item_retrieve_invalid_item_id"
    DUPLICATE_ITEM = "item_already_exists"
    TOO_MANY_ITEMS = "conversation_too_long"
    UNSUPPORTED_CONTENT = "unsupported_content_type"
    UNKNOWN_CALL = "invalid_tool_call_id"
    RESPONSE_ACTIVE = "conversation_already_has_active_response"
    RESPONSE_NOT_ACTIVE = "response_cancel_not_active"
    VOICE_LOCKED = "cannot_update_voice"
    INVALID_MODEL = "invalid_model"
    SESSION_EXPIRED = "session_expired"
    SPEECH_RESTARTED = "speech_restarted"


class Rejected(Exception):
    """A client event that changes nothing and is answered with an `error` event.

    Attributes:
        code: What is wrong, for programs.
        message: What is wrong, for people.
        param: Path of the field at fault (`session.audio.input`); None when no field is.
    """

    def __init__(self, code: Code, message: str, param: str | None = None) -> None:
        super().__init__(code, message, param)
        self.code = code
        self.message = message
        self.param = param


def shown(value: object) -> str:
    """Returns a value as messages quote it: cut, so that an error never grows with what caused it."""
    text = str(value)
    return f"'{text}'" if len(text) <= 100 else f"'{text[:100]}…'"
