"""Contract of emulator/brain/listening.py."""

from __future__ import annotations

import json
from itertools import count

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.items import AudioPart
from voxruntime.emulator.brain.listening import Listening, TurnBegan, TurnCommitted
from voxruntime.emulator.brain.rejected import Code, Rejected
from voxruntime.emulator.brain.requests import DetectVoice, Requests
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.session_config import TurnDetection
from voxruntime.emulator.brain.wire import Outbox
from voxruntime.emulator.profiles import OPENAI

RULES = TurnDetection(silence_duration_ms=200, prefix_padding_ms=100)
RATE = 8000

Json = dict[str, object]


def tone(seconds: float) -> PCM16:
    return np.rint(8000 * np.sin(np.arange(int(RATE * seconds)) * 0.4)).astype(np.int16)


def quiet(seconds: float) -> PCM16:
    return np.zeros(int(RATE * seconds), dtype=np.int16)


class Ear:
    """A listening server and what it says."""

    def __init__(self, detector_window_ms: float | None = None) -> None:
        numbers = count(1)

        def new_id(prefix: str) -> str:
            return f"{prefix}_{next(numbers)}"

        self.outbox = Outbox(new_id)
        self.requests = Requests()
        self.conversation = Conversation("conv", OPENAI, self.outbox)
        self.listening = Listening(
            RATE,
            detector_window_ms,
            scribe=Scribe(self.outbox, self.conversation, OPENAI, Behaviour(), new_id),
            requests=self.requests,
            unix_s=1000.0,
        )
        self.outcomes: list[TurnBegan | TurnCommitted] = []

    def hear(self, *pcm: PCM16, rules: TurnDetection | None = RULES, chunk_s: float = 0.02) -> list[Json]:
        whole, step = np.concatenate(pcm), int(RATE * chunk_s)
        for start in range(0, len(whole), step):
            self.outcomes.extend(self.listening.append(whole[start : start + step], rules, 7.5))
        return self.events()

    def events(self) -> list[Json]:
        events = [json.loads(text) for text in self.outbox.drain()]
        return [event for event in events if event["type"].startswith("input_audio_buffer.")]

    def turn(self, index: int = -1) -> AudioPart:
        outcome = self.outcomes[index]
        assert isinstance(outcome, TurnCommitted)
        part = outcome.item.content[0]
        assert isinstance(part, AudioPart)
        return part


def times(events: list[Json]) -> list[object]:
    return [event.get("audio_start_ms", event.get("audio_end_ms")) for event in events]


def test_turn_is_announced_ended_and_committed_under_one_id() -> None:
    events = Ear().hear(quiet(0.5), tone(0.4), quiet(0.4))
    assert [event["type"].rpartition(".")[2] for event in events] == [
        "speech_started",
        "speech_stopped",
        "committed",
    ]
    assert len({event["item_id"] for event in events}) == 1
    assert times(events)[:2] == [400, 1100]


def test_turn_has_its_padding_and_its_silence() -> None:
    ear = Ear()
    ear.hear(quiet(0.5), tone(0.4), quiet(0.4))
    assert ear.turn().duration_ms == 700.0
    assert not ear.turn().pcm[:800].any()
    assert ear.turn().pcm[800:4000].any()


@pytest.mark.parametrize("chunk_s", [0.001, 0.02, 0.333, 10.0])
def test_size_of_appends_does_not_matter(chunk_s: float) -> None:
    ear = Ear()
    events = ear.hear(quiet(0.5), tone(0.4), quiet(0.6), tone(0.4), quiet(0.4), chunk_s=chunk_s)
    assert times(events) == [400, 1100, None, 1400, 2100, None]
    assert [ear.turn(1).duration_ms, ear.turn(3).duration_ms] == [700.0, 700.0]


def test_outcomes_come_one_by_one() -> None:
    ear = Ear()
    outcomes = ear.listening.append(np.concatenate((tone(0.4), quiet(0.4))), RULES, 0.0)
    assert isinstance(next(outcomes), TurnBegan)
    assert len(ear.conversation.last_id or "") == 0
    assert ear.listening.is_speaking
    assert isinstance(next(outcomes), TurnCommitted)
    assert not ear.listening.is_speaking


def test_padding_does_not_reach_into_the_turn_before() -> None:
    rules = TurnDetection(silence_duration_ms=60, prefix_padding_ms=1000)
    events = Ear().hear(tone(0.4), quiet(0.1), tone(0.4), quiet(0.1), rules=rules)
    assert times(events) == [0, 460, None, 460, 960, None]


