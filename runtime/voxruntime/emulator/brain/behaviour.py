"""What may be set about a server, apart from what providers differ in: the table `[server]` of a dialogue file."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from voxruntime.emulator.brain.pace import Pace


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rhythm, limits and habits of the sessions of one server.

    Attributes:
        pace: Rhythm of the deltas of answers.
        max_session_s: Seconds after which a session expires; None for never.
        max_append_bytes: Audio in one `input_audio_buffer.append`; OpenAI's 15 MiB.
        mcp_continues: Whether the server says by itself what MCP tools returned; else the client asks for a response.
        spoken_text: Which events stream the text of speech; "profile" for those of the provider.
        transcription_deltas: Whether `.delta` events precede the `.completed` of what the caller said.
        transcription_segments: Whether a `.segment` event does.
        output_buffer_events: Whether `output_audio_buffer.*` events tell what is being played, as over WebRTC.
        dtmf_events: Whether keypad tones in the caller's audio are told.
        faults: What goes wrong on purpose, as `--fault` writes it.
    """

    pace: Pace = msgspec.field(default_factory=Pace)
    max_session_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    max_append_bytes: Annotated[int, msgspec.Meta(gt=0)] = 15 * 1024 * 1024
    mcp_continues: bool = True
    spoken_text: Literal["profile", "text", "transcript"] = "profile"
    transcription_deltas: bool = False
    transcription_segments: bool = False
    output_buffer_events: bool = False
    dtmf_events: bool = True
    faults: list[str] = []
