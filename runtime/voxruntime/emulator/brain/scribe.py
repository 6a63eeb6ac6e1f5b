"""What responses write with."""

from __future__ import annotations

import msgspec

from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.wire import NewId, Outbox
from voxruntime.emulator.profiles import Profile


class Scribe(msgspec.Struct, frozen=True):
    """The conversation, the events and the ids of one session.

    Attributes:
        outbox: Takes events.
        conversation: Takes items.
        profile: Names what differs between providers.
        behaviour: What is set about the server.
        new_id: Makes ids.
    """

    outbox: Outbox
    conversation: Conversation
    profile: Profile
    behaviour: Behaviour
    new_id: NewId

    @property
    def spoken_text_delta(self) -> str:
        """The type of the events that stream the text of speech."""
        events = {
            "profile": self.profile.spoken_text_delta,
            "text": "response.output_text.delta",
            "transcript": "response.output_audio_transcript.delta",
        }
        return events[self.behaviour.spoken_text]

    def emit(self, event_type: str, **fields: object) -> None:
        """Sends one event."""
        self.outbox.emit(event_type, **fields)
