from __future__ import annotations

import json

import numpy as np
import pytest

from voxruntime.audio.levels import SILENCE_DBFS
from voxruntime.cli.live.view import ASCII, HINT, METERED_FRAMES, Meter, View
from voxruntime.log import NOTHING_SECRET, SecretMask
from voxruntime.session.latency import ResponseTime
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord

CLIENT = RealtimeRecord("c1", "Yandex", is_open=True)
CALL = CallRecord("4f", "incoming", "7916", "7495", "CONNECTED")


def shown(view: View, now: float = 12.3, draft: str | None = None, columns: int = 100) -> list[str]:
    return [str(line) for line in view.lines(now, draft, can_type=True, columns=columns)]


def hear(view: View, transcript: str) -> None:
    wire_type = "conversation.item.input_audio_transcription.completed"
    view.on_wire(1.0, CLIENT, "<", json.dumps({"type": wire_type, "item_id": "i", "transcript": transcript}))


def answer(view: View, response_ms: float) -> None:
    view.on_answer(
        1.0, CLIENT, ResponseTime("c1", "r", speech_end_ms=1000.0, first_sample_ms=1000 + response_ms)
    )


def frame(level: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.full(160, level, dtype=np.int16)


def test_before_the_first_call_it_says_so() -> None:
    assert shown(View(NOTHING_SECRET), now=0.2) == [
        "0:00 no call yet",
        "caller ▯▯▯▯▯▯▯▯▯▯ ",
        "agent  ▯▯▯▯▯▯▯▯▯▯ ",
        HINT,
    ]


def test_state_words_levels_and_waits_stand_in_their_lines() -> None:
    view = View(NOTHING_SECRET)
    view.on_call(0.0, CALL)
    hear(view, "hello")
    text = json.dumps({"type": "response.output_audio_transcript.done", "item_id": "j", "transcript": "Hi!"})
    view.on_wire(1.0, CLIENT, "<", text)
    view.on_wire(
        1.0, CLIENT, "<", '{"type":"response.output_item.done","item":{"id":"j","status":"completed"}}'
    )
    answer(view, 420.4)
    view.audio.observe(frame(3277), None)
    view.audio.measure()
    assert shown(view, now=72.0) == [
        "1:12 connected · answered after 420 ms · 7916 → 7495",
        "caller ▮▮▮▮▮▮▮▯▯▯ hello",
        "agent  ▯▯▯▯▯▯▯▯▯▯ Hi!",
        HINT,
    ]
    # The meter shows what came since it was last measured.
    view.audio.measure()
    assert shown(view, now=72.1)[1] == "caller ▯▯▯▯▯▯▯▯▯▯ hello"


def test_the_median_comes_with_the_second_answer_and_a_greeting_is_none() -> None:
    view = View(NOTHING_SECRET)
    view.on_call(0.0, CALL)
    view.on_answer(1.0, CLIENT, ResponseTime("c1", "r", first_sample_ms=5.0))
    assert "answered" not in shown(view)[0]
    for wait in (400, 500, 900):
        answer(view, wait)
    assert "answered after 900 ms (median of 3: 500 ms)" in shown(view)[0]


@pytest.mark.parametrize(
    ("state", "text"), [("ALERTING", "rings"), ("PROGRESSING", "is being called"), ("TERMINATED", "ended")]
)
def test_each_state_of_a_call_has_its_words(state: str, text: str) -> None:
    view = View(NOTHING_SECRET)
    view.on_call(0.0, CallRecord("4f", "incoming", "7916", "", state))
    assert shown(view)[0] == f"0:12 {text} · 7916 → unknown"


def test_of_several_calls_the_followed_one_is_shown_else_the_last() -> None:
    view = View(NOTHING_SECRET)
    view.on_call(0.0, CallRecord("51", "outgoing", "1", "3", "TERMINATED"))
    view.on_call(0.0, CALL)
    assert shown(view)[0] == "0:12 connected · 7916 → 7495 · 2 calls"
    view.followed_call = CALL.id
    view.on_call(1.0, CallRecord("50", "outgoing", "1", "2", "PROGRESSING"))
    assert shown(view)[0] == "0:12 connected · 7916 → 7495 · 3 calls"


def test_a_shut_microphone_is_said() -> None:
    view = View(NOTHING_SECRET)
    view.audio.is_muted = True
    assert shown(view)[1] == "caller ▯▯▯▯▯▯▯▯▯▯ (microphone shut) "


def test_a_draft_takes_the_place_of_the_hint_and_shows_its_end() -> None:
    view = View(NOTHING_SECRET)
    assert shown(view, draft="good")[3] == "> good_  Enter says it, Esc drops it"
    assert shown(view, draft="")[3] == "> _  Enter says it, Esc drops it"
    assert shown(view, draft="x" * 50 + "end", columns=30)[3] == "> " + "x" * 24 + "end_"


def test_without_a_keyboard_there_is_no_hint() -> None:
    lines = View(NOTHING_SECRET).lines(0.0, None, can_type=False, columns=80)
    assert len(lines) == 3


@pytest.mark.parametrize("columns", [1, 7, 20, 33, 60])
@pytest.mark.parametrize("draft", [None, "hello 世界 " * 20])
def test_no_line_is_wider_than_the_terminal(columns: int, draft: str | None) -> None:
    view = View(NOTHING_SECRET)
    view.on_call(0.0, CALL)
    view.audio.is_muted = True
    hear(view, "世界 words " * 30)
    answer(view, 420)
    assert all(line.cell_len <= columns for line in view.lines(1.0, draft, can_type=True, columns=columns))


def test_a_terminal_without_unicode_gets_ascii() -> None:
    view = View(NOTHING_SECRET, ASCII)
    view.on_call(0.0, CALL)
    view.audio.observe(None, frame(32767))
    view.audio.measure()
    answer(view, 420)
    for columns in (30, 100):
        assert "".join(shown(view, columns=columns)).isascii()


def test_secrets_and_control_characters_are_not_shown() -> None:
    view = View(SecretMask({"PIN": "hunter2"}))
    view.on_call(0.0, CallRecord("4f", "incoming", "hunter2\x1b[2J", "7495", "CONNECTED"))
    hear(view, "it is hunter2")
    lines = "\n".join(shown(view))
    assert "hunter2" not in lines
    assert "\x1b" not in lines
    assert "it is secret:PIN" in lines


def test_words_left_unfinished_are_shown_at_the_end() -> None:
    view = View(NOTHING_SECRET)
    text = json.dumps({"type": "response.output_audio_transcript.done", "item_id": "j", "transcript": "Bye!"})
    view.on_wire(1.0, CLIENT, "<", text)
    view.on_realtime(1.5, CLIENT)
    assert shown(view)[2].endswith(" ")
    view.on_end(2.0, Outcome("terminated"))
    assert shown(view)[2].endswith("Bye!")


def test_a_meter_measures_the_last_frames_only() -> None:
    meter = Meter()

    def measured() -> float:
        meter.measure()
        return meter.level_dbfs

    assert measured() == SILENCE_DBFS
    meter.add(frame(32767))
    for _ in range(METERED_FRAMES):
        meter.add(frame(0))
    assert measured() == SILENCE_DBFS
    meter.add(None)
    meter.add(frame(3277))
    assert measured() == pytest.approx(-20, abs=0.1)
    assert measured() == SILENCE_DBFS
