"""Token counts of responses: plausible sizes that add up, for clients that keep accounts."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from voxruntime.emulator.brain.items import (
    AudioPart,
    FunctionCallItem,
    FunctionOutputItem,
    Item,
    McpCallItem,
    McpListItem,
    Message,
)
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
        text_tokens += sum(map(_of_text, _texts(item)))
        if not isinstance(item, Message):
            continue
        spoken = [part for part in item.content if isinstance(part, AudioPart)]
        per_token = _OUTPUT_MS_PER_TOKEN if item.role == "assistant" else _INPUT_MS_PER_TOKEN
        audio_tokens += sum(math.ceil(part.duration_ms / per_token) for part in spoken)
    return text_tokens, audio_tokens


def _texts(item: Item) -> tuple[str, ...]:
    match item:
        case Message():
            return (item.text,)
        case FunctionCallItem():
            return (item.name, item.arguments)
        case FunctionOutputItem():
            return (item.output,)
        case McpCallItem():
            return (item.name, item.arguments, item.output or "")
        case McpListItem():
            return (msgspec.json.encode(item.tools).decode(),)
        case _:
            return ()


def _of_text(text: str) -> int:
    return math.ceil(len(text) / 4)
