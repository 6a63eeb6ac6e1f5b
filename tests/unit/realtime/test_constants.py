from __future__ import annotations

import pytest

from voxruntime.realtime.constants import (
    AUDIO_DELTA_TYPES,
    BETA_SPELLINGS,
    CLIENT_TYPES,
    Constant,
    MediaEvent,
    constant_of,
    event_string,
    media_event_string,
)

HOST_MADE = ["Unknown", "HTTPResponse", "WebSocketError", "ConnectorInformation"]

# The provider's reference, in its order: wire types with a constant, one line for each group.
WIRE_TYPES = [
    "error", "session.created", "session.updated", "conversation.item.created",
    "conversation.item.retrieved", "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.segment",
    "conversation.item.input_audio_transcription.failed", "conversation.item.truncated",
    "conversation.item.deleted", "input_audio_buffer.committed", "input_audio_buffer.cleared",
    "input_audio_buffer.dtmf_event_received", "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped", "input_audio_buffer.timeout_triggered",
    "output_audio_buffer.cleared", "output_audio_buffer.started", "output_audio_buffer.stopped",
    "response.created", "response.done", "response.output_item.added", "response.output_item.done",
    "response.content_part.added", "response.content_part.done", "response.output_text.delta",
    "response.output_text.done", "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done", "response.output_audio.done",
    "response.function_call_arguments.delta", "response.function_call_arguments.done",
    "response.mcp_call_arguments.delta", "response.mcp_call_arguments.done",
    "response.mcp_call.in_progress", "response.mcp_call.completed", "response.mcp_call.failed",
    "mcp_list_tools.in_progress", "mcp_list_tools.completed", "mcp_list_tools.failed",
    "rate_limits.updated",
]  # fmt: skip


def test_there_are_46_constants_and_2_media_events() -> None:
    assert (len(Constant), len(MediaEvent)) == (46, 2)


def test_constants_are_the_host_made_ones_then_the_wire_types_in_reference_order() -> None:
    assert [str(constant) for constant in Constant if not constant.wire_type] == HOST_MADE
    assert [constant.wire_type for constant in Constant if constant.wire_type] == WIRE_TYPES


@pytest.mark.parametrize("constant", [constant for constant in Constant if constant.wire_type])
def test_constant_names_its_wire_type_in_camel_case(constant: Constant) -> None:
    in_lower_case = constant.wire_type.replace(".", "").replace("_", "")
    assert constant.lower() == in_lower_case


@pytest.mark.parametrize("constant", [constant for constant in Constant if constant.wire_type])
def test_wire_type_leads_to_its_constant(constant: Constant) -> None:
    assert constant_of(constant.wire_type) is constant


@pytest.mark.parametrize("beta", BETA_SPELLINGS)
def test_beta_spelling_leads_to_the_constant_of_the_present_one(beta: str) -> None:
    assert constant_of(beta) is constant_of(beta.replace("response.", "response.output_"))
    assert constant_of(beta) is not Constant.UNKNOWN


@pytest.mark.parametrize(
    "wire_type", ["conversation.created", "conversation.item.added", "conversation.item.done", "", "Error"]
)
def test_type_without_constant_is_unknown(wire_type: str) -> None:
    assert constant_of(wire_type) is Constant.UNKNOWN


def test_audio_deltas_have_no_constant_in_either_spelling() -> None:
    assert {constant_of(wire_type) for wire_type in AUDIO_DELTA_TYPES} == {Constant.UNKNOWN}


def test_string_values_hold_namespace_and_constant() -> None:
    assert event_string("Yandex", Constant.RATE_LIMITS_UPDATED) == "Yandex.RealtimeAPI.RateLimitsUpdated"
    started = media_event_string("Yandex", MediaEvent.WEBSOCKET_MEDIA_STARTED)
    assert started == "Yandex.Events.WebSocketMediaStarted"


def test_client_types_are_distinct_and_none_is_a_server_type() -> None:
    assert len(set(CLIENT_TYPES)) == len(CLIENT_TYPES) == 11
    assert {constant_of(wire_type) for wire_type in CLIENT_TYPES} == {Constant.UNKNOWN}
