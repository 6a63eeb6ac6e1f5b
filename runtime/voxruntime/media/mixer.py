"""A mix: each member hears the sum of all others."""

from __future__ import annotations

import numpy as np

from voxruntime.audio.pcm import PCM16, frame_samples


class Member:
    """One who takes part in a mix: the graph's sink for what it says, and its source of what it hears.

    In the graph a member's sink belongs in `Stage.IN` and its source in `Stage.OUT`: then it hears in each tick what
    the others said in it. A member whose sink is served after the sources, since it hears one of `Stage.OUT`, is heard
    in the next tick. Made by `Mixer.join`.
    """

    __slots__ = ("heard", "mixer", "rate", "said")

    def __init__(self, mixer: Mixer, rate: int) -> None:
        self.mixer: Mixer | None = mixer
        self.rate = rate
        """Hz of the frames both ways."""
        self.said: PCM16 | None = None
        """What it says that has not been mixed yet."""
        self.heard: PCM16 | None = None
        """What it hears of the last mix and has not taken yet."""

    def push(self, frame: PCM16 | None) -> None:
        """Takes what the member says, int16 of shape (rate // 50,); nothing of one that has left."""
        mixer = self.mixer
        if mixer is not None:
            self.said = frame
            mixer.is_due = True

    def pull(self) -> PCM16 | None:
        """Returns what the member hears: None where no one else says anything, and when it has left."""
        mixer = self.mixer
        if mixer is not None and mixer.is_due:
            mixer.mix()
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
        self._silence = np.zeros(frame_samples(rate), dtype=np.int16)
        self._members: dict[Member, None] = {}
        self.is_due = False
        """Whether something was pushed since the last mix."""

    def join(self) -> Member:
        """Returns a new member."""
        member = Member(self, self._rate)
        self._members[member] = None
        return member

    def leave(self, member: Member) -> None:
        """Takes a member out; one that has left already is ignored."""
        if member.mixer is self:
            del self._members[member]
            member.mixer = member.said = member.heard = None

    def mix(self) -> None:
        """Gives each member the sum of what the others have said since the last mix."""
        self.is_due = False
        speaking: list[Member] = []
        frames: list[PCM16] = []
        for member in self._members:
            if member.said is not None:
                speaking.append(member)
                frames.append(member.said)
            member.said = member.heard = None
        if not frames:
            return
        # Who says nothing says silence: then what each hears is the total without its own.
        said = np.concatenate([*frames, self._silence]).reshape(len(frames) + 1, -1)
        # An int16 sum would wrap; int32 has room for 65,000 members.
        total = np.add.reduce(said, axis=0, dtype=np.int32)
        *others, everyone = (total - said).clip(-32768, 32767).astype(np.int16)
        for member in self._members:
            member.heard = everyone
        for member, heard in zip(speaking, others, strict=True):
            member.heard = heard if len(frames) > 1 else None
