"""What a provider is told of what the caller has heard: truncation, and the interruption of an agent that speaks."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from voxruntime.media.playout import Playout
from voxruntime.realtime.interface import RealtimeClient
from voxruntime.turn.messages import InterruptRealtime, Plain

NOTHING_INTERRUPTED: Mapping[str, Plain] = {"heard_ms": 0, "cancelled": False, "truncated": False}
"""What interrupting a client comes to that has nothing to say."""


def interrupt(
    playout: Playout, client: RealtimeClient, command: InterruptRealtime, unheard_s: float, cancel_id: str
) -> dict[str, Plain]:
    """Ends what a client says, and tells the provider.

    What is concerned is every item of which audio is dropped, and the one being played while more of it may come.
    Nothing of them is played later, whatever the provider still sends.

    Args:
        playout: The client's.
        client: The connection.
        command: What the provider is told.
        unheard_s: Seconds of the playout's audio that were dropped on their way to the caller just now.
        cancel_id: The event id of a `response.cancel`.

    Returns:
        The fields of `Yandex.Interrupted`.
    """
    active = client.active_response
    concerned = playout.clear(unheard_s)
    cut = [heard for heard in concerned if not heard.is_whole or (active and heard.response_id == active)]
    is_cancelled, is_truncated = bool(command.cancel and active), bool(command.truncate and cut)
    if is_cancelled:
        _send(client, "response.cancel", {"event_id": cancel_id, "response_id": active})
    for heard in cut:
        playout.cancel(heard.item_id)
        if command.truncate:
            truncate(client, heard.item_id, heard.content_index, heard.heard_ms)
    result = {**NOTHING_INTERRUPTED, "cancelled": is_cancelled, "truncated": is_truncated}
    for heard in (cut or concerned[-1:])[:1]:
        result |= {
            "item_id": heard.item_id,
            "content_index": heard.content_index,
            "heard_ms": heard.heard_ms,
            "received_ms": heard.received_ms,
        }
    return result


def truncate(
    client: RealtimeClient, item_id: str, content_index: int, heard_ms: int, event_id: str = ""
) -> None:
    """Tells the provider that the caller has heard `heard_ms` of an item and no more."""
    body: dict[str, Plain] = {"item_id": item_id, "content_index": content_index, "audio_end_ms": heard_ms}
    if event_id:
        body["event_id"] = event_id
    _send(client, "conversation.item.truncate", body)


def _send(client: RealtimeClient, event_type: str, body: dict[str, Plain]) -> None:
    client.send(event_type, msgspec.json.encode(body, order="sorted").decode())
