from __future__ import annotations

import json

import numpy as np
import pytest

from voxruntime.audio.levels import rms
from voxruntime.audio.pcm import PCM16
from voxruntime.realtime.constants import Constant
from voxruntime.session.latency import ResponseTime, ResponseTimes, distribution, summary

RATE = 24000
FRAME = RATE // 50


def speech(level: int = 3000) -> PCM16:
    return np.full(FRAME, level, dtype=np.int16)


def noise(level: int) -> PCM16:
    return np.random.default_rng(7).integers(-level, level, FRAME).astype(np.int16)


class Provider:
    """Plays a client's life on a timetable: 20 ms a frame, messages in between."""

    def __init__(self) -> None:
        self.now = 10.0
        self.responses: list[ResponseTime] = []
        self.times = ResponseTimes("client-1", self.responses)

    def hears(self, frame: PCM16 | None, count: int) -> None:
        for _ in range(count):
            self.now += 0.02
            self.times.on_input(self.now)
            self.times.levels.append(0.0 if frame is None else rms(frame))

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def says(self, constant: Constant, **fields: object) -> None:
        self.times.on_message(self.now, constant, json.dumps({"type": constant.wire_type, **fields}))

    def creates(self, response_id: str) -> None:
        self.says(Constant.RESPONSE_CREATED, response={"id": response_id, "status": "in_progress"})

    def takes_turn(self, audio_end_ms: float) -> None:
        self.says(Constant.SPEECH_STOPPED, audio_end_ms=audio_end_ms, item_id="item_1")
        self.says(Constant.INPUT_AUDIO_COMMITTED, item_id="item_1")

    def plays(self, response_id: str, frames: int = 1) -> list[ResponseTime]:
        begun = []
        for _ in range(frames):
            self.now += 0.02
            first = self.times.on_playout(self.now, response_id)
            if first is not None:
                begun.append(first)
        return begun


def test_a_spoken_turn_has_every_time_from_the_last_sound_to_the_last_sample() -> None:
    provider = Provider()
    provider.hears(speech(), 50)
    provider.hears(None, 25)
    provider.takes_turn(audio_end_ms=1500)
    provider.creates("resp_1")
    provider.passes(0.1)
    provider.times.on_audio(provider.now, "resp_1")
    provider.times.on_audio(provider.now + 1, "resp_1")
    (begun,) = provider.plays("resp_1", frames=10)
    assert provider.responses == [begun]
    assert begun == ResponseTime(
        "client-1",
        "resp_1",
        speech_end_ms=pytest.approx(11_000),
        speech_stopped_ms=pytest.approx(11_500),
        committed_ms=pytest.approx(11_500),
        created_ms=pytest.approx(11_500),
        first_audio_ms=pytest.approx(11_600),
        first_sample_ms=pytest.approx(11_620),
        played_out_ms=pytest.approx(11_800),
    )
    assert begun.response_ms == pytest.approx(620)


def test_the_end_of_speech_lies_before_the_position_that_the_provider_names() -> None:
    provider = Provider()
    provider.hears(speech(), 50)
    provider.hears(None, 25)
    # The next utterance has begun when the message comes.
    provider.hears(speech(), 10)
    provider.takes_turn(audio_end_ms=1500)
    provider.creates("resp_1")
    provider.times.on_audio(provider.now, "resp_1")
    assert provider.responses[0].speech_end_ms == pytest.approx(11_000)


def test_speech_long_before_does_not_make_quiet_speech_no_speech() -> None:
    provider = Provider()
    provider.hears(speech(20_000), 50)
    provider.hears(None, 130)
    provider.hears(speech(300), 20)
    provider.hears(None, 10)
    provider.takes_turn(audio_end_ms=4200)
    provider.times.on_audio(provider.now, "resp_1")
    assert provider.responses[0].speech_end_ms == pytest.approx(14_000)


def test_quiet_sound_far_below_the_speech_is_no_speech() -> None:
    provider = Provider()
    provider.hears(speech(8000), 50)
    provider.hears(noise(100), 25)
    provider.takes_turn(audio_end_ms=1500)
    provider.times.on_audio(provider.now, "resp_1")
    assert provider.responses[0].speech_end_ms == pytest.approx(11_000)


