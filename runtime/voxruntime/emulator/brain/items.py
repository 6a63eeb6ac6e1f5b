"""Items of a conversation, as clients see them: messages, function calls with their outputs, and those of MCP."""

from __future__ import annotations

import binascii
from enum import StrEnum
from typing import Literal

import msgspec
import numpy as np
import pybase64

from voxruntime.audio import pcm as pcm_codec
from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain.client_events import NewItem, NewPart
from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.wire import JsonObject, NewId

Role = Literal["user", "assistant", "system"]

_PARTS_OF_ROLE: dict[str, frozenset[str]] = {
    "user": frozenset({"input_text", "input_audio"}),
    "system": frozenset({"input_text"}),
    "assistant": frozenset({"output_text", "output_audio"}),
}

MAX_ID_CHARS = 64


class ItemStatus(StrEnum):
    """Items are never "cancelled": what a cancelled response leaves behind is incomplete."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"


class TextPart(msgspec.Struct):
    """A part of a message that was written."""

    kind: Literal["input_text", "output_text"]
    text: str

    def wire(self) -> JsonObject:
        """Returns the part as it stands inside an item."""
        return {"type": self.kind, "text": self.text}


class AudioPart(msgspec.Struct):
    """A part of a message that was spoken.

    Attributes:
        kind: By whom.
        chunks: int16 of shape (samples,) each.
        rate: Hz.
        transcript: Its text; None while it is not known, and after the audio was truncated.
        is_truncated: Whether audio was taken off its end; then none is added any more.
    """

    kind: Literal["input_audio", "output_audio"]
    rate: int
    chunks: list[PCM16] = msgspec.field(default_factory=list)
    transcript: str | None = None
    is_truncated: bool = False

    @property
    def pcm(self) -> PCM16:
        """All of the audio."""
        return np.concatenate(self.chunks) if self.chunks else np.zeros(0, dtype=np.int16)

    @property
    def duration_ms(self) -> float:
        """Milliseconds of audio."""
        return sum(len(chunk) for chunk in self.chunks) * 1000 / self.rate

    def truncate(self, end_ms: float) -> None:
        """Forgets the audio past `end_ms`, and the transcript, which tells more than was heard."""
        self.chunks = [self.pcm[: round(end_ms * self.rate / 1000)]]
        self.transcript = None
        self.is_truncated = True

    def wire(self) -> JsonObject:
        """Returns the part as it stands inside an item, without its audio."""
        return {"type": self.kind, "transcript": self.transcript}

    def wire_with_audio(self) -> JsonObject:
        """Returns the part with its audio."""
        audio = pybase64.b64encode(pcm_codec.encode(self.pcm)).decode()
        return {**self.wire(), "audio": audio}


Part = TextPart | AudioPart


class Message(msgspec.Struct):
    """What someone said or wrote."""

    id: str
    role: Role
    content: list[Part]
    status: ItemStatus = ItemStatus.COMPLETED

    @property
    def text(self) -> str:
        """What is known of its words."""
        texts = [
            (part.text if isinstance(part, TextPart) else part.transcript) or "" for part in self.content
        ]
        return " ".join(text for text in texts if text)

    def wire(self) -> JsonObject:
        """Returns the item without audio."""
        return self._wire([part.wire() for part in self.content])

    def wire_with_audio(self) -> JsonObject:
        """Returns the item with its audio, as `conversation.item.retrieved` shows it."""
        return self._wire(
            [part.wire_with_audio() if isinstance(part, AudioPart) else part.wire() for part in self.content]
        )

    def _wire(self, content: list[JsonObject]) -> JsonObject:
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "message",
            "role": self.role,
            "status": self.status.value,
            "content": content,
        }


class _PlainItem(msgspec.Struct):
    """An item whose fields are those of its JSON; its tag is the type there."""

    def wire(self) -> JsonObject:
        """Returns the item."""
        kind = self.__struct_config__.tag
        return {"object": "realtime.item", "type": kind, **msgspec.structs.asdict(self)}


class FunctionCallItem(_PlainItem, tag="function_call"):
    """The assistant's wish that the client runs a function. `arguments` is JSON text."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: ItemStatus = ItemStatus.COMPLETED


class FunctionOutputItem(_PlainItem, tag="function_call_output"):
    """What the client's function returned."""

    id: str
    call_id: str
    output: str
    status: ItemStatus = ItemStatus.COMPLETED


class McpListItem(_PlainItem, tag="mcp_list_tools"):
    """What an MCP server offers. `error` tells why nothing is known of it."""

    id: str
    server_label: str
    tools: list[JsonObject]
    error: str | None = None
    status: ItemStatus = ItemStatus.COMPLETED


class McpCallItem(_PlainItem, tag="mcp_call"):
    """A tool that the server itself runs on an MCP server. `arguments` is JSON text, `output` the tool's text."""

    id: str
    server_label: str
    name: str
    arguments: str = ""
    approval_request_id: str | None = None
    output: str | None = None
    error: JsonObject | None = None
    status: ItemStatus = ItemStatus.IN_PROGRESS