def test_committed_names_the_item_before() -> None:
    ear = Ear()
    first, second = (ear.hear(tone(0.3), quiet(0.3))[-1] for _ in range(2))
    assert (first["previous_item_id"], second["previous_item_id"]) == (None, first["item_id"])


def test_client_commits_while_detection_is_off() -> None:
    ear = Ear()
    assert ear.hear(tone(0.3), quiet(0.3), rules=None) == []
    committed = ear.listening.commit()
    assert committed.item.role == "user"
    assert [event["type"] for event in ear.events()] == ["input_audio_buffer.committed"]


def test_client_commits_in_the_middle_of_a_turn() -> None:
    ear = Ear()
    [started] = ear.hear(tone(0.3))
    committed = ear.listening.commit()
    assert committed.item.id == started["item_id"]
    assert not ear.listening.is_speaking
    again = ear.hear(tone(0.3), quiet(0.4))
    assert [event["type"].rpartition(".")[2] for event in again[1:]] == [
        "speech_started",
        "speech_stopped",
        "committed",
    ]


@pytest.mark.parametrize("seconds", [0.0, 0.08])
def test_too_little_cannot_be_committed(seconds: float) -> None:
    ear = Ear()
    ear.hear(tone(seconds))
    with pytest.raises(Rejected) as caught:
        ear.listening.commit()
    assert caught.value.code is Code.EMPTY_COMMIT


def test_clear_forgets_audio_and_turn() -> None:
    ear = Ear()
    ear.hear(tone(0.3))
    ear.listening.clear()
    assert [event["type"] for event in ear.events()] == ["input_audio_buffer.cleared"]
    assert not ear.listening.is_speaking
    assert ear.hear(quiet(1.0)) == []
    events = ear.hear(tone(0.3), quiet(0.4))
    assert times(events)[0] == 1200


def test_silence_is_committed_with_its_place() -> None:
    ear = Ear()
    ear.hear(quiet(2.0))
    silence = ear.listening.commit_silence(500)
    assert silence is not None
    triggered, committed = ear.events()
    assert (triggered["audio_start_ms"], triggered["audio_end_ms"]) == (1500, 2000)
    assert triggered["item_id"] == committed["item_id"] == silence.item.id


def test_silence_without_new_audio_is_none() -> None:
    ear = Ear()
    assert ear.listening.commit_silence(500) is None
    assert ear.events() == []


def test_waiting_audio_is_bounded_while_nobody_speaks() -> None:
    ear = Ear()
    ear.hear(quiet(30))
    ear.outcomes.append(ear.listening.commit())
    assert 10_000 <= ear.turn().duration_ms < 10_100


def test_outside_detector_is_asked_and_decides() -> None:
    ear = Ear(detector_window_ms=32)
    assert ear.hear(tone(0.5)) == []
    assert [type(request) for request in ear.requests.drain()] == [DetectVoice] * 25
    ear.outcomes.extend(ear.listening.voice_detected([0.9] * 10 + [0.0] * 7, RULES))
    assert times(ear.events()) == [0, 544, None]


def test_energy_takes_over_from_a_lost_detector() -> None:
    ear = Ear(detector_window_ms=32)
    ear.hear(quiet(0.5))
    assert list(ear.listening.detect_by_energy()) == []
    ear.requests.drain()
    assert times(ear.hear(tone(0.4), quiet(0.4))) == [400, 1100, None]
    assert ear.requests.drain() == []


def test_turn_keeps_its_place_when_the_rate_changes() -> None:
    ear = Ear()
    ear.hear(quiet(1.0))
    ear.listening.change_rate(16000)
    doubled = np.repeat(np.concatenate((tone(0.4), quiet(0.4))), 2)
    ear.outcomes.extend(ear.listening.append(doubled, RULES, 0.0))
    assert times(ear.events()) == [900, 1600, None]
    assert (ear.turn().rate, ear.turn().duration_ms) == (16000, 700.0)


def test_turn_ends_where_its_detector_is_lost() -> None:
    ear = Ear(detector_window_ms=20)
    ear.hear(tone(0.5))
    ear.outcomes.extend(ear.listening.voice_detected([0.9] * 25, RULES))
    ear.outcomes.extend(ear.listening.detect_by_energy())
    assert times(ear.events()) == [0, 500, None]
    assert ear.turn().duration_ms == 500.0


def test_turn_that_is_left_to_the_client_is_forgotten_but_not_its_audio() -> None:
    ear = Ear()
    ear.hear(tone(0.3))
    ear.listening.leave_turns_to_client()
    assert not ear.listening.is_speaking
    assert ear.hear(tone(0.1), quiet(1.0), rules=None) == []
    ear.outcomes.append(ear.listening.commit())
    assert ear.turn().duration_ms == 1400.0
