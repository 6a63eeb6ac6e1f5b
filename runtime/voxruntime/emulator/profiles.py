"""What differs between the providers whose realtime protocol the embedded server speaks.

Both speak the GA form of 2025 (`response.output_audio.delta`, `session.audio.*`). The differences are those of the
Yandex reference and samples against the types of the `openai` package.
"""

from __future__ import annotations

from types import MappingProxyType

import msgspec


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The switches of one provider.

    Attributes:
        name: As `--profile` names it.
        default_model: Model when the URL names none; None when it must name one.
        needs_model_uri: Whether the model must be `gpt://folder/model`; a bare name is refused after the upgrade.
        creates_items: Whether `conversation.item.created` precedes `.added`.
        names_conversation: Whether `conversation.created` follows `session.created`.
        spoken_text_delta: Event that streams the text of speech; with two kinds clients show it twice.
        text_part: `part.type` of text in `response.content_part.*`.
        audio_part: `part.type` of speech in `response.content_part.*`.
        needs_session_type: Whether `session.update` must say `session.type`.
        hears_semantics: Whether `semantic_vad` is accepted, as server VAD with a silence of its own.
        locks_voice: Whether the voice is fixed once it has been heard.
        takes_assistant_items: Whether clients may add what the assistant is to have said.
        always_transcribes: Whether transcription events come without `audio.input.transcription`.
        silence_duration_ms: Default silence that ends a turn.
    """

    name: str
    default_model: str | None
    needs_model_uri: bool
    creates_items: bool
    names_conversation: bool
    spoken_text_delta: str
    text_part: str
    audio_part: str
    needs_session_type: bool
    hears_semantics: bool
    locks_voice: bool
    takes_assistant_items: bool
    always_transcribes: bool
    silence_duration_ms: int


YANDEX = Profile(
    name="yandex",
    default_model=None,
    needs_model_uri=True,
    creates_items=True,
    names_conversation=False,
    spoken_text_delta="response.output_text.delta",
    text_part="output_text",
    audio_part="output_audio",
    needs_session_type=False,
    hears_semantics=False,
    locks_voice=False,
    takes_assistant_items=False,
    always_transcribes=True,
    silence_duration_ms=400,
)

OPENAI = Profile(
    name="openai",
    default_model="gpt-realtime",
    needs_model_uri=False,
    creates_items=False,
    names_conversation=True,
    spoken_text_delta="response.output_audio_transcript.delta",
    text_part="text",
    audio_part="audio",
    needs_session_type=True,
    hears_semantics=True,
    locks_voice=True,
    takes_assistant_items=True,
    always_transcribes=False,
    silence_duration_ms=500,
)

PROFILES = MappingProxyType({profile.name: profile for profile in (YANDEX, OPENAI)})
"""Profiles by name."""
