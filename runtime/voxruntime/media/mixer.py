"""A mix: each member hears the sum of all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxruntime.audio.pcm import PCM16, silent_frame


class Member:
    """One who takes part in a mix: the graph's sink for what it says, and its source of what it hears.

    In the graph a member's sink belongs in `Stage.IN` and its source in `Stage.OUT`: then it hears in each tick what
    the others said in it. A member whose sink is served after the sources, since it hears one of `Stage.OUT`, is heard
    in the next tick. Made by `Mixer.join`.
    """

    __slots__ = ("heard", "mixer", "rate")

    def __init__(self, mixer: Mixer, rate: int) -> None:
        self.mixer = mixer
        self.rate = rate
        """Hz of the frames both ways."""
        self.heard: PCM16 | None = None
        """What it hears of the last mix and has not taken yet."""

    def push(self, frame: PCM16 | None) -> None:
        """Takes what the member says, int16 of shape (rate // 50,); None is silence."""
        self.mixer.said[self] = frame

    def pull(self) -> PCM16 | None:
        """Returns what the member hears: None where no one else says anything, and when it has left."""
        if self.mixer.said:
            self.mixer.mix()
        heard, self.heard = self.heard, None
        return heard


class Mixer:
    """Adds up what its members say, once for each tick.

    The sums are exact, and saturate at full scale. In a tick every member is pushed before any is pulled; in which
    order makes no difference. Members may join and leave at any time: who joins is heard with its first frame, and of
    who leaves nothing is heard that has not been mixed by then.

    Args:
        rate: Hz of all members, one of `RATES`.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._silence = silent_frame(rate)
        self._members: dict[Member, None] = {}
        self.said: dict[Member, PCM16 | None] = {}
        """What was said since the last mix; of members alone."""

    def join(self) -> Member:
        """Returns a new member."""
        member = Member(self, self._rate)
        self._members[member] = None
        return member

    def leave(self, member: Member) -> None:
        """Takes a member out, into a mix of its own; one that has left already is ignored."""
        if member in self._members:
            del self._members[member]
            self.said.pop(member, None)
            member.mixer, member.heard = Mixer(self._rate), None

    def mix(self) -> None:
        """Gives each member the sum of what the others have said since the last mix."""
        speaking = [member for member, frame in self.said.items() if frame is not None]
        frames = [frame for frame in self.said.values() if frame is not None]
        self.said.clear()
        everyone, others = self._sums(frames)
        for member in self._members:
            member.heard = everyone
        for member, heard in zip(speaking, others, strict=True):
            member.heard = heard

    def _sums(self, frames: Sequence[PCM16]) -> tuple[PCM16 | None, Sequence[PCM16 | None]]:
        """Returns the sum of all, and for each the sum of the others; None where nothing was said."""
        if len(frames) < 2:
            return (frames[0], [None]) if frames else (None, [])
        # Who says nothing says silence: what each hears is the total without its own.
        said = np.concatenate([*frames, self._silence]).reshape(len(frames) + 1, -1)
        # An int16 sum would wrap; int32 has room for 65,000 members.
        total = np.add.reduce(said, axis=0, dtype=np.int32)
        *others, everyone = (total - said).clip(-32768, 32767).astype(np.int16)
        return everyone, others
