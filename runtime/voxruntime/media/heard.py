"""How far the audio of one item has been heard."""

from __future__ import annotations

import msgspec


class Heard(msgspec.Struct, frozen=True):
    """How far one item's audio has been sent to the caller.

    Attributes:
        item_id: Conversation item.
        content_index: Content part of the item.
        heard_samples: Place in the part's audio up to which it was played, in samples at the provider's rate.
            What was cleared before that place counts as well.
        heard_ms: The same in whole ms, rounded down, so that it never lies beyond the audio.
        response_id: Response that the item belongs to.
        received_ms: All of the part's audio that has come, in whole ms.
        is_whole: Whether all of it was played.
    """

    item_id: str
    content_index: int
    heard_samples: int
    heard_ms: int
    response_id: str
    received_ms: int
    is_whole: bool


class Part(msgspec.Struct, eq=False):
    """One content part of one item.

    Attributes:
        item_id: Conversation item.
        content_index: Content part of the item.
        response_id: Response that the item belongs to.
        rate: Hz of its audio.
        frame_samples: Samples of 20 ms of it.
        sample_units: Length of one sample, in the playout's units.
        fed: Samples that have come.
        position: Place up to which it was played, in samples.
    """

    item_id: str
    content_index: int
    response_id: str
    rate: int
    frame_samples: int
    sample_units: int
    fed: int = 0
    position: int = 0

    def heard(self) -> Heard:
        """Returns how far it has been sent to the caller until now."""
        position, fed = self.position, self.fed
        heard_ms, received_ms = position * 1000 // self.rate, fed * 1000 // self.rate
        part = self.item_id, self.content_index
        return Heard(*part, position, heard_ms, self.response_id, received_ms, is_whole=position == fed)
