"""Every kind of leg that a run can name, by the scheme of its spec."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from voxruntime.call.leg import CallParty, Leg
from voxruntime.call.state import Direction
from voxruntime.errors import ConfigError
from voxruntime.legs.audio_leg import AudioLeg
from voxruntime.legs.context import LegContext
from voxruntime.legs.mic.leg import open_mic
from voxruntime.legs.outcome.leg import open_busy, open_noanswer, open_reject
from voxruntime.legs.script.leg import open_script
from voxruntime.legs.wav.leg import open_wav

__all__ = ["LEG_TYPES", "LegContext", "LegType", "open_leg", "parse_spec", "party_of"]

EITHER_WAY = frozenset(Direction)
CALLED_ONLY = frozenset({Direction.OUTGOING})


class LegType(msgspec.Struct, frozen=True):
    """One kind of leg.

    Attributes:
        scheme: First part of its spec.
        argument: What follows the colon, as help shows it; empty when nothing does.
        directions: Directions of calls it can be the far end of.
        open: Opens one: called with the spec's argument, the call's direction and the run.
    """

    scheme: str
    argument: str
    directions: frozenset[Direction]
    open: Callable[[str, Direction, LegContext], Awaitable[Leg]]

    @property
    def usage(self) -> str:
        """The spec as help shows it: `wav:FILE`."""
        return f"{self.scheme}:{self.argument}" if self.argument else self.scheme


LEG_TYPES = (
    LegType("mic", "", EITHER_WAY, open_mic),
    LegType("wav", "FILE.wav", EITHER_WAY, open_wav),
    LegType("script", "FILE.toml", EITHER_WAY, open_script),
    LegType("busy", "", CALLED_ONLY, open_busy),
    LegType("noanswer", "", CALLED_ONLY, open_noanswer),
    LegType("reject", "CODE", CALLED_ONLY, open_reject),
)


def parse_spec(spec: str, direction: Direction) -> tuple[LegType, str]:
    """Parses what names a leg: `wav:caller.wav`, `busy`.

    Args:
        spec: The spec.
        direction: Whether the leg calls (incoming) or is called (outgoing).

    Returns:
        Its type and its argument.

    Raises:
        ConfigError: `leg.unknown`, `leg.argument` or `leg.direction`.
    """
    scheme, _, argument = spec.partition(":")
    leg_type = next((known for known in LEG_TYPES if known.scheme == scheme), None)
    if leg_type is None:
        usages = ", ".join(known.usage for known in LEG_TYPES if direction in known.directions)
        raise ConfigError(
            "leg.unknown", f"There is no leg {spec!r}.{_suggestion(spec)} Known legs: {usages}."
        )
    if bool(argument) != bool(leg_type.argument):
        raise ConfigError("leg.argument", f"{spec}: expected {leg_type.usage}.")
    if direction not in leg_type.directions:
        raise ConfigError("leg.direction", f"{spec} is called and does not call: use it with --callee.")
    return leg_type, argument


async def open_leg(spec: str, direction: Direction, context: LegContext) -> Leg:
    """Opens the far end of one call.

    Args:
        spec: What names it.
        direction: Whether it calls (incoming) or is called (outgoing).
        context: The run.

    Raises:
        ConfigError: The spec is wrong, or what it names cannot be used.
        MediaError: A file could not be read just now.
    """
    leg_type, argument = parse_spec(spec, direction)
    return await leg_type.open(argument, direction, context)


def party_of(leg: Leg) -> CallParty | None:
    """Returns who a leg says it is; None when it leaves that to the operator. Unnamed fields are empty."""
    return leg.party if isinstance(leg, AudioLeg) else None


def _suggestion(spec: str) -> str:
    if spec.endswith(".wav"):
        return f" Did you mean wav:{spec}?"
    if spec.endswith(".toml"):
        return f" Did you mean script:{spec}?"
    return ""
