"""What an operator types, put into the call as if its far end did it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import numpy as np

from voxruntime.audio.pcm import PCM16
from voxruntime.call.leg import Typable
from voxruntime.call.state import CallState, Direction
from voxruntime.errors import VoxrtError
from voxruntime.session.call_unit import CallUnit
from voxruntime.session.calls import Calls
from voxruntime.speech.interface import CALLER_SPEED, SpeechUnavailable, Synthesizer, caller_voice

MAX_LINES = 20
"""Lines that may wait to be said; more are refused."""


class Converter(Protocol):
    """Changes the rate of sound without occupying the loop; `files.client.FileProcess` does it."""

    async def convert(self, pcm: PCM16, in_rate: int, out_rate: int) -> PCM16:
        """Returns sound at another rate."""


class CallerVoice:
    """Presses digits and says lines in a session's call: the first connected one, incoming before outgoing.

    Order: construct, `run` in a task for as long as lines are to be said, anything in between.

    Args:
        calls: The session's calls.
        note: Writes into the session's log: a level and a text.
        synthesizer: Speaks.
        converter: Brings speech to the leg's rate.
        language: BCP-47 tag of what is said.
    """

    def __init__(
        self,
        calls: Calls,
        note: Callable[[str, str], None],
        synthesizer: Synthesizer,
        converter: Converter,
        language: str,
    ) -> None:
        self._calls = calls
        self._note = note
        self._synthesizer = synthesizer
        self._converter = converter
        self._language = language
        self._lines: asyncio.Queue[str] = asyncio.Queue(MAX_LINES)

    @property
    def call(self) -> CallUnit | None:
        """The call that is typed into; None while none is connected."""
        connected = [call for call in self._calls.active if call.machine.state is CallState.CONNECTED]
        incoming = [call for call in connected if call.machine.direction is Direction.INCOMING]
        return next(iter([*incoming, *connected]), None)

    def press(self, digits: str) -> None:
        """Presses digits, or says in the log why not."""
        leg = self._leg()
        if leg is None:
            self._note("warning", f"There is no call to press {digits} in.")
        else:
            leg.press(digits)

    def say(self, text: str) -> None:
        """Says a line as soon as the lines before it are on their way, or says in the log why not."""
        try:
            self._lines.put_nowait(text)
        except asyncio.QueueFull:
            self._note("warning", f"{MAX_LINES} lines wait to be said: “{text}” is left out.")

    async def run(self) -> None:
        """Says one line after the other, until it is cancelled."""
        while True:
            text = await self._lines.get()
            try:
                await self._speak(text)
            except SpeechUnavailable as error:
                self._note("warning", f"“{text}” cannot be said: {error.reason}")
            except VoxrtError as error:
                self._note("warning", f"“{text}” cannot be said: {error.message}")

    async def _speak(self, text: str) -> None:
        voice = caller_voice(self._language)
        spoken = self._synthesizer.synthesize(text, language=self._language, voice=voice, speed=CALLER_SPEED)
        pcm = np.concatenate([np.zeros(0, dtype=np.int16), *[chunk async for chunk in spoken]])
        leg = self._leg()
        if leg is None:
            self._note("warning", f"There is no call to say “{text}” in.")
            return
        leg.play(await self._converter.convert(pcm, self._synthesizer.rate, leg.rate))
        self._note("info", f"typed into the call: “{text}”")

    def _leg(self) -> Typable | None:
        call = self.call
        leg: object = None if call is None else call.leg
        return leg if isinstance(leg, Typable) else None
