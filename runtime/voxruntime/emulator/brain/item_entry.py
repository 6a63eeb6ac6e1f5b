"""Items that a client adds to the conversation, and what each of them sets going."""

from __future__ import annotations

from voxruntime.emulator.brain.client_events import CreateItem
from voxruntime.emulator.brain.items import (
    FunctionOutputItem,
    Item,
    McpApprovalItem,
    Message,
    made_by_client,
)
from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.responder import Responder
from voxruntime.emulator.brain.responses import Responses
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.session_config import SessionConfig
from voxruntime.emulator.brain.transcription import Transcription
from voxruntime.emulator.brain.wire import CLIENT_OBJECT_LIMIT_BYTES, encoded_length


class ItemEntry:
    """Checks items of the client's, adds them, and tells those whom they concern.

    Args:
        config: Tells the rate of audio in them.
        responder: Knows the function calls that outputs answer.
        responses: Know the tool calls that wait for approval.
        transcription: Takes what is spoken in them.
        scribe: Takes them, and makes their ids.
    """

    def __init__(
        self,
        config: SessionConfig,
        responder: Responder,
        responses: Responses,
        transcription: Transcription,
        *,
        scribe: Scribe,
    ) -> None:
        self._config = config
        self._responder = responder
        self._responses = responses
        self._transcription = transcription
        self._scribe = scribe

    def add(self, event: CreateItem, now: float) -> None:
        """Adds an item.

        Raises:
            Rejected: It is none that can be added, or not there.
        """
        item = made_by_client(
            event.item,
            rate=self._config.input_rate,
            new_id=self._scribe.new_id,
            takes_assistant_items=self._scribe.profile.takes_assistant_items,
            path="item",
        )
        self._check(item)
        self._scribe.conversation.require_place(item.id, event.previous_item_id)
        self._scribe.conversation.add(item, event.previous_item_id)
        if isinstance(item, Message):
            self._transcription.enqueue(item)
        elif isinstance(item, McpApprovalItem):
            self._responses.approve(item, now)

    def _check(self, item: Item) -> None:
        if encoded_length(item.wire()) > CLIENT_OBJECT_LIMIT_BYTES:
            message = f"The item is longer than {CLIENT_OBJECT_LIMIT_BYTES} bytes of JSON."
            raise Rejected(Code.TOO_LONG, message, "item")
        if isinstance(item, FunctionOutputItem) and not self._responder.knows_call(item.call_id):
            message = f"There is no function call {shown(item.call_id)}."
            raise Rejected(Code.UNKNOWN_CALL, message, "item.call_id")
        if isinstance(item, McpApprovalItem):
            self._responses.require_approval(item.approval_request_id)
