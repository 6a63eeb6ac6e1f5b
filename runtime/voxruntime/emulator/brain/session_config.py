"""The session's configuration: what holds now, and how `session.update` patches it.

Only the fields present in a patch change; objects merge, lists replace, null clears what may be null and resets what
may not. Fields no one knows are ignored. The places older formats used (`turn_detection`, `voice` and
`input_audio_transcription` directly under `session`, `modalities`) are moved to where they are now.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from voxruntime.audio.pcm import RATES
from voxruntime.emulator.brain.client_events import converted
from voxruntime.emulator.brain.mcp_servers import mcp_servers
from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.wire import CLIENT_OBJECT_LIMIT_BYTES, JsonObject, encoded_length
from voxruntime.emulator.profiles import Profile

Modality = Literal["audio", "text"]

_NULLABLE = frozenset(
    {"turn_detection", "transcription", "noise_reduction", "idle_timeout_ms", "role", "voice"}
)

_REPLACED = frozenset({"tool_choice", "transcription", "noise_reduction"})
"""Objects that a patch replaces whole: their fields mean nothing apart."""

_MOVED = {
    "turn_detection": ("audio", "input", "turn_detection"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "voice": ("audio", "output", "voice"),
    "modalities": ("output_modalities",),
}

_CREDENTIALS = frozenset({"authorization", "headers"})

_EAGERNESS_SILENCE_MS = {"low": 1200, "medium": 700, "auto": 700, "high": 300}


class AudioFormat(msgspec.Struct, kw_only=True):
    """Raw PCM16, mono, little endian. 24 kHz when a client declares nothing, the one rate both providers know."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: int = 24000


