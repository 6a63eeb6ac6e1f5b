"""What responses write with."""

from __future__ import annotations

import msgspec

from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.wire import NewId, Outbox
from voxruntime.emulator.profiles import Profile


class Scribe(msgspec.Struct, frozen=True):
    """The conversation, the events and the ids of one session.

    Attributes:
        outbox: Takes events.
        conversation: Takes items.
        profile: Names what differs between providers.
        new_id: Makes ids.
    """

    outbox: Outbox
    conversation: Conversation
    profile: Profile
    new_id: NewId

    def emit(self, event_type: str, **fields: object) -> None:
        """Sends one event."""
        self.outbox.emit(event_type, **fields)
