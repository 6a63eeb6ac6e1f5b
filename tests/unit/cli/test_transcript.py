from __future__ import annotations

import json

import pytest

from voxruntime.cli.transcript import Transcript, Utterance
from voxruntime.log import NOTHING_SECRET, SecretMask
from voxruntime.session.records import Outcome, RealtimeRecord

HEARD = "conversation.item.input_audio_transcription.completed"


class Stand:
    """A transcript of one client; `said` is what it told."""

    def __init__(self, mask: SecretMask = NOTHING_SECRET) -> None:
        self.utterances: list[Utterance] = []
        self.transcript = Transcript(mask, self.utterances.append)
        self.client = RealtimeRecord("client-1", "Yandex", is_open=True)

    @property
    def said(self) -> list[str]:
        return [str(utterance) for utterance in self.utterances]

    def wire(self, wire_type: str, client: RealtimeRecord | None = None, **fields: object) -> None:
        text = json.dumps({"type": wire_type, "event_id": "event_1", **fields})
        self.transcript.on_wire(2.5, client or self.client, "<", text)

    def hear(self, transcript: str, item_id: str = "item_1", client: RealtimeRecord | None = None) -> None:
        self.wire(HEARD, client, item_id=item_id, content_index=0, transcript=transcript)

    def speak(self, transcript: str, item_id: str = "item_2") -> None:
        self.wire(
            "response.output_audio_transcript.done", item_id=item_id, content_index=0, transcript=transcript
        )

    def finish_item(self, item_id: str = "item_2", status: str = "completed") -> None:
        self.wire("response.output_item.done", item={"id": item_id, "type": "message", "status": status})


def test_both_ways_are_told_in_the_order_they_are_known() -> None:
    stand = Stand()
    stand.hear("hello")
    stand.speak("Hello again!")
    stand.finish_item()
    assert stand.utterances == [Utterance(2.5, "caller", "hello"), Utterance(2.5, "agent", "Hello again!")]
    assert stand.said == ["caller: hello", "agent: Hello again!"]


def test_the_same_text_is_told_once_and_a_better_one_as_a_correction() -> None:
    stand = Stand()
    stand.hear("hello")
    stand.hear("hello")
    stand.hear("hello there")
    stand.hear("hello", item_id="item_9")
    assert stand.said == ["caller: hello", "caller: hello there (corrected)", "caller: hello"]


def test_speech_that_nobody_understood_is_told_as_such_until_its_text_comes() -> None:
    stand = Stand()
    stand.hear("")
    stand.wire("conversation.item.input_audio_transcription.failed", item_id="item_1", error={"message": "x"})
    stand.hear("hello")
    stand.hear("")
    stand.wire("conversation.item.input_audio_transcription.failed", item_id="item_3", error={})
    assert stand.said == ["caller: (not understood)", "caller: hello", "caller: (not understood)"]


def test_an_item_that_was_cut_short_says_so() -> None:
    stand = Stand()
    stand.speak("Hello! I am")
    stand.finish_item(status="incomplete")
    stand.speak("Hm", item_id="item_4")
    stand.wire("response.done", response={"id": "r", "status": "cancelled"})
    assert stand.said == ["agent: Hello! I am (cut short)", "agent: Hm (cut short)"]


@pytest.mark.parametrize("text_comes_first", [True, False])
def test_a_transcript_goes_before_the_text_of_the_same_part(text_comes_first: bool) -> None:
    stand = Stand()
    for is_text in (text_comes_first, not text_comes_first):
        if is_text:
            stand.wire("response.output_text.done", item_id="item_2", content_index=0, text="HELLO")
        else:
            stand.speak("Hello.")
    stand.finish_item()
    assert stand.said == ["agent: Hello."]


def test_text_without_a_transcript_and_the_beta_spelling_are_told() -> None:
    stand = Stand()
    stand.wire("response.text.done", item_id="item_2", content_index=0, text="Only text.")
    stand.finish_item()
    stand.wire("response.audio_transcript.done", item_id="item_3", content_index=0, transcript="Beta.")
    stand.finish_item("item_3")
    assert stand.said == ["agent: Only text.", "agent: Beta."]


@pytest.mark.parametrize("event", ["response.created", "response.done", "close", "end"])
def test_an_item_that_never_finishes_is_told_when_something_else_begins(event: str) -> None:
    stand = Stand()
    stand.speak("Hello!")
    assert stand.said == []
    if event == "close":
        stand.client.is_open = False
        stand.transcript.on_realtime(3.0, stand.client)
    elif event == "end":
        stand.transcript.on_end(3.0, Outcome("terminated"))
    else:
        stand.wire(event, response={"id": "resp_2", "status": "completed"})
    assert stand.said == ["agent: Hello!"]


def test_nothing_of_a_private_client_is_told() -> None:
    stand = Stand()
    private = RealtimeRecord("client-2", "Yandex", privacy=True, is_open=True)
    stand.hear("my number is 4242", client=private)
    private.is_open = False
    stand.transcript.on_realtime(3.0, private)
    assert stand.said == []


def test_speakers_of_a_second_client_are_told_apart() -> None:
    stand = Stand()
    stand.hear("hello")
    stand.hear("good day", client=RealtimeRecord("client-2", "Yandex", is_open=True))
    assert stand.said == ["caller: hello", "caller 2: good day"]


def test_what_the_client_sends_is_not_told() -> None:
    stand = Stand()
    text = json.dumps({"type": HEARD, "item_id": "item_1", "transcript": "forged"})
    stand.transcript.on_wire(1.0, stand.client, ">", text)
    assert stand.said == []


def test_an_utterance_is_one_printable_line_without_secrets() -> None:
    stand = Stand(SecretMask({"PIN": "hunter2"}))
    stand.hear("say hunter2\n  and \x1b[31mred")
    assert stand.said == ["caller: say secret:PIN and \\x1b[31mred"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"type":5}',
        '{"type":"response.output_item.done","item":[]}',
        '{"type":"response.output_item.done"}',
        '{"type":"response.output_audio_transcript.done","transcript":7}',
        '{"type":"response.done","response":null}',
        '{"type":"response.output_audio_transcript.done","item_id":null,"transcript":null}',
        "[" * 100_000,
    ],
)
def test_malformed_messages_tell_nothing(text: str) -> None:
    stand = Stand()
    stand.transcript.on_wire(1.0, stand.client, "<", text)
    stand.transcript.on_end(2.0, Outcome("terminated"))
    assert stand.said == []


def test_texts_of_items_that_never_finish_do_not_pile_up() -> None:
    stand = Stand()
    for number in range(200):
        stand.speak(f"line {number}", item_id=f"item_{number}")
    assert stand.said[0] == "agent: line 0"
    assert len(stand.said) >= 100