class TurnDetection(msgspec.Struct, kw_only=True):
    """When a turn begins and ends, and what the server does then by itself."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, msgspec.Meta(ge=0, le=5000)] = 300
    silence_duration_ms: Annotated[int, msgspec.Meta(ge=0, le=10000)] = 500
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: Annotated[int, msgspec.Meta(ge=100, le=600_000)] | None = None


class SemanticTurnDetection(msgspec.Struct, kw_only=True):
    """As clients see `semantic_vad`; inside it is server VAD with a silence of its own."""

    type: Literal["semantic_vad"] = "semantic_vad"
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class AudioInput(msgspec.Struct, kw_only=True):
    format: AudioFormat = msgspec.field(default_factory=AudioFormat)
    turn_detection: JsonObject | None = None
    transcription: JsonObject | None = None
    noise_reduction: JsonObject | None = None
    languages: list[str] = []


class AudioOutput(msgspec.Struct, kw_only=True):
    format: AudioFormat = msgspec.field(default_factory=AudioFormat)
    voice: str | dict[str, str] | None = None
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4.0)] = 1.0
    role: str | None = None


class Audio(msgspec.Struct, kw_only=True):
    input: AudioInput = msgspec.field(default_factory=AudioInput)
    output: AudioOutput = msgspec.field(default_factory=AudioOutput)


class Session(msgspec.Struct, kw_only=True):
    """The `session` object of `session.created` and `session.updated`."""

    type: Literal["realtime"] = "realtime"
    object: Literal["realtime.session"] = "realtime.session"
    id: str = ""
    model: str = ""
    output_modalities: list[Modality] = msgspec.field(default_factory=lambda: ["audio"])
    instructions: str = ""
    tools: list[JsonObject] = []
    tool_choice: str | JsonObject = "auto"
    max_output_tokens: int | Literal["inf"] = "inf"
    audio: Audio = msgspec.field(default_factory=Audio)


class SessionConfig:
    """Holds the effective configuration of one session.

    Args:
        session_id: Never changes.
        model: Never changes.
        profile: Decides defaults and what is accepted.
    """

    def __init__(self, session_id: str, model: str, profile: Profile) -> None:
        self._profile = profile
        turn_detection = TurnDetection(silence_duration_ms=profile.silence_duration_ms)
        self.session = Session(
            id=session_id,
            model=model,
            audio=Audio(input=AudioInput(turn_detection=msgspec.to_builtins(turn_detection))),
        )
        self._defaults = self.wire()

    @property
    def modality(self) -> Modality:
        """What answers are made of; a session that asks for both gets speech, which carries its text."""
        return "audio" if "audio" in self.session.output_modalities else "text"

    @property
    def input_rate(self) -> int:
        """Hz of the audio that the client appends."""
        return self.session.audio.input.format.rate

    @property
    def turn_detection(self) -> TurnDetection | None:
        """Rules of server VAD; None when the client commits turns itself."""
        declared = self.session.audio.input.turn_detection
        if declared is None:
            return None
        if declared["type"] == "server_vad":
            return msgspec.convert(declared, TurnDetection)
        semantic = msgspec.convert(declared, SemanticTurnDetection)
        return TurnDetection(
            silence_duration_ms=_EAGERNESS_SILENCE_MS[semantic.eagerness],
            create_response=semantic.create_response,
            interrupt_response=semantic.interrupt_response,
        )

    def wire(self) -> JsonObject:
        """Returns the effective session as JSON values; credentials of MCP servers are not sent back."""
        session = self._complete()
        session["tools"] = [
            {key: value for key, value in tool.items() if key not in _CREDENTIALS}
            if tool.get("type") == "mcp"
            else tool
            for tool in self.session.tools
        ]
        return session

    def _complete(self) -> JsonObject:
        session: JsonObject = msgspec.to_builtins(self.session)
        return session

    def update(self, patch: JsonObject, *, voice_was_heard: bool) -> None:
        """Applies a patch, whole or not at all.

        Args:
            patch: The `session` object of the client event.
            voice_was_heard: Whether the assistant has spoken; some providers fix the voice then.

        Raises:
            Rejected: A value is of a wrong type, out of range or not supported.
        """
        if self._profile.needs_session_type and "type" not in patch:
            raise Rejected(
                Code.MISSING_PARAMETER, "Missing required parameter: 'session.type'.", "session.type"
            )
        fixed: JsonObject = {
            "id": self.session.id,
            "model": self.session.model,
            "object": self.session.object,
        }
        merged = _merged(self._complete(), {**_moved(patch), **fixed}, self._defaults)
        changed = converted(merged, Session, "session")
        changed.audio.input.turn_detection = self._turn_detection(changed.audio.input.turn_detection)
        _check(changed)
        if voice_was_heard and self._profile.locks_voice and self._voice_differs(changed):
            raise Rejected(
                Code.VOICE_LOCKED,
                "The voice cannot change once it has been heard.",
                "session.audio.output.voice",
            )
        self.session = changed

    def _voice_differs(self, changed: Session) -> bool:
        return voice_name(changed.audio.output.voice) != voice_name(self.session.audio.output.voice)

    def _turn_detection(self, declared: JsonObject | None) -> JsonObject | None:
        """Returns declared rules with the defaults of their type filled in."""
        if declared is None:
            return None
        path = "session.audio.input.turn_detection"
        kind = declared.get("type", "server_vad")
        rules: TurnDetection | SemanticTurnDetection
        if kind == "server_vad":
            defaults = {"silence_duration_ms": self._profile.silence_duration_ms}
            rules = converted({**defaults, **declared}, TurnDetection, path)
        elif kind == "semantic_vad" and self._profile.hears_semantics:
            rules = converted(declared, SemanticTurnDetection, path)
        else:
            raise Rejected(
                Code.INVALID_VALUE, f"Turn detection {shown(kind)} is not supported.", f"{path}.type"
            )
        completed: JsonObject = msgspec.to_builtins(rules)
        return completed


def voice_name(voice: str | dict[str, str] | None) -> str:
    """Returns the name of a voice given as a name or as an object with an id; empty when none is given."""
    return voice.get("id", "") if isinstance(voice, dict) else voice or ""


def check_rate(rate: int, param: str) -> None:
    """Raises Rejected when audio cannot have this rate."""
    if rate not in RATES:
        known = ", ".join(map(str, RATES))
        raise Rejected(Code.INVALID_VALUE, f"Rate {shown(rate)} is not supported; use one of {known}.", param)


def check_output_limit(limit: int | str | None, param: str) -> None:
    """Raises Rejected when a response cannot have this limit of tokens."""
    if limit is None or limit == "inf" or (isinstance(limit, int) and limit >= 1):
        return
    raise Rejected(Code.INVALID_VALUE, f"Expected a whole number from 1 or 'inf', got {shown(limit)}.", param)


def _check(session: Session) -> None:
    mcp_servers(session.tools, "session.tools")
    check_rate(session.audio.input.format.rate, "session.audio.input.format.rate")
    check_rate(session.audio.output.format.rate, "session.audio.output.format.rate")
    check_output_limit(session.max_output_tokens, "session.max_output_tokens")
    if not session.output_modalities:
        raise Rejected(Code.INVALID_VALUE, "Name at least one modality.", "session.output_modalities")
    if encoded_length(session) > CLIENT_OBJECT_LIMIT_BYTES:
        message = f"The session is longer than {CLIENT_OBJECT_LIMIT_BYTES} bytes of JSON."
        raise Rejected(Code.TOO_LONG, message, "session")


def _moved(patch: JsonObject) -> JsonObject:
    moved: JsonObject = {key: value for key, value in patch.items() if key not in _MOVED}
    for key, path in _MOVED.items():
        if key in patch:
            nested: object = patch[key]
            for step in reversed(path):
                nested = {step: nested}
            assert isinstance(nested, dict)
            # What stands in its present place wins over the same thing in its old place.
            moved = _overlaid(nested, moved)
    return moved


def _overlaid(under: JsonObject, over: JsonObject) -> JsonObject:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = (
            _overlaid(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return result


def _merged(current: JsonObject, patch: JsonObject, defaults: JsonObject) -> JsonObject:
    result = dict(current)
    for key, value in patch.items():
        before, default = result.get(key), defaults.get(key)
        if value is None and key not in _NULLABLE:
            result[key] = default
        elif key in _REPLACED or not isinstance(value, dict):
            result[key] = _whole(value)
        else:
            kept = before if isinstance(before, dict) and _is_same_kind(before, value) else {}
            result[key] = _merged(kept, value, default if isinstance(default, dict) else {})
    return result


def _is_same_kind(before: JsonObject, value: JsonObject) -> bool:
    # A server_vad threshold means nothing to semantic_vad: another type starts from its own defaults.
    return "type" not in value or value["type"] == before.get("type")


def _whole(value: object) -> object:
    # JSON has one kind of number; Lua writes a whole float as 400.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value
