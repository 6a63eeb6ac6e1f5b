"""The judge of these tests finds what is wrong, and names what the official types do not have."""

from __future__ import annotations

from conformance.realtime.peers.stand import Clients


def test_wrong_server_events_are_found(clients: Clients) -> None:
    wrong = [
        '{"type": "response.created", "event_id": "event_1", "response": {"status": "paused"}}',
        '{"type": "input_audio_buffer.committed", "event_id": "event_2"}',
        '{"type": "input_audio_buffer.speech_started", "event_id": "event_3", "item_id": "i", "audio_start_ms": 1.5}',
        '{"type": "response.cancelled", "event_id": "event_4"}',
        '{"type": "input_audio_buffer.cleared", "event_id": "event_5", "colour": "red"}',
    ]
    judgement = clients.judge("server", wrong)
    assert judgement.complaints == {
        "response.created response.status",
        "input_audio_buffer.committed item_id",
        "input_audio_buffer.speech_started audio_start_ms",
        "response.cancelled type",
    }
    assert judgement.extras == {"input_audio_buffer.cleared colour"}


def test_wrong_client_messages_are_found(clients: Clients) -> None:
    wrong = [
        '{"type": "session.update", "session": {"instructions": "Be brief."}}',
        '{"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": "12"}',
        '{"type": "response.create", "response": {"output_modalities": ["video"], "speed": 2}}',
        '{"type": "response.cancel", "response": "r"}',
    ]
    judgement = clients.judge("client", wrong)
    assert judgement.complaints == {
        "session.update session.type",
        "conversation.item.truncate audio_end_ms",
        "response.create response.output_modalities",
    }
    assert judgement.extras == {"response.cancel response"}
