"""How fast one session's turns follow each other, so that a flood of them leaves the engine to the other sessions.

A bucket of credit that refills: an ordinary session never notices it. Without it one runaway keeps the engine busy all
the time; and where the engine never rests, the kernel stops it for up to 50 ms a second, real-time scheduling or not,
so that other processes get their share.
"""

from __future__ import annotations

TURNS_PER_S = 500.0
"""Turns that a session may have in the long run: a tenth of the engine."""

BURST_TURNS = 200.0
"""Turns that may follow each other at once."""

COMMANDS_PER_TURN = 50
"""Commands that cost the engine as much as a turn does."""


class Pace:
    """Credit of one session. `now` is in seconds of the session's clock."""

    __slots__ = ("_charged_at", "_credit")

    def __init__(self) -> None:
        self._credit = BURST_TURNS
        self._charged_at = 0.0

    def charge(self, commands: int, *, now: float) -> float:
        """Takes the price of one turn and returns the seconds to rest before the next one.

        Args:
            commands: What the turn's reply held.
            now: When it was carried out.
        """
        credit = self._credit + (now - self._charged_at) * TURNS_PER_S
        credit = min(credit, BURST_TURNS)
        self._credit = credit = credit - 1 - commands / COMMANDS_PER_TURN
        self._charged_at = now
        return 0.0 if credit >= 0 else -credit / TURNS_PER_S