class McpApprovalRequestItem(_PlainItem, tag="mcp_approval_request"):
    """The question whether a tool may run."""

    id: str
    server_label: str
    name: str
    arguments: str
    status: ItemStatus = ItemStatus.COMPLETED


class McpApprovalItem(_PlainItem, tag="mcp_approval_response"):
    """The client's answer to that question."""

    id: str
    approval_request_id: str
    approve: bool
    reason: str | None = None
    status: ItemStatus = ItemStatus.COMPLETED


Item = (
    Message
    | FunctionCallItem
    | FunctionOutputItem
    | McpListItem
    | McpCallItem
    | McpApprovalRequestItem
    | McpApprovalItem
)


def decode_audio(text: str, param: str) -> PCM16:
    """Returns the samples of base64 text.

    Raises:
        Rejected: It is no base64, or ends within a sample.
    """
    try:
        octets = pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected(Code.INVALID_VALUE, f"'{param}' is no base64.", param) from None
    if len(octets) % 2:
        raise Rejected(Code.INVALID_VALUE, f"'{param}' ends within a 16-bit sample.", param)
    return pcm_codec.decode(octets)


def made_by_client(new: NewItem, *, rate: int, new_id: NewId, takes_assistant_items: bool, path: str) -> Item:
    """Returns the item that a client describes.

    Args:
        new: The client's description.
        rate: Hz of audio in it.
        new_id: Makes the id when the client gave none.
        takes_assistant_items: Whether the client may say what the assistant said.
        path: Path of the item in the event, for `error.param`.

    Raises:
        Rejected: The kind of item is unknown, or a field is missing or does not fit the kind.
    """
    if new.id is not None and not 1 <= len(new.id) <= MAX_ID_CHARS:
        raise Rejected(Code.INVALID_VALUE, f"An item id has 1 to {MAX_ID_CHARS} characters.", f"{path}.id")
    item_id = new.id or new_id("mcp" if new.type.startswith("mcp_") else "item")
    if new.type == "message":
        return _message(new, item_id, rate, takes_assistant_items=takes_assistant_items, path=path)
    if new.type == "function_call":
        name = _required(new.name, f"{path}.name")
        arguments = _required(new.arguments, f"{path}.arguments")
        return FunctionCallItem(item_id, new.call_id or new_id("call"), name, arguments)
    if new.type == "function_call_output":
        call_id = _required(new.call_id, f"{path}.call_id")
        return FunctionOutputItem(item_id, call_id, _required(new.output, f"{path}.output"))
    if new.type == "mcp_approval_response":
        request_id = _required(new.approval_request_id, f"{path}.approval_request_id")
        if new.approve is None:
            raise _missing(f"{path}.approve")
        return McpApprovalItem(item_id, request_id, new.approve, new.reason)
    raise Rejected(Code.INVALID_VALUE, f"Items of type {shown(new.type)} cannot be created.", f"{path}.type")


def _message(new: NewItem, item_id: str, rate: int, *, takes_assistant_items: bool, path: str) -> Message:
    role = _required(new.role, f"{path}.role")
    kinds = _PARTS_OF_ROLE.get(role)
    if kinds is None:
        raise Rejected(Code.INVALID_VALUE, f"There is no role {shown(role)}.", f"{path}.role")
    if role == "assistant" and not takes_assistant_items:
        raise Rejected(Code.INVALID_VALUE, "Messages of the assistant cannot be created.", f"{path}.role")
    content: list[Part] = []
    for index, part in enumerate(new.content or []):
        place = f"{path}.content[{index}]"
        if part.type not in kinds:
            known = ", ".join(sorted(kinds))
            message = f"A part of role '{role}' is one of {known}, not {shown(part.type)}."
            raise Rejected(Code.INVALID_VALUE, message, f"{place}.type")
        content.append(_part(part, rate, place))
    if not content:
        raise Rejected(Code.MISSING_PARAMETER, f"'{path}.content' is empty.", f"{path}.content")
    if role == "user":
        return Message(item_id, "user", content)
    return Message(item_id, "system" if role == "system" else "assistant", content)


def _part(part: NewPart, rate: int, path: str) -> Part:
    if part.type == "input_text":
        return TextPart("input_text", _required(part.text, f"{path}.text"))
    if part.type == "output_text":
        return TextPart("output_text", _required(part.text, f"{path}.text"))
    if part.type == "input_audio":
        pcm = decode_audio(_required(part.audio, f"{path}.audio"), f"{path}.audio")
        return AudioPart("input_audio", rate, [pcm])
    return AudioPart("output_audio", rate, transcript=_required(part.transcript, f"{path}.transcript"))


def _required(value: str | None, path: str) -> str:
    if value is None:
        raise _missing(path)
    return value


def _missing(path: str) -> Rejected:
    return Rejected(Code.MISSING_PARAMETER, f"Missing required parameter: '{path}'.", path)
