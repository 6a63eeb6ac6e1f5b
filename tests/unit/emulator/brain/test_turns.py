"""Contract of emulator/brain/turns.py."""

from __future__ import annotations

from voxruntime.emulator.brain.session_config import TurnDetection
from voxruntime.emulator.brain.turns import (
    LONGEST_TURN_MS,
    VOICED_ONSET,
    SpeechBegan,
    SpeechEnded,
    TurnDetector,
)

RULES = TurnDetection(silence_duration_ms=100)


def steps(
    pattern: str, rules: TurnDetection = RULES, window_ms: float = 20
) -> list[SpeechBegan | SpeechEnded]:
    """Feeds a window for each character: `#` speech, `-` between the thresholds, `.` silence."""
    detector = TurnDetector(window_ms)
    levels = {"#": 0.9, "-": 0.4, ".": 0.0}
    found = [detector.process(levels[sign], rules) for sign in pattern]
    return [step for step in found if step]


def test_silence_is_no_turn() -> None:
    assert steps("." * 100) == []


def test_turn_begins_where_its_speech_begins_and_ends_after_the_silence() -> None:
    assert steps("..####.....") == [SpeechBegan(40), SpeechEnded(220)]


def test_click_is_no_speech() -> None:
    assert steps("..##..##..##") == []


def test_onset_is_seen_within_100_ms() -> None:
    detector = TurnDetector(20)
    found = [detector.process(0.9, RULES) for _ in range(5)]
    assert SpeechBegan(0) in found
    assert TurnDetector(32).process(0.9, RULES) is None
    slow = TurnDetector(32)
    assert [slow.process(0.9, RULES) for _ in range(2)] == [None, SpeechBegan(0)]


def test_a_model_of_speech_is_believed_at_its_first_window_and_below_the_threshold() -> None:
    assert TurnDetector(32, VOICED_ONSET).process(0.31, RULES) == SpeechBegan(0)
    assert TurnDetector(32, VOICED_ONSET).process(0.29, RULES) is None


def test_short_pause_does_not_end_a_turn() -> None:
    assert steps("###....###.....") == [SpeechBegan(0), SpeechEnded(300)]


def test_sound_between_the_thresholds_neither_begins_nor_ends_a_turn() -> None:
    assert steps("---------") == []
    assert steps("###---------") == [SpeechBegan(0)]
    assert steps("###..-..-.") == [SpeechBegan(0), SpeechEnded(200)]


def test_threshold_is_obeyed() -> None:
    deaf = TurnDetection(threshold=0.95, silence_duration_ms=100)
    assert steps("##########", deaf) == []
    keen = TurnDetection(threshold=0.3, silence_duration_ms=100)
    assert steps("---", keen) == [SpeechBegan(0)]


def test_turn_that_goes_on_is_ended() -> None:
    windows = LONGEST_TURN_MS // 20
    assert steps("#" * windows) == [SpeechBegan(0), SpeechEnded(LONGEST_TURN_MS)]


def test_turns_follow_each_other() -> None:
    assert len(steps("###.....###.....")) == 4


def test_reset_forgets_the_turn_and_keeps_the_time() -> None:
    detector = TurnDetector(20)
    for _ in range(5):
        detector.process(0.9, RULES)
    detector.reset()
    assert [detector.process(0.9, RULES) for _ in range(3)] == [None, None, SpeechBegan(100)]


def test_skipped_windows_count() -> None:
    detector = TurnDetector(20, begins_ms=1000)
    detector.skip()
    assert [detector.process(0.9, RULES) for _ in range(3)][-1] == SpeechBegan(1020)