@pytest.mark.parametrize("place", ["audio.input", "session"])
def test_where_noise_hides_the_end_of_speech_the_silence_setting_tells_it(place: str) -> None:
    provider = Provider()
    detection = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 400}}
    session = detection if place == "session" else {"audio": {"input": detection}}
    provider.says(Constant.SESSION_UPDATED, session=session)
    provider.hears(noise(3000), 75)
    provider.takes_turn(audio_end_ms=1500)
    provider.times.on_audio(provider.now, "resp_1")
    assert provider.responses[0].speech_end_ms == pytest.approx(11_100)


def test_a_silence_longer_than_what_is_kept_is_taken_from_the_setting() -> None:
    provider = Provider()
    provider.says(
        Constant.SESSION_UPDATED,
        session={"audio": {"input": {"turn_detection": {"silence_duration_ms": 4000}}}},
    )
    provider.hears(speech(), 50)
    provider.hears(None, 200)
    provider.takes_turn(audio_end_ms=5000)
    provider.times.on_audio(provider.now, "resp_1")
    assert provider.responses[0].speech_end_ms == pytest.approx(11_000)


def test_a_greeting_answers_no_speech() -> None:
    provider = Provider()
    provider.creates("resp_1")
    provider.times.on_audio(provider.now, "resp_1")
    (begun,) = provider.plays("resp_1")
    assert begun.speech_end_ms is None
    assert begun.response_ms is None
    assert begun.first_sample_ms == pytest.approx(10_020)


def test_a_response_without_audio_leaves_the_turn_to_the_next_one() -> None:
    provider = Provider()
    provider.hears(speech(), 50)
    provider.takes_turn(audio_end_ms=1000)
    provider.creates("calls a function")
    provider.creates("speaks")
    provider.times.on_audio(provider.now, "speaks")
    provider.plays("speaks")
    assert [response.response_id for response in provider.responses] == ["speaks"]
    assert provider.responses[0].response_ms == pytest.approx(20)


def test_late_audio_of_an_interrupted_response_does_not_answer_the_new_turn() -> None:
    provider = Provider()
    provider.creates("interrupted")
    provider.hears(speech(), 50)
    provider.takes_turn(audio_end_ms=1000)
    provider.times.on_audio(provider.now, "interrupted")
    provider.creates("answer")
    provider.times.on_audio(provider.now, "answer")
    assert [response.speech_end_ms for response in provider.responses] == [None, pytest.approx(11_000)]


def test_a_turn_that_a_newer_one_replaced_is_not_answered() -> None:
    provider = Provider()
    provider.hears(speech(), 50)
    provider.takes_turn(audio_end_ms=1000)
    provider.creates("first")
    provider.hears(speech(), 50)
    provider.takes_turn(audio_end_ms=2000)
    provider.times.on_audio(provider.now, "first")
    provider.creates("second")
    provider.times.on_audio(provider.now, "second")
    assert [response.speech_end_ms for response in provider.responses] == [None, pytest.approx(12_000)]


def test_a_turn_that_the_client_commits_ends_with_its_last_sound() -> None:
    provider = Provider()
    provider.hears(speech(), 50)
    provider.hears(None, 5)
    provider.says(Constant.INPUT_AUDIO_COMMITTED, item_id="item_1")
    provider.creates("resp_1")
    provider.times.on_audio(provider.now, "resp_1")
    (response,) = provider.responses
    assert response.speech_end_ms == pytest.approx(11_000)
    assert response.speech_stopped_ms is None
    assert response.committed_ms == pytest.approx(11_100)


def test_a_turn_of_silence_after_an_idle_timeout_is_no_speech() -> None:
    provider = Provider()
    provider.hears(speech(), 50)
    provider.takes_turn(audio_end_ms=1000)
    provider.hears(None, 50)
    provider.says(Constant.TIMEOUT_TRIGGERED, audio_start_ms=1000, audio_end_ms=2000, item_id="item_2")
    provider.says(Constant.INPUT_AUDIO_COMMITTED, item_id="item_2")
    provider.creates("resp_1")
    provider.times.on_audio(provider.now, "resp_1")
    assert provider.responses[0].speech_end_ms is None


