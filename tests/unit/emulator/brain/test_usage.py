"""Contract of emulator/brain/usage.py."""

from __future__ import annotations

import numpy as np

from voxruntime.emulator.brain.items import (
    AudioPart,
    FunctionCallItem,
    FunctionOutputItem,
    Message,
    TextPart,
)
from voxruntime.emulator.brain.usage import usage


def test_tokens_of_text_and_audio_add_up() -> None:
    second = [np.zeros(8000, dtype=np.int16)]
    before = [
        Message("a", "user", [TextPart("input_text", "x" * 8)]),
        Message("b", "user", [AudioPart("input_audio", 8000, second, "x" * 4)]),
        FunctionOutputItem("c", "call", "x" * 12),
    ]
    output = [
        Message("d", "assistant", [AudioPart("output_audio", 8000, second, "x" * 4)]),
        FunctionCallItem("e", "call", "x" * 4, "x" * 8),
    ]
    counted = usage(before, output)
    assert counted["input_token_details"]["text_tokens"] == 2 + 1 + 3
    assert counted["input_token_details"]["audio_tokens"] == 10
    assert counted["output_token_details"] == {"text_tokens": 1 + 1 + 2, "audio_tokens": 20}
    assert (counted["input_tokens"], counted["output_tokens"], counted["total_tokens"]) == (16, 24, 40)


def test_nothing_costs_nothing() -> None:
    assert usage([], [])["total_tokens"] == 0
