"""Contract of emulator/brain/response_options.py."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest

from voxruntime.emulator.brain.client_events import ResponseRequest
from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.items import Message, TextPart
from voxruntime.emulator.brain.rejected import Code, Rejected
from voxruntime.emulator.brain.response_options import Origin, ResponseOptions, options
from voxruntime.emulator.brain.session_config import SessionConfig
from voxruntime.emulator.brain.wire import Outbox
from voxruntime.emulator.profiles import YANDEX

JsonObject = dict[str, object]

SESSION: JsonObject = {
    "voice": "marina",
    "tools": [
        {"type": "function", "name": "f"},
        {"type": "function", "name": "g"},
        {"type": "function", "name": "web_search"},
        {"type": "mcp", "server_label": "m", "server_url": "http://m/"},
        {"type": "function"},
    ],
    "audio": {"output": {"format": {"rate": 8000}}},
}


def chosen(request: JsonObject, session: JsonObject | None = None) -> ResponseOptions:
    numbers = count(1)
    config = SessionConfig("sess", "gpt://a/b", YANDEX)
    config.update({**SESSION, **(session or {})}, voice_was_heard=False)
    conversation = Conversation("conv", YANDEX, Outbox(lambda prefix: prefix))
    conversation.add(Message("item_known", "user", [TextPart("input_text", "known")]))
    return options(
        msgspec.convert(request, ResponseRequest),
        Origin.CLIENT,
        config,
        conversation=conversation,
        new_id=lambda prefix: f"{prefix}_{next(numbers)}",
    )


def test_empty_request_takes_what_holds_for_the_session() -> None:
    taken = chosen({}, {"max_output_tokens": 50})
    assert (taken.modality, taken.output.voice, taken.output.format.rate) == ("audio", "marina", 8000)
    assert (taken.tools, taken.must_call, taken.max_tokens) == ({"f", "g"}, "", 50)
    assert taken.in_conversation
    assert taken.input is None


def test_functions_that_the_server_runs_are_not_called() -> None:
    assert "web_search" not in chosen({}).tools


@pytest.mark.parametrize(
    ("choice", "tools", "must_call"),
    [
        ("auto", {"f", "g"}, ""),
        ("none", set(), ""),
        ("required", {"f", "g"}, "f"),
        ({"type": "function", "name": "g"}, {"f", "g"}, "g"),
        ({"type": "function", "name": "unknown"}, {"f", "g"}, ""),
    ],
)
def test_tool_choice(choice: object, tools: set[str], must_call: str) -> None:
    for taken in (chosen({"tool_choice": choice}), chosen({}, {"tool_choice": choice})):
        assert (taken.tools, taken.must_call) == (tools, must_call)


def test_own_tools_replace_those_of_the_session() -> None:
    assert chosen({"tools": [{"type": "function", "name": "h"}]}).tools == {"h"}
    assert chosen({"tools": []}).tools == set()


@pytest.mark.parametrize(
    ("request_fields", "modality"),
    [
        ({"output_modalities": ["text"]}, "text"),
        ({"modalities": ["text"]}, "text"),
        ({"output_modalities": ["text", "audio"]}, "audio"),
    ],
)
def test_modality(request_fields: JsonObject, modality: str) -> None:
    assert chosen(request_fields).modality == modality


def test_own_voice_and_format() -> None:
    taken = chosen({"audio": {"output": {"voice": "jane", "format": {"rate": 16000}}}})
    assert (taken.output.voice, taken.output.format.rate) == ("jane", 16000)
    assert chosen({"audio": {"output": {"voice": "jane"}}}).output.format.rate == 8000


def test_input_is_made_of_new_items_and_references() -> None:
    content = [{"type": "input_text", "text": "new"}]
    given = [
        {"type": "item_reference", "id": "item_known"},
        {"type": "message", "role": "user", "content": content},
    ]
    taken = chosen({"conversation": "none", "input": given})
    assert not taken.in_conversation
    assert [item.text for item in taken.input or () if isinstance(item, Message)] == ["known", "new"]


def test_wire_tells_what_holds() -> None:
    wire = chosen({"metadata": {"a": "b"}, "max_output_tokens": 7}).wire("conv_1")
    assert wire == {
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": 7,
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 8000}, "voice": "marina"}},
        "metadata": {"a": "b"},
    }
    beside = chosen({"conversation": "none", "max_output_tokens": "inf"}).wire("conv_1")
    assert (beside["conversation_id"], beside["max_output_tokens"]) == (None, "inf")


@pytest.mark.parametrize(
    ("request_fields", "code", "param"),
    [
        ({"output_modalities": ["smell"]}, Code.INVALID_VALUE, "response.output_modalities"),
        ({"max_output_tokens": -1}, Code.INVALID_VALUE, "response.max_output_tokens"),
        ({"max_output_tokens": "many"}, Code.INVALID_VALUE, "response.max_output_tokens"),
        (
            {"audio": {"output": {"format": {"rate": 5}}}},
            Code.INVALID_VALUE,
            "response.audio.output.format.rate",
        ),
        ({"audio": {"output": {"speed": "x"}}}, Code.INVALID_TYPE, "response.audio.output.speed"),
        ({"input": [{"type": "item_reference", "id": "z"}]}, Code.UNKNOWN_ITEM, "response.input[0].id"),
        ({"input": [{"type": "message"}]}, Code.MISSING_PARAMETER, "response.input[0].role"),
        ({"metadata": {"a": "x" * 300_000}}, Code.TOO_LONG, "response.metadata"),
    ],
)
def test_bad_request_is_rejected(request_fields: JsonObject, code: Code, param: str) -> None:
    with pytest.raises(Rejected) as caught:
        chosen(request_fields)
    assert (caught.value.code, caught.value.param) == (code, param)
