"""Tokens that a provider says it used, response by response."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

MAX_TEXT = 64 * 1024
"""Longest `response.done`, in characters, that the engine decodes on its loop."""


class _InputDetails(msgspec.Struct):
    text_tokens: int = 0
    audio_tokens: int = 0
    cached_tokens: int = 0


class _OutputDetails(msgspec.Struct):
    text_tokens: int = 0
    audio_tokens: int = 0


class _Usage(msgspec.Struct):
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: _InputDetails | None = None
    output_token_details: _OutputDetails | None = None


class _Response(msgspec.Struct):
    status: str = ""
    usage: _Usage | None = None


class _ResponseDone(msgspec.Struct):
    response: _Response = msgspec.field(default_factory=_Response)


_decode = msgspec.json.Decoder(_ResponseDone).decode


class Spent(msgspec.Struct, frozen=True):
    """What one response came to.

    Attributes:
        is_completed: Whether it ran to its end.
        tokens: Counts by name, as `--json` has them; empty when the provider gives none.
    """

    is_completed: bool
    tokens: Mapping[str, int]


def read_response(text: str) -> Spent | None:
    """Returns what a `response.done` says; None for one that says it in another shape, or is too long."""
    if len(text) > MAX_TEXT:
        return None
    try:
        response = _decode(text).response
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    usage = response.usage
    if usage is None:
        return Spent(response.status == "completed", {})
    taken, made = usage.input_token_details or _InputDetails(), usage.output_token_details or _OutputDetails()
    tokens = {
        "total_tokens": usage.total_tokens,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "input_text_tokens": taken.text_tokens,
        "input_audio_tokens": taken.audio_tokens,
        "input_cached_tokens": taken.cached_tokens,
        "output_text_tokens": made.text_tokens,
        "output_audio_tokens": made.audio_tokens,
    }
    return Spent(response.status == "completed", tokens)
