"""One call between a scripted caller and a scripted provider, through a real session, in virtual time and to the sample.

Scenario, io and zygote processes are real, and so is the recording; the socket to the provider is not there.
"""

from __future__ import annotations

import json
import wave
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from session_doubles import ToldLeg, ToldProvider
from session_stand import PARTY, Stand, run_session
from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.session.records import Outcome
from voxruntime.testing import virtual_loop

RATE = 8000
FRAME = frame_samples(RATE)


def pattern(samples: int, first: int) -> PCM16:
    """Samples that are never zero and tell their place in an item, whose first sample says which item it is."""
    return (first + np.arange(samples) % 1000).astype(np.int16)


Moments = dict[int, Callable[[], object]]
"""What happens at which tick, 20 ms each."""


class Caller(ToldLeg):
    """A caller who does something at given ticks, and hears what was pushed `delay` frames before."""

    def __init__(self, delay: int = 0) -> None:
        super().__init__(RATE)
        self.at: Moments = {}
        self.ear: list[PCM16 | None] = []
        self._ticks = 0
        self._coming: deque[PCM16 | None] = deque([None] * delay)

    def push(self, frame: PCM16 | None) -> None:
        self._coming.append(frame)
        self.ear.append(self._coming.popleft())
        self._ticks += 1
        self.at.pop(self._ticks, lambda: None)()

    def leave(self) -> None:
        assert self.events is not None
        self.events.on_hung_up(200, "")

    def silence(self) -> float:
        waiting = len(self._coming)
        self._coming = deque([None] * waiting)
        return waiting * 0.02


@dataclass
class ToldCall:
    """One call.

    Attributes:
        said: What the scenario printed.
        sent: What the provider was told.
        right: The caller's ear, as the recording's right channel has it.
        ear: The same where the caller is, behind what a leg buffers.
        times: When each line was printed, in s of the session.
        outcome: How the session ended.
    """

    said: list[str]
    sent: list[dict[str, object]]
    right: PCM16
    ear: PCM16 = field(repr=False)
    times: dict[str, float]
    outcome: Outcome

    @property
    def reported(self) -> dict[str, object]:
        (line,) = self.said
        result = json.loads(line)
        assert isinstance(result, dict)
        return result

    @property
    def wire(self) -> list[tuple[object, ...]]:
        """Cancels and truncations, short."""
        return [
            ("cancel", message["response_id"])
            if message["type"] == "response.cancel"
            else ("truncate", message["item_id"], message["content_index"], message["audio_end_ms"])
            for message in self.sent
            if message["type"] in {"response.cancel", "conversation.item.truncate"}
        ]


Script = Callable[[ToldProvider, Moments], None]


def told_call(
    folder: Path, text: str, script: Script, *, ticks: int = 120, provider_rate: int = RATE, delay: int = 0
) -> ToldCall:
    """Runs a call.

    Args:
        folder: Where it is recorded.
        text: The scenario; it records its call in stereo.
        script: Says what the provider does when; the caller leaves at the end.
        ticks: Ticks of 20 ms until then.
        provider_rate: Hz of the provider's audio.
        delay: Ticks by which the caller hears late.
    """
    caller = Caller(delay)
    providers: list[ToldProvider] = []

    def prepare(stand: Stand) -> None:
        provider = ToldProvider(stand.clock, provider_rate)
        providers.append(provider)
        stand.connect = provider.connect
        script(provider, caller.at)
        caller.at[ticks] = caller.leave
        stand.session.alert(caller, PARTY)

    outcome, stand = virtual_loop.run(run_session(text, prepare, folder=folder))
    (recording,) = folder.glob("*.wav")
    with wave.open(str(recording)) as file:
        right = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)[:, 1]
    silent = np.zeros(FRAME, dtype=np.int16)
    ear = np.concatenate([silent if frame is None else frame for frame in caller.ear])
    return ToldCall(stand.seen.lines, providers[0].sent, right, ear, stand.seen.times, outcome)


def caller_speaks(provider: ToldProvider) -> Callable[[], None]:
    return lambda: provider.say("input_audio_buffer.speech_started", audio_start_ms=0, item_id="user")


def sound(channel: PCM16) -> PCM16:
    """A channel without its silence."""
    return channel[channel != 0]
