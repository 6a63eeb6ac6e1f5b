"""How fast an answer is streamed."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rhythm of deltas.

    Attributes:
        delta_ms: Audio in one delta, 20 to 200 ms: far below the frame limit at every rate.
        times_realtime: How much faster than it is played the audio is sent; real services send at 2 to 10 times.
    """

    delta_ms: Annotated[int, msgspec.Meta(ge=20, le=200)] = 100
    times_realtime: Annotated[float, msgspec.Meta(gt=0)] = 5.0

    @property
    def period(self) -> float:
        """Seconds between two deltas."""
        return self.delta_ms / 1000 / self.times_realtime
