"""What an attack on the sandbox is, and how it must end; the tables in `attacks_*.py` are made of these."""

from __future__ import annotations

from dataclasses import dataclass, field

from voxruntime.config import Limits

SHORT = Limits(instructions_per_turn=300_000, cpu_s_per_turn=20.0, wall_s_per_turn=60.0)
"""A budget that a stall spends at once, so that the soft stop is what ends it."""

STALLING = Limits(instructions_per_turn=10**12, cpu_s_per_turn=0.15, wall_s_per_turn=60.0)
"""No soft stop: the hard one, by CPU time, has to end it."""

USUAL = Limits(cpu_s_per_turn=20.0, wall_s_per_turn=60.0)
"""The limits of any session, on a machine that may be busy."""


EITHER = Limits(instructions_per_turn=300_000, cpu_s_per_turn=0.15, wall_s_per_turn=60.0)
"""The soft stop or the hard one, whichever comes first: work in C between few instructions."""


@dataclass(frozen=True)
class Attack:
    """A scenario and its outcome: `said`, `refused`, or codes of `faults` and `killed`.

    Attributes:
        source: Lua text of `main.lua`.
        said: Everything it prints.
        refused: Words of the error message that it catches, as it prints it.
        faults: Codes of which one ends the session.
        killed: Codes of which one ends its process.
        limits: Of its session.
        has_place: Whether the fault names file and line.
    """

    source: str
    said: tuple[str, ...] | None = None
    refused: str = ""
    faults: frozenset[str] = frozenset()
    killed: frozenset[str] = frozenset()
    limits: Limits = field(default=USUAL)
    has_place: bool = True


def says(source: str, *lines: str) -> Attack:
    """It goes on and prints these lines."""
    return Attack(source, said=lines)


def refused(expression: str, words: str) -> Attack:
    """The expression raises an error with these words, which the scenario can catch."""
    source = f"local ok, message = pcall(function() return {expression} end) print(ok, message)"
    return Attack(source, refused=words)


def faults(source: str, *codes: str, limits: Limits = SHORT) -> Attack:
    """The session ends by a fault that names the place."""
    return Attack(source, faults=frozenset(codes), limits=limits)


def ends(source: str, *codes: str, limits: Limits = EITHER) -> Attack:
    """The session ends by a fault, or by the end of its process."""
    return Attack(source, faults=frozenset(codes), killed=frozenset(codes), limits=limits, has_place=False)


def killed(source: str, *codes: str, limits: Limits = STALLING) -> Attack:
    """The process ends, by no will of its own."""
    return Attack(source, killed=frozenset(codes), limits=limits)
