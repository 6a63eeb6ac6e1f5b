"""What may be set about a server, apart from what providers differ in."""

from __future__ import annotations

import msgspec

from voxruntime.emulator.brain.pace import Pace


class Behaviour(msgspec.Struct, frozen=True):
    """Rhythm, limits and habits of the sessions of one server.

    Attributes:
        pace: Rhythm of the deltas of answers.
        detector_window_ms: Window of an outside voice detector; None to detect turns by loudness.
        max_session_s: Seconds after which a session expires; None for never.
        max_append_bytes: Audio in one `input_audio_buffer.append`; OpenAI's 15 MiB.
        mcp_continues: Whether the server says by itself what MCP tools returned; else the client asks for a response.
    """

    pace: Pace = msgspec.field(default_factory=Pace)
    detector_window_ms: float | None = None
    max_session_s: float | None = None
    max_append_bytes: int = 15 * 1024 * 1024
    mcp_continues: bool = True
