"""What a value from a scenario process may be: checked while it is decoded.

A message is decoded on the engine's loop, between two media ticks: a byte may not cost more than its share there,
whatever it says, so what could hold many small values has a length. Lua keeps within them.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

MAX_COMMANDS = 1000
"""Commands of one turn."""

MAX_HEADERS = 50
"""SIP headers of one call."""

MAX_PLACES = 20
"""Places of handlers that are told for one event."""

EventName: TypeAlias = Annotated[str, msgspec.Meta(max_length=100)]

Places: TypeAlias = Annotated[list[str], msgspec.Meta(max_length=MAX_PLACES)]

Headers: TypeAlias = Annotated[dict[str, str], msgspec.Meta(max_length=MAX_HEADERS)]

NewHandle: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
"""Handle of an object that the scenario makes."""

Rate: TypeAlias = Literal[0, 8000, 16000, 24000, 44100, 48000]
"""Audio rate in Hz; 0 when none is declared."""

FileStem: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z-]{1,64}\Z")]
"""Name of a file of the host, without its ending: it cannot lead to another folder."""

PrintableText: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*\Z")]
"""Text for a terminal: no control character but tab and line end."""
