"""Client events: their fields, and how JSON text becomes one or is rejected.

Fields that no provider defines are ignored. The names and required fields are those of "clientEvents" in the Yandex
AI Studio reference; optional ones beyond it are OpenAI's.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.wire import JsonObject

MAX_DEPTH = 64
"""Nesting past which a message is refused: what comes in must be safe to walk and to send out again."""

MAX_EVENT_ID_CHARS = 512

Struct = TypeVar("Struct", bound=msgspec.Struct)

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<field>[^`]+)`$")


class NewPart(msgspec.Struct, frozen=True):
    """One content part of an item that a client makes."""

    type: str
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None


class NewItem(msgspec.Struct, frozen=True):
    """An item that a client makes; which fields matter depends on `type`."""

    type: str
    id: str | None = None
    role: str | None = None
    content: list[NewPart] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None


class ResponseRequest(msgspec.Struct, frozen=True):
    """The `response` object of `response.create`: what differs from the session for this one response."""

    conversation: str | None = None
    input: list[NewItem] | None = None
    instructions: str | None = None
    output_modalities: list[str] | None = None
    modalities: list[str] | None = None
    audio: JsonObject | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    max_output_tokens: int | str | None = None
    metadata: dict[str, str] | None = None


class ClientEvent(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """What all client events share."""

    event_id: str | None = None


class UpdateSession(ClientEvent, frozen=True, tag="session.update"):
    session: JsonObject


class AppendAudio(ClientEvent, frozen=True, tag="input_audio_buffer.append"):
    audio: str


class CommitAudio(ClientEvent, frozen=True, tag="input_audio_buffer.commit"):
    pass


class ClearAudio(ClientEvent, frozen=True, tag="input_audio_buffer.clear"):
    pass


class ClearOutput(ClientEvent, frozen=True, tag="output_audio_buffer.clear"):
    pass


class CreateItem(ClientEvent, frozen=True, tag="conversation.item.create"):
    item: NewItem
    previous_item_id: str | None = None


class RetrieveItem(ClientEvent, frozen=True, tag="conversation.item.retrieve"):
    item_id: str


class TruncateItem(ClientEvent, frozen=True, tag="conversation.item.truncate"):
    item_id: str
    content_index: int
    audio_end_ms: float


class DeleteItem(ClientEvent, frozen=True, tag="conversation.item.delete"):
    item_id: str


class CreateResponse(ClientEvent, frozen=True, tag="response.create"):
    response: ResponseRequest | None = None


class CancelResponse(ClientEvent, frozen=True, tag="response.cancel"):
    response_id: str | None = None


_KINDS: Final[tuple[type[ClientEvent], ...]] = (
    UpdateSession,
    AppendAudio,
    CommitAudio,
    ClearAudio,
    ClearOutput,
    CreateItem,
    RetrieveItem,
    TruncateItem,
    DeleteItem,
    CreateResponse,
    CancelResponse,
)
_BY_TYPE: Final = {kind.__struct_config__.tag: kind for kind in _KINDS}


def decode(text: str) -> JsonObject:
    """Returns the JSON object of one frame.

    Raises:
        Rejected: It is no JSON object, or nested deeper than MAX_DEPTH.
    """
    try:
        message: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Rejected(Code.INVALID_JSON, f"The frame is no JSON: {error}.") from None
    if not isinstance(message, dict):
        raise Rejected(Code.INVALID_JSON, "The frame is no JSON object.")
    _refuse_unwieldy(message)
    return message


def client_event_id(message: JsonObject) -> str | None:
    """Returns the id that an `error` event echoes; None when the client sent none that can be echoed."""
    event_id = message.get("event_id")
    return event_id if isinstance(event_id, str) and len(event_id) <= MAX_EVENT_ID_CHARS else None


def parse(message: JsonObject) -> ClientEvent:
    """Returns the typed event.

    Raises:
        Rejected: The type is missing or unknown, or a field is missing or of another type.
    """
    event_type = message.get("type")
    if not isinstance(event_type, str):
        raise Rejected(Code.INVALID_EVENT, "The event has no 'type'.", "type")
    kind = _BY_TYPE.get(event_type)
    if kind is None:
        raise Rejected(Code.INVALID_VALUE, f"There is no client event {shown(event_type)}.", "type")
    return converted(message, kind)


def converted(value: object, kind: type[Struct], prefix: str = "") -> Struct:
    """Returns `value` as a struct.

    Args:
        value: JSON value.
        kind: Struct to make.
        prefix: Path of `value` in the event, for `error.param`.

    Raises:
        Rejected: A field is missing, of another type or out of range; `param` names it.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _rejected(str(error), prefix) from None


def _rejected(text: str, prefix: str) -> Rejected:
    place = _PLACE.match(text)
    what, path = (place["what"], place["path"] or "") if place else (text, "")
    path = (prefix + path).lstrip(".")
    missing = _MISSING.match(what)
    if missing:
        path = f"{path}.{missing['field']}".lstrip(".")
        return Rejected(Code.MISSING_PARAMETER, f"Missing required parameter: '{path}'.", path)
    code = Code.INVALID_TYPE if ", got " in what else Code.INVALID_VALUE
    return Rejected(code, f"Invalid '{path}': {what}.", path)


def _refuse_unwieldy(message: JsonObject) -> None:
    waiting: list[tuple[object, int]] = [(message, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Rejected(Code.INVALID_JSON, f"The event is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(value, dict):
            waiting.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list):
            waiting.extend((inner, depth + 1) for inner in value)
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise Rejected(Code.INVALID_JSON, "The event holds an integer of more than 64 bits.")
