"""Contract of emulator/brain/message_stream.py."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from unit.emulator.brain.support import Desk, Json
from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain.items import AudioPart, ItemStatus, TextPart
from voxruntime.emulator.brain.message_stream import MessageStream
from voxruntime.emulator.brain.pace import Pace
from voxruntime.emulator.profiles import OPENAI, YANDEX, Profile

PACE = Pace(delta_ms=100, times_realtime=5.0)


class Speech:
    """A message that is streamed, and what clients see of it."""

    def __init__(
        self,
        text: str = "one two three four",
        *,
        profile: Profile = YANDEX,
        rate: int = 8000,
        written: bool = False,
        in_conversation: bool = True,
    ) -> None:
        self.desk = Desk(profile, pace=PACE)
        self.part = TextPart("output_text", "") if written else AudioPart("output_audio", rate)
        self.stream = MessageStream(
            "resp_1",
            0,
            text,
            self.part,
            scribe=self.desk.scribe,
            in_conversation=in_conversation,
        )
        self.events: list[Json] = []

    def open(self, now: float = 0.0) -> None:
        self.stream.open(now)
        self.events += self.desk.events()

    def advance(self, now: float) -> list[str]:
        self.stream.advance(now)
        new = self.desk.events()
        self.events += new
        return [event["type"].split(".")[1] for event in new]

    def advance_to_end(self) -> list[float]:
        """Advances at each deadline and returns them."""
        deadlines = []
        while (due := self.stream.next_deadline()) is not None:
            deadlines.append(due)
            self.advance(due)
        return deadlines

    def close(self, status: ItemStatus = ItemStatus.COMPLETED) -> list[Json]:
        self.stream.close(status)
        new = self.desk.events()
        self.events += new
        return new

    def said(self) -> str:
        return "".join(
            event["delta"]
            for event in self.events
            if event["type"].endswith(("text.delta", "transcript.delta"))
        )

    def audio(self) -> PCM16:
        deltas = [event["delta"] for event in self.events if event["type"] == "response.output_audio.delta"]
        return np.frombuffer(b"".join(map(base64.b64decode, deltas)), dtype="<i2")


def ramp(samples: int) -> PCM16:
    return np.arange(samples, dtype=np.int16)


def test_speech_is_nested_as_the_reference_says() -> None:
    speech = Speech("one")
    speech.open()
    speech.stream.feed(ramp(800), 8000)
    speech.stream.end_feed(8000)
    speech.advance_to_end()
    speech.close()
    assert [event["type"] for event in speech.events] == [
        "response.output_item.added",
        "conversation.item.created",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
    ]


def test_written_text_has_its_own_events() -> None:
    speech = Speech("one two", written=True)
    speech.open()
    assert speech.advance_to_end() == [0.0, pytest.approx(0.02)]
    assert [event["type"] for event in speech.close()][:2] == [
        "response.output_text.done",
        "response.content_part.done",
    ]
    assert speech.said() == "one two"


def test_message_outside_the_conversation_is_not_announced_there() -> None:
    speech = Speech("one", written=True, in_conversation=False)
    speech.open()
    speech.advance_to_end()
    speech.close()
    assert not any(event["type"].startswith("conversation.") for event in speech.events)


@pytest.mark.parametrize(
    ("profile", "delta", "part"),
    [
        (YANDEX, "response.output_text.delta", "output_audio"),
        (OPENAI, "response.output_audio_transcript.delta", "audio"),
    ],
)
def test_profile_names_text_and_parts(profile: Profile, delta: str, part: str) -> None:
    speech = Speech(profile=profile)
    speech.open()
    speech.stream.feed(ramp(1600), 8000)
    speech.stream.end_feed(8000)
    speech.advance_to_end()
    speech.close()
    kinds = {event["type"] for event in speech.events if event["type"].endswith("delta")}
    assert kinds == {delta, "response.output_audio.delta"}
    assert {event["part"]["type"] for event in speech.events if "part" in event} == {part}


def test_deltas_come_five_times_faster_than_they_play() -> None:
    speech = Speech()
    speech.open(now=1.0)
    speech.stream.feed(ramp(4000), 8000)
    speech.stream.end_feed(8000)
    assert speech.advance_to_end() == pytest.approx([1.0, 1.02, 1.04, 1.06, 1.08])
    assert speech.audio().tolist() == ramp(4000).tolist()


def test_late_speech_is_not_hurried_after() -> None:
    speech = Speech()
    speech.open(now=0.0)
    assert speech.stream.next_deadline() is None
    speech.stream.feed(ramp(2400), 8000)
    assert speech.advance(10.0).count("output_audio") <= 2
    assert speech.stream.next_deadline() == pytest.approx(10.02)


def test_incomplete_delta_waits_for_more_until_the_end() -> None:
    speech = Speech()
    speech.open()
    speech.stream.feed(ramp(500), 8000)
    assert speech.stream.next_deadline() is None
    speech.stream.end_feed(8000)
    speech.advance_to_end()
    assert len(speech.audio()) == 500


def test_words_come_with_the_audio_they_are_spoken_in() -> None:
    speech = Speech("aaa bbb ccc ddd")
    speech.open()
    speech.stream.feed(ramp(3200), 8000)
    speech.stream.end_feed(8000)
    heard = []
    for due in (0.0, 0.02, 0.04, 0.06):
        speech.advance(due)
        heard.append(speech.said())
    assert heard == ["aaa ", "aaa bbb ", "aaa bbb ccc ", "aaa bbb ccc ddd"]


def test_words_come_at_a_speaking_rate_while_the_length_is_unknown() -> None:
    speech = Speech("one two three four five six seven eight")
    speech.open()
    speech.stream.feed(ramp(8000), 8000)
    for step in range(10):
        speech.advance(step * 0.02)
    assert speech.said() == "one two three four "


def test_all_words_are_said_in_the_end_even_without_audio() -> None:
    speech = Speech()
    speech.open()
    speech.stream.end_feed(8000)
    speech.advance_to_end()
    assert speech.stream.is_finished
    assert speech.said() == "one two three four"


def test_cut_message_says_what_was_sent() -> None:
    speech = Speech("aaa bbb ccc ddd")
    speech.open()
    speech.stream.feed(ramp(3200), 8000)
    speech.stream.end_feed(8000)
    speech.advance(0.0)
    closing = speech.close(ItemStatus.INCOMPLETE)
    assert closing[1]["transcript"] == "aaa "
    item = closing[-1]["item"]
    assert (item["status"], item["content"]) == (
        "incomplete",
        [{"type": "output_audio", "transcript": "aaa "}],
    )


@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
def test_speech_is_converted_to_the_declared_rate(rate: int) -> None:
    speech = Speech(rate=rate)
    speech.open()
    tone = np.rint(8000 * np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000)).astype(np.int16)
    for start in range(0, 8000, 333):
        speech.stream.feed(tone[start : start + 333], 8000)
    speech.stream.end_feed(8000)
    speech.advance_to_end()
    heard = speech.audio()
    assert len(heard) == pytest.approx(rate, abs=rate * 0.06)
    spectrum = np.abs(np.fft.rfft(heard.astype(float)))
    assert np.argmax(spectrum) * rate / len(heard) == pytest.approx(440, abs=3)


def test_truncated_message_remembers_no_more_audio_and_no_words() -> None:
    speech = Speech()
    speech.open()
    speech.stream.feed(ramp(3200), 8000)
    speech.advance(0.0)
    assert isinstance(speech.part, AudioPart)
    speech.part.truncate(50)
    speech.stream.end_feed(8000)
    speech.advance_to_end()
    speech.close()
    assert (speech.part.duration_ms, speech.part.transcript) == (50.0, None)


def test_written_message_takes_no_audio() -> None:
    speech = Speech("one", written=True)
    speech.open()
    speech.stream.feed(ramp(800), 8000)
    speech.advance_to_end()
    assert len(speech.audio()) == 0
