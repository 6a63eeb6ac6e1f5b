"""Token counts of responses: plausible sizes that add up, for clients that keep accounts."""

from __future__ import annotations

import math
from collections.abc import Iterable

from voxruntime.emulator.brain.items import AudioPart, FunctionCallItem, FunctionOutputItem, Item
from voxruntime.emulator.brain.wire import JsonObject

_INPUT_MS_PER_TOKEN = 100
_OUTPUT_MS_PER_TOKEN = 50

RATE_LIMITS: tuple[JsonObject, ...] = (
    {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 60.0},
    {"name": "tokens", "limit": 50_000, "remaining": 49_950, "reset_seconds": 60.0},
)
"""What `rate_limits.updated` says; nothing is limited."""


def usage(before: Iterable[Item], output: Iterable[Item]) -> JsonObject:
    """Returns the `usage` object of a response.

    Args:
        before: Items that the response had before it.
        output: Items that it made.
    """
    text_in, audio_in = _tokens(before)
    text_out, audio_out = _tokens(output)
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def _tokens(items: Iterable[Item]) -> tuple[int, int]:
    text_tokens = audio_tokens = 0
    for item in items:
        if isinstance(item, FunctionCallItem):
            text_tokens += _of_text(item.name) + _of_text(item.arguments)
        elif isinstance(item, FunctionOutputItem):
            text_tokens += _of_text(item.output)
        else:
            text_tokens += _of_text(item.text)
            spoken = [part for part in item.content if isinstance(part, AudioPart)]
            per_token = _OUTPUT_MS_PER_TOKEN if item.role == "assistant" else _INPUT_MS_PER_TOKEN
            audio_tokens += sum(math.ceil(part.duration_ms / per_token) for part in spoken)
    return text_tokens, audio_tokens


def _of_text(text: str) -> int:
    return math.ceil(len(text) / 4)
