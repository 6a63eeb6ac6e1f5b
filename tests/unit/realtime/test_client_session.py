from __future__ import annotations

import base64
import json
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.errors import ProtocolBreach
from voxruntime.realtime.client_session import ClientSession
from voxruntime.realtime.constants import Constant
from voxruntime.realtime.events import Audio, Message, ProtocolFailed, ServerEvent

GA, BETA = "response.output_audio.delta", "response.audio.delta"


def session(append_ms: int = 20) -> ClientSession:
    return ClientSession(rate=24000, append_ms=append_ms)


def receive(client: ClientSession, *messages: dict[str, object] | str) -> list[ServerEvent]:
    texts = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    return [event for text in texts if (event := client.receive(text.encode())) is not None]


def delta(pcm: bytes, response: str = "resp_1", item: str = "item_1", **fields: object) -> dict[str, object]:
    audio = base64.b64encode(pcm).decode()
    ids = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    return {"type": GA, "event_id": "event_1", **ids, "delta": audio, **fields}


def response(kind: str, response_id: str, status: str) -> dict[str, object]:
    return {"type": f"response.{kind}", "response": {"id": response_id, "status": status, "output": []}}


def audio_of(events: list[ServerEvent]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, Audio))


def sent(client: ClientSession) -> list[dict[str, object]]:
    return [json.loads(text) for text in client.outgoing()]


def samples(count: int, first: int = 0) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.int16)


# Messages


def test_message_is_handed_over_as_it_came_with_its_ids() -> None:
    text = '{ "item":{"id":"item_1","status":"completed"}, "type" : "response.output_item.done", "response_id":"r"}'
    assert receive(session(), text) == [
        Message(Constant.OUTPUT_ITEM_DONE, "response.output_item.done", text, "", "r", "item_1", "completed")
    ]


def test_every_message_means_one_thing() -> None:
    events = receive(session(), {"type": "session.created"}, delta(b"\1\0"), {"type": "error"})
    assert [type(event) for event in events] == [Message, Audio, Message]


@pytest.mark.parametrize(
    "octets",
    [b"\xff\xfe", b'{"type":"error","message":"\xff"}', b'{"type":"response.audio.delta","x":"\x80"}'],
)
def test_message_that_is_not_utf8_is_dropped_with_its_reason(octets: bytes) -> None:
    event = session().receive(octets)
    assert isinstance(event, ProtocolFailed)
    assert f"{len(octets)} bytes is not UTF-8" in event.reason


@pytest.mark.parametrize(
    ("wire_type", "constant"),
    [
        ("error", Constant.ERROR),
        ("response.text.delta", Constant.OUTPUT_TEXT_DELTA),
        ("response.audio_transcript.done", Constant.AUDIO_TRANSCRIPT_DONE),
        ("conversation.item.added", Constant.UNKNOWN),
        ("brand.new", Constant.UNKNOWN),
    ],
)
def test_message_reaches_the_constant_of_its_type(wire_type: str, constant: Constant) -> None:
    (event,) = receive(session(), {"type": wire_type, "delta": "text", "message": "flat"})
    assert isinstance(event, Message)
    assert (event.constant, event.wire_type) == (constant, wire_type)


def test_object_without_type_is_unknown() -> None:
    assert receive(session(), "{}") == [Message(Constant.UNKNOWN, "", "{}")]


def test_event_that_comes_twice_is_handed_over_twice() -> None:
    created = {"type": "conversation.item.created", "item": {"id": "item_1"}}
    assert len(receive(session(), created, created)) == 2


# Audio


@pytest.mark.parametrize("wire_type", [GA, BETA])
def test_audio_delta_is_decoded_in_either_spelling(wire_type: str) -> None:
    assert receive(session(), delta(b"\1\2\3\4", type=wire_type)) == [
        Audio("item_1", 0, "resp_1", b"\1\2\3\4")
    ]


