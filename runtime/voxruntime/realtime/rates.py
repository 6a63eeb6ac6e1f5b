"""Which sampling rates hold, between what we declared and what the provider says.

Yandex does not document its rates, and one that nobody declared is unpredictable; so the host declares
both, and obeys what `session.updated` states. A statement older than our latest declaration does not change
the input.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from voxruntime.audio.pcm import RATES


class _Format(Struct, gc=False):
    rate: int | None = None


class _Direction(Struct, gc=False):
    format: _Format | None = None


class _AudioSettings(Struct, gc=False):
    input: _Direction | None = None
    output: _Direction | None = None


class _Session(Struct, gc=False):
    audio: _AudioSettings | None = None


class _SessionMessage(Struct, gc=False):
    session: _Session | None = None


_decode = msgspec.json.Decoder(_SessionMessage).decode


class Rates:
    """The rates of one session, in Hz.

    Args:
        default: Rate that holds in both directions while nobody says anything else.
    """

    def __init__(self, default: int) -> None:
        self.input = default
        self.output = default
        self._declared_output = 0
        self._has_declared_input = False
        self._has_confirmation = False
        self._unanswered = 0

    def declare(self, input_rate: int, output_rate: int) -> None:
        """Takes the rates of the `session.update` that is sent next; 0 declares nothing.

        Input changes at once, since the provider reads in order. Output changes when the provider confirms,
        but the declaration is believed while it has confirmed nothing yet.
        """
        if input_rate:
            self.input = input_rate
            self._has_declared_input = True
        if output_rate:
            self._declared_output = output_rate
            if not self._has_confirmation:
                self.output = output_rate

    def on_update_sent(self) -> None:
        """A `session.update` goes out."""
        self._unanswered += 1

    def on_created(self, text: str) -> None:
        """Takes a `session.created`: its rates hold until we declare ours."""
        stated_input, stated_output = _stated_rates(text)
        if not self._has_declared_input:
            self.input = stated_input or self.input
        if not self._declared_output:
            self.output = stated_output or self.output

    def on_updated(self, text: str) -> None:
        """Takes a `session.updated`. Audio after it has the rate it states, or else the one we declared."""
        stated_input, stated_output = _stated_rates(text)
        self._unanswered = max(0, self._unanswered - 1)
        self._has_confirmation = True
        self.output = stated_output or self._declared_output or self.output
        # With another update on its way the statement may be older than what we send by now.
        if not self._unanswered:
            self.input = stated_input or self.input


def _stated_rates(text: str) -> tuple[int, int]:
    """Returns the input and the output rate that a session object states; 0 for one it does not."""
    try:
        session = _decode(text).session
    except msgspec.DecodeError:
        return 0, 0
    audio = session.audio if session else None
    return (_rate_of(audio.input), _rate_of(audio.output)) if audio else (0, 0)


def _rate_of(direction: _Direction | None) -> int:
    """Returns a rate that a port may have, else 0."""
    rate = direction.format.rate if direction and direction.format else None
    return rate if rate in RATES else 0
