"""What an operator may set: the limits of a session, and the paths of what ships with voxrt."""

from __future__ import annotations

from pathlib import Path

import msgspec

_PACKAGE = Path(__file__).parent
_SOURCE_ROOT = _PACKAGE.parent.parent


def shipped(folder: str) -> Path:
    """Returns the folder `stdlib` or `scenarios`, in the wheel or in the source tree."""
    inside = _PACKAGE / folder
    return inside if inside.is_dir() else _SOURCE_ROOT / folder


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one session; the platform's own numbers where it has them (VoxEngine "Limits")."""

    source_chars: int = 256 * 1024
    """Characters of one scenario file or module."""
    source_total_bytes: int = 1024 * 1024
    """Bytes of all files of one session."""
    memory_bytes: int = 16 * 1024 * 1024
    """Lua memory."""
    cpu_warning_ms: float = 50.0
    """CPU of one turn past which a warning is logged."""
    instructions_per_turn: int = 50_000_000
    """Lua instructions of one turn: the soft stop, about 0.9 s of CPU, the same on every machine."""
    cpu_s_per_turn: float = 1.0
    """CPU seconds of one turn: the hard stop by ITIMER_PROF."""
    wall_s_per_turn: float = 3.0
    """Seconds without a reply, then SIGKILL."""
    turn_bytes_in: int = 4 * 1024 * 1024
    """Size of a message to the scenario."""
    turn_bytes_out: int = 1024 * 1024
    """Size of a message from the scenario."""
    nodes: int = 5000
    """Values in one encoded argument."""
    depth: int = 32
    """Nesting of one encoded argument."""
    queued_events: int = 1000
    """Events waiting for their turn."""
    queued_event_bytes: int = 1024 * 1024
    """Bytes of the events waiting for their turn."""
    timers: int = 100
    players: int = 10
    recorders: int = 8
    call_attempts: int = 50
    sockets: int = 8
    """Outgoing WebSockets, realtime clients among them."""
    log_bytes: int = 1024 * 1024
    """Log text of the session; the rest is cut with a mark."""
    log_line_chars: int = 15_000
    custom_data_bytes: int = 200
    reload_state_bytes: int = 64 * 1024
    """`Reload.state`, as JSON."""
    reload_s: float = 10.0
    """Seconds that reloaded code has to take over calls and clients; what it has not taken over then ends."""
    top_level_s: float = 10.0
    """Seconds a suspended top level may last."""
    idle_s: float = 60.0
    """Seconds a session may live without calls."""
    unanswered_s: float = 60.0
    """Seconds an incoming or outgoing call may stay unanswered."""
    drain_s: float = 90.0
    """Seconds that pending requests of an ending session get."""
    connect_s: float = 10.0
    """Seconds that opening a provider's WebSocket may take."""