@given(st.permutations(["type", "response_id", "item_id", "content_index", "delta", "more"]), st.data())
def test_audio_delta_is_read_in_any_order_and_spelling(order: list[str], data: st.DataObject) -> None:
    pcm = data.draw(st.binary(max_size=40).map(lambda octets: octets * 2))
    fields = delta(pcm, "resp_1", "item_1", content_index=2, more={"delta": ["?"], "Ж": '\\u00e9"'})
    ordered = {name: fields[name] for name in order}
    ascii_only, indent = data.draw(st.booleans()), data.draw(st.sampled_from([None, 2]))
    text = json.dumps(ordered, ensure_ascii=ascii_only, indent=indent)
    if data.draw(st.booleans()):
        text = text.replace("/", "\\/").replace("item_1", "item\\u005f1")
    assert receive(session(), text) == ([Audio("item_1", 2, "resp_1", pcm)] if pcm else [])


def test_audio_without_ids_is_still_audio() -> None:
    assert receive(session(), '{"delta":"AQI=","type":"response.output_audio.delta"}') == [
        Audio("", 0, "", b"\1\2")
    ]


def test_odd_bytes_are_joined_with_the_next_delta_of_the_same_part() -> None:
    client = session()
    events = receive(client, delta(b"\1\2\3"), delta(b"\7", item="item_2"), delta(b"\4\5"), delta(b"\6"))
    assert events == [Audio("item_1", 0, "resp_1", pcm) for pcm in (b"\1\2", b"\3\4", b"\5\6")]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_audio_cut_anywhere_is_the_same_audio_in_whole_samples(pcm: bytes, cuts: list[int]) -> None:
    client = session()
    edges = [0, *sorted(min(cut, len(pcm)) for cut in cuts), len(pcm)]
    events = receive(client, *(delta(pcm[start:end]) for start, end in pairwise(edges)))
    assert all(isinstance(event, Audio) and event.pcm and len(event.pcm) % 2 == 0 for event in events)
    assert audio_of(events) == pcm[: len(pcm) // 2 * 2]


def test_empty_delta_is_nothing() -> None:
    assert receive(session(), delta(b"")) == []


@pytest.mark.parametrize("wrong", [{"delta": "no base64!"}, {"delta": None}, {"delta": 7}, {"delta": "AAA"}])
def test_delta_that_is_no_audio_is_dropped_with_a_reason(wrong: dict[str, object]) -> None:
    client = session()
    (event,) = receive(client, delta(b"\1\2", **wrong))
    assert isinstance(event, ProtocolFailed)
    assert "base64" in event.reason
    assert audio_of(receive(client, delta(b"\1\2"))) == b"\1\2"


# Late audio


def test_audio_after_a_response_was_cancelled_by_the_server_is_dropped() -> None:
    client = session()
    receive(client, response("created", "resp_1", "in_progress"), response("done", "resp_1", "cancelled"))
    assert receive(client, delta(b"\1\2")) == []
    assert client.late_deltas == 1
    assert audio_of(receive(client, delta(b"\3\4", "resp_2"))) == b"\3\4"


def test_audio_after_a_completed_response_is_kept() -> None:
    client = session()
    receive(client, response("created", "resp_1", "in_progress"), response("done", "resp_1", "completed"))
    assert audio_of(receive(client, delta(b"\1\2"))) == b"\1\2"


def test_cancel_without_id_drops_the_audio_of_the_newest_response() -> None:
    client = session()
    receive(
        client, response("created", "resp_1", "in_progress"), response("created", "resp_2", "in_progress")
    )
    client.send("response.cancel", "{}")
    assert audio_of(receive(client, delta(b"\1\2", "resp_1"), delta(b"\3\4", "resp_2"))) == b"\1\2"


def test_cancel_by_id_drops_the_audio_of_that_response() -> None:
    client = session()
    receive(
        client, response("created", "resp_1", "in_progress"), response("created", "resp_2", "in_progress")
    )
    client.send("response.cancel", '{"response_id":"resp_1"}')
    assert audio_of(receive(client, delta(b"\1\2", "resp_1"), delta(b"\3\4", "resp_2"))) == b"\3\4"


def test_cancel_after_the_end_of_every_response_drops_nothing_to_come() -> None:
    client = session()
    receive(client, response("created", "resp_1", "in_progress"), response("done", "resp_1", "completed"))
    client.send("response.cancel", "{}")
    receive(client, response("created", "resp_2", "in_progress"))
    assert audio_of(receive(client, delta(b"\1\2", "resp_2"))) == b"\1\2"


def test_cancel_of_a_response_whose_end_never_comes_leaves_the_next_one_alone() -> None:
    client = session()
    receive(client, response("created", "resp_1", "in_progress"))
    client.send("response.cancel", "{}")
    receive(client, response("created", "resp_2", "in_progress"))
    assert audio_of(receive(client, delta(b"\1\2", "resp_1"), delta(b"\3\4", "resp_2"))) == b"\3\4"


def test_audio_of_a_truncated_item_is_dropped() -> None:
    client = session()
    client.send("conversation.item.truncate", '{"item_id":"item_1","content_index":0,"audio_end_ms":500}')
    assert audio_of(receive(client, delta(b"\1\2"), delta(b"\3\4", item="item_2"))) == b"\3\4"


@pytest.mark.parametrize("body", ['{"response_id":7}', '{"response_id":null}', '{"item_id":[]}'])
def test_reference_of_a_surprising_type_is_sent_and_marks_nothing(body: str) -> None:
    client = session()
    client.send("response.cancel", body)
    client.send("conversation.item.truncate", body)
    assert len(sent(client)) == 2
    assert audio_of(receive(client, delta(b"\1\2", "", ""))) == b"\1\2"


def test_ids_of_a_hostile_server_are_forgotten_again() -> None:
    client = session()
    for number in range(1000):
        receive(client, response("done", f"resp_{number}", "cancelled"))
        receive(client, response("done", "x" * 100_000 + str(number), "cancelled"))
        receive(client, delta(b"\1", item=f"item_{number}"))
    assert receive(client, delta(b"\1\2", "resp_999")) == []
    assert audio_of(receive(client, delta(b"\1\2", "resp_0"))) == b"\1\2"


# Rates


def test_rates_follow_declaration_and_confirmation() -> None:
    client = session()
    client.set_rates(16000, 8000)
    client.send("session.update", '{"session":{}}')
    assert (client.input_rate, client.output_rate) == (16000, 8000)
    stated = {"input": {"format": {"rate": 16000}}, "output": {"format": {"rate": 44100}}}
    receive(client, {"type": "session.updated", "session": {"audio": stated}})
    assert (client.input_rate, client.output_rate) == (16000, 44100)


def test_audio_taken_before_a_new_rate_leaves_before_the_update_that_declares_it() -> None:
    client = session(append_ms=100)
    client.send_audio(samples(480), now=0.0)
    client.set_rates(8000, 0)
    client.send("session.update", "{}")
    client.send_audio(samples(800), now=0.1)
    assert [(message["type"], len(message.get("audio", ""))) for message in sent(client)] == [
        ("input_audio_buffer.append", 1280),
        ("session.update", 0),
        ("input_audio_buffer.append", 2136),
    ]


# Outgoing


def test_frame_of_20_ms_is_one_append_by_default() -> None:
    client = session()
    frame = samples(480, first=-240)
    client.send_audio(frame, now=0.0)
    (message,) = sent(client)
    assert base64.b64decode(message["audio"]) == frame.astype("<i2").tobytes()
    assert client.next_deadline() is None


@pytest.mark.parametrize(("append_ms", "frames"), [(0, 1), (20, 1), (30, 2), (40, 2), (100, 5), (5000, 5)])
def test_frames_are_joined_into_appends_of_20_to_100_ms(append_ms: int, frames: int) -> None:
    client = session(append_ms)
    joined = samples(480 * frames)
    for number in range(frames):
        assert list(client.outgoing()) == []
        client.send_audio(joined[480 * number : 480 * (number + 1)], now=number * 0.02)
    (message,) = sent(client)
    assert base64.b64decode(message["audio"]) == joined.tobytes()


def test_message_does_not_overtake_audio_that_waits_for_its_append() -> None:
    client = session(append_ms=100)
    client.send_audio(samples(480), now=0.0)
    client.send("response.create", "{}")
    assert [message["type"] for message in sent(client)] == ["input_audio_buffer.append", "response.create"]


def test_rest_of_an_append_leaves_at_its_deadline_and_not_before() -> None:
    client = session(append_ms=100)
    client.send_audio(samples(480), now=5.0)
    client.send_audio(samples(480), now=5.02)
    assert client.next_deadline() == 5.1
    client.tick(now=5.09)
    assert sent(client) == []
    client.tick(now=5.1)
    assert [len(message["audio"]) for message in sent(client)] == [2560]
    assert client.next_deadline() is None
    client.tick(now=9.0)
    assert sent(client) == []


def test_frame_that_is_a_view_is_sent_in_its_own_order() -> None:
    client = session()
    client.send_audio(samples(960)[::2], now=0.0)
    (message,) = sent(client)
    assert base64.b64decode(message["audio"]) == np.arange(0, 960, 2, dtype="<i2").tobytes()


def test_audio_that_the_connection_does_not_take_is_bounded_and_counted() -> None:
    client = session()
    client.send("session.update", "{}")
    for number in range(150):
        client.send_audio(samples(480, first=number), now=number * 0.02)
    assert client.dropped_audio_ms == 1000
    assert client.waiting_chars == len('{"type":"session.update"}')
    assert next(client.outgoing()) == '{"type":"session.update"}'
    (oldest,) = islice(client.outgoing(), 1)
    assert np.frombuffer(base64.b64decode(json.loads(oldest)["audio"]), "<i2")[0] == 50


def test_body_that_is_no_object_is_a_breach_and_sends_nothing() -> None:
    client = session()
    with pytest.raises(ProtocolBreach):
        client.send("response.create", "[]")
    assert sent(client) == []


# Anything at all


@given(
    st.text()
    | st.from_regex(r'\{"type":"[a-z_.]{0,40}","(delta|item|response|session)":.{0,20}\}', fullmatch=True)
)
def test_any_text_gives_one_event_at_most_and_no_error(text: str) -> None:
    events = receive(session(), text)
    assert len(events) <= 1
    assert all(isinstance(event, Message | Audio | ProtocolFailed) for event in events)


@given(st.sampled_from([delta(b"\1\2\3\4"), response("done", "resp_1", "cancelled")]), st.data())
def test_damaged_message_changes_nothing_for_the_next(
    message: dict[str, object], data: st.DataObject
) -> None:
    client = session()
    text = json.dumps(message)
    start = data.draw(st.integers(0, len(text)))
    receive(client, text[:start], text[start:])
    cut = data.draw(st.text(max_size=3))
    receive(client, text[:start] + cut + text[start + 1 :])
    assert audio_of(receive(client, delta(b"\5\6", "resp_9", "item_9"))) == b"\5\6"


@pytest.mark.parametrize("nested", ["[" + ",".join(["[]"] * 300_000) + "]", '"' + "ж" * 800_000 + '"'])
def test_huge_message_is_handed_over_whole(nested: str) -> None:
    text = '{"type":"response.done","response":{"output":' + nested + ',"id":"resp_1"}}'
    (event,) = receive(session(), text)
    assert isinstance(event, Message)
    assert (event.constant, event.response_id, event.text) == (Constant.RESPONSE_DONE, "resp_1", text)


def test_a_response_is_active_from_its_creation_until_its_end_or_its_cancellation() -> None:
    client = session()
    assert client.active_response == ""
    receive(client, response("created", "resp_1", "in_progress"))
    assert client.active_response == "resp_1"
    client.send("response.cancel", "{}")
    assert client.active_response == ""
    receive(client, response("created", "resp_2", "in_progress"))
    assert client.active_response == "resp_2"
    receive(client, response("done", "resp_1", "cancelled"))
    assert client.active_response == "resp_2"
    receive(client, response("done", "resp_2", "completed"))
    assert client.active_response == ""
