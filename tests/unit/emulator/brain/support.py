"""What tests of responses share: a scribe, and what it wrote."""

from __future__ import annotations

import json
from itertools import count

from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.response_options import Origin, ResponseOptions
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.session_config import AudioFormat, AudioOutput
from voxruntime.emulator.brain.wire import Outbox
from voxruntime.emulator.profiles import YANDEX, Profile

Json = dict[str, object]


class Desk:
    """A scribe that remembers."""

    def __init__(self, profile: Profile = YANDEX, **behaviour: object) -> None:
        numbers = count(1)

        def new_id(prefix: str) -> str:
            return f"{prefix}_{next(numbers)}"

        outbox = Outbox(new_id)
        conversation = Conversation("conv_1", profile, outbox)
        self.scribe = Scribe(outbox, conversation, profile, Behaviour(**behaviour), new_id)

    def events(self) -> list[Json]:
        """Returns what was written since the last call."""
        return [json.loads(text) for text in self.scribe.outbox.drain()]

    def kinds(self) -> list[str]:
        """Returns the types of what was written since the last call."""
        return [event["type"] for event in self.events()]


def response_options(**fields: object) -> ResponseOptions:
    """Returns options of speech at 8 kHz, changed as asked."""
    output = AudioOutput(format=AudioFormat(rate=8000))
    default: Json = {"origin": Origin.CLIENT, "modality": "audio", "output": output, "tools": frozenset()}
    return ResponseOptions(**{**default, **fields})
