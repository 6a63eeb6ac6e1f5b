"""How many sessions to try next, and what the runs of all those numbers say together. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

REPEATS = 3
SMALLEST, STEP = 50, 100
NARROW = 0.1
"""The largest number that holds is known when the smallest that does not is this much above it, at most."""

CPU = "cpu_ms_per_session_s"


def next_number(named: Sequence[int], tried: Mapping[int, bool]) -> int | None:
    """Returns the number of sessions to try next; None when there is nothing left to learn.

    Args:
        named: The numbers to try; without any it goes up until one does not hold, then between the last two.
        tried: Whether those tried so far held.
    """
    if named:
        return next((number for number in named if number not in tried), None)
    good = max((number for number, held in tried.items() if held), default=0)
    bad = min((number for number, held in tried.items() if not held), default=0)
    if not tried:
        return SMALLEST
    if not bad:
        return (good // STEP + 1) * STEP
    middle = (good + bad) // 2
    return middle if middle - good > good * NARROW / 2 and middle > good else None


def together(sessions: int, runs: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Returns the medians of the runs with one number of sessions, how many of them held, and why one has no figures."""
    row: dict[str, object] = {"sessions": sessions, "held": sum(bool(run["holds"]) for run in runs)}
    row["holds"] = row["held"] * 2 > len(runs)
    measured = [run for run in runs if "reason" not in run]
    reasons = [run["reason"] for run in runs if "reason" in run]
    if reasons:
        row["reason"] = reasons[0]
    for name in measured[0] if measured else ():
        values = [run[name] for run in measured if isinstance(run.get(name), float)]
        if values:
            row[name] = round(statistics.median(values), 3)
    return row


def conclusion(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Returns the largest number that holds, and by how much the CPU of a session differs from that in the first row.

    Args:
        rows: What `together` returns, by the number of sessions.
    """
    held = [row for row in rows if row["holds"]]
    against = {row["sessions"]: round(row[CPU] / held[0][CPU], 3) for row in held}
    differences = [abs(ratio - 1) * 100 for ratio in against.values()]
    return {
        "largest_that_holds": max(against, default=0),
        "cpu_against_smallest": against,
        "cpu_max_deviation_pct": round(max(differences, default=0.0), 1),
    }
