"""What a provider's message means to the host: one of three values."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from voxruntime.realtime.constants import Constant


class Message(Struct, frozen=True, gc=False):
    """Any event but audio.

    Attributes:
        constant: What scenarios listen to; `UNKNOWN` for a type without a constant.
        wire_type: The message's `type`; empty when it has none.
        text: The whole JSON text, as it came.
        event_id: The message's own id; empty when it has none, as are the other ids.
        response_id: The response it belongs to.
        item_id: The conversation item it is about.
        status: Status of the response or item inside, e.g. `cancelled`.
    """

    constant: Constant
    wire_type: str
    text: str
    event_id: str = ""
    response_id: str = ""
    item_id: str = ""
    status: str = ""


class Audio(Struct, frozen=True, gc=False):
    """Audio to play.

    Attributes:
        item_id: The assistant's item that is being spoken.
        content_index: Which part of the item.
        response_id: The response that makes it.
        pcm: int16 little-endian mono at the session's output rate, a whole number of samples, never empty.
    """

    item_id: str
    content_index: int
    response_id: str
    pcm: bytes


class ProtocolFailed(Struct, frozen=True, gc=False):
    """A message that is dropped: not JSON, no object, too long, or audio that cannot be decoded."""

    reason: str


ServerEvent: TypeAlias = Message | Audio | ProtocolFailed