def test_audio_without_a_created_response_has_no_time_of_creation() -> None:
    provider = Provider()
    provider.hears(speech(), 50)
    provider.takes_turn(audio_end_ms=1000)
    provider.times.on_audio(provider.now, "resp_1")
    (response,) = provider.responses
    assert response.created_ms is None
    assert response.speech_end_ms == pytest.approx(11_000)


def test_playout_of_an_unknown_response_is_ignored() -> None:
    provider = Provider()
    assert provider.plays("never heard of") == []


def test_frames_that_only_go_on_may_go_untold_until_something_else_comes() -> None:
    provider = Provider()
    for response_id in ("first", "second"):
        provider.creates(response_id)
        provider.times.on_audio(provider.now, response_id)
    first, second = provider.responses
    provider.plays("first")
    provider.passes(1.0)
    provider.plays("second")
    provider.passes(2.0)
    provider.times.on_playout(provider.now + 0.02, None)
    provider.times.on_playout(provider.now + 0.04, None)
    assert (first.first_sample_ms, first.played_out_ms) == (pytest.approx(10_020), pytest.approx(11_020))
    assert (second.first_sample_ms, second.played_out_ms) == (pytest.approx(11_040), pytest.approx(13_040))


def test_a_response_was_heard_until_the_client_ends() -> None:
    provider = Provider()
    provider.creates("only")
    provider.times.on_audio(provider.now, "only")
    assert provider.times.heard_until(provider.now) is None
    (only,) = provider.plays("only")
    provider.passes(1.0)
    provider.times.heard_until(provider.now)
    assert only.played_out_ms == pytest.approx(11_020)


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"audio_end_ms": "soon"}', '{"audio_end_ms":1e9}', '{"x":"' + "y" * 100_000 + '"}']
)
def test_a_malformed_message_leaves_the_audio_to_tell(text: str) -> None:
    provider = Provider()
    provider.hears(speech(), 50)
    provider.hears(None, 10)
    provider.times.on_message(provider.now, Constant.SPEECH_STOPPED, text)
    provider.times.on_audio(provider.now, "resp_1")
    assert provider.responses[0].speech_end_ms == pytest.approx(11_000)


def test_nothing_heard_has_no_end_of_speech() -> None:
    provider = Provider()
    provider.takes_turn(audio_end_ms=0)
    provider.times.on_audio(provider.now, "resp_1")
    assert provider.responses[0].speech_end_ms is None


def test_many_responses_are_not_followed_for_ever() -> None:
    provider = Provider()
    for number in range(100):
        provider.creates(f"resp_{number}")
        provider.times.on_audio(provider.now, f"resp_{number}")
    assert provider.plays("resp_0") == []
    assert len(provider.plays("resp_99")) == 1


def test_summary_lists_each_response_and_the_waits() -> None:
    greeting = ResponseTime("c", "r0", created_ms=1.04, first_audio_ms=2.0, first_sample_ms=3.0)
    answer = ResponseTime("c", "r1", speech_end_ms=100.0, first_audio_ms=400.0, first_sample_ms=520.26)
    assert summary([greeting, answer]) == {
        "responses": [
            {
                "response_ms": None,
                "client": "c",
                "response_id": "r0",
                "speech_end_ms": None,
                "speech_stopped_ms": None,
                "committed_ms": None,
                "created_ms": 1.0,
                "first_audio_ms": 2.0,
                "first_sample_ms": 3.0,
                "played_out_ms": None,
            },
            {
                "response_ms": 420.3,
                "client": "c",
                "response_id": "r1",
                "speech_end_ms": 100.0,
                "speech_stopped_ms": None,
                "committed_ms": None,
                "created_ms": None,
                "first_audio_ms": 400.0,
                "first_sample_ms": 520.3,
                "played_out_ms": None,
            },
        ],
        "response_time": {"count": 1, "p50_ms": 420.26, "p99_ms": 420.26, "max_ms": 420.26},
    }
    assert summary([]) == {}
    assert "response_time" not in summary([greeting])


def test_distribution_gives_the_middle_the_tail_and_the_worst() -> None:
    assert distribution([float(n) for n in range(100, 0, -1)]) == {
        "count": 100,
        "p50_ms": 51.0,
        "p99_ms": 100.0,
        "max_ms": 100.0,
    }
