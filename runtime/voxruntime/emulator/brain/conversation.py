"""The conversation: one ordered list of items, and the events that tell of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from voxruntime.emulator.brain.items import AudioPart, Item, ItemStatus, Message
from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.wire import FRAME_LIMIT_BYTES, Outbox, encoded_length
from voxruntime.emulator.profiles import Profile

ROOT = "root"
"""`previous_item_id` of an item that is to come first."""

MAX_ITEMS = 10_000
"""Items past which no more are taken: a client in a loop must not fill the memory."""


class Conversation:
    """Holds the items of one session in their order.

    Args:
        conversation_id: Its id, as responses name it.
        profile: Decides which events announce an item.
        outbox: Takes the events.
    """

    def __init__(self, conversation_id: str, profile: Profile, outbox: Outbox) -> None:
        self.id = conversation_id
        self._profile = profile
        self._outbox = outbox
        self._items: list[Item] = []
        self._announced_after: dict[str, str | None] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._announced_after

    @property
    def last_id(self) -> str | None:
        """Id of the last item; None when there is none."""
        return self._items[-1].id if self._items else None

    def require_place(self, item_id: str, previous_item_id: str | None) -> None:
        """Raises Rejected when an item of this id cannot be inserted behind `previous_item_id`."""
        if len(self._items) >= MAX_ITEMS:
            raise Rejected(Code.TOO_MANY_ITEMS, f"A conversation has at most {MAX_ITEMS} items.")
        if item_id in self:
            raise Rejected(Code.DUPLICATE_ITEM, f"There is an item {shown(item_id)} already.", "item.id")
        if previous_item_id and previous_item_id != ROOT and previous_item_id not in self:
            message = f"There is no item {shown(previous_item_id)} to insert the item behind."
            raise Rejected(Code.UNKNOWN_ITEM, message, "previous_item_id")

    def add(self, item: Item, previous_item_id: str | None = None) -> None:
        """Inserts an item and announces it; the place was checked before.

        Args:
            item: In progress, or final: then `conversation.item.done` follows at once.
            previous_item_id: The item before it; None or empty for the end, ROOT for the beginning.
        """
        at = self._index_behind(previous_item_id)
        before = self._items[at - 1].id if at else None
        self._items.insert(at, item)
        self._announced_after[item.id] = before
        names = ("created", "added") if self._profile.creates_items else ("added",)
        for name in names:
            self._outbox.emit(f"conversation.item.{name}", previous_item_id=before, item=item.wire())
        if item.status is not ItemStatus.IN_PROGRESS:
            self.finish(item)

    def finish(self, item: Item) -> None:
        """Tells that an item is final, unless it was deleted before."""
        if item.id in self:
            self._outbox.emit(
                "conversation.item.done", previous_item_id=self._announced_after[item.id], item=item.wire()
            )

    def retrieve(self, item_id: str) -> None:
        """Sends an item with its audio; without, when the event would be longer than clients accept.

        Raises:
            Rejected: There is no such item.
        """
        item = self._get(item_id, Code.RETRIEVE_UNKNOWN_ITEM)
        wire = item.wire_with_audio() if isinstance(item, Message) else item.wire()
        if encoded_length(wire) > FRAME_LIMIT_BYTES - 1024:
            wire = item.wire()
        self._outbox.emit("conversation.item.retrieved", item=wire)

    def delete(self, item_id: str) -> None:
        """Removes an item.

        Raises:
            Rejected: There is no such item.
        """
        item = self._get(item_id, Code.DELETE_UNKNOWN_ITEM)
        self._items.remove(item)
        del self._announced_after[item_id]
        self._outbox.emit("conversation.item.deleted", item_id=item_id)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: float) -> None:
        """Cuts the end off what the assistant said, since the caller did not hear it.

        Raises:
            Rejected: There is no such item, it holds no speech of the assistant, or less of it than that.
        """
        item = self._get(item_id, Code.TRUNCATE_UNKNOWN_ITEM)
        if not isinstance(item, Message) or item.role != "assistant":
            raise Rejected(Code.UNSUPPORTED_CONTENT, "Only messages of the assistant can be truncated.")
        if not 0 <= content_index < len(item.content):
            message = f"Item {shown(item_id)} has no content {content_index}."
            raise Rejected(Code.INVALID_VALUE, message, "content_index")
        part = item.content[content_index]
        if not isinstance(part, AudioPart):
            raise Rejected(Code.UNSUPPORTED_CONTENT, "Only audio can be truncated.", "content_index")
        if not 0 <= audio_end_ms <= math.ceil(part.duration_ms) or not part.duration_ms:
            message = (
                f"The audio of {shown(item_id)} is {part.duration_ms:.0f} ms long, not {audio_end_ms:.0f} ms."
            )
            raise Rejected(Code.INVALID_VALUE, message, "audio_end_ms")
        part.truncate(audio_end_ms)
        self._outbox.emit(
            "conversation.item.truncated",
            item_id=item_id,
            content_index=content_index,
            audio_end_ms=round(audio_end_ms),
        )

    def _get(self, item_id: str, code: Code) -> Item:
        for item in self._items:
            if item.id == item_id:
                return item
        # Live servers leave `param` empty here.
        raise Rejected(code, f"There is no item {shown(item_id)}.")

    def _index_behind(self, previous_item_id: str | None) -> int:
        if not previous_item_id:
            return len(self._items)
        if previous_item_id == ROOT:
            return 0
        return next(at for at, item in enumerate(self._items, 1) if item.id == previous_item_id)
