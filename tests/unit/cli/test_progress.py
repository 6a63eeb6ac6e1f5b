from __future__ import annotations

import json

import pytest

from voxruntime.cli.progress import ProgressLines, clock_text
from voxruntime.errors import ProviderError
from voxruntime.log import NOTHING_SECRET, SecretMask
from voxruntime.session.latency import ResponseTime
from voxruntime.session.records import CallRecord, Outcome, RealtimeRecord


class Screen:
    """Progress lines as they would be printed."""

    def __init__(self, verbosity: int = 0, mask: SecretMask = NOTHING_SECRET) -> None:
        self.shown: list[tuple[str, str]] = []
        self.progress = ProgressLines(mask, verbosity, lambda line, level: self.shown.append((line, level)))

    @property
    def lines(self) -> list[str]:
        return [line for line, _level in self.shown]


CLIENT = RealtimeRecord("c1", "Yandex", is_open=True)


def heard(transcript: str) -> str:
    return json.dumps(
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "i",
            "transcript": transcript,
        }
    )


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0:00.000"), (62.3456, "1:02.346"), (-1.0, "0:00.000")])
def test_clock_text_has_minutes_and_milliseconds(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_what_is_said_and_how_long_it_took_are_lines_of_their_own() -> None:
    screen = Screen()
    screen.progress.on_wire(1.0, CLIENT, "<", heard("hello"))
    screen.progress.on_answer(
        1.5, CLIENT, ResponseTime("c1", "r", speech_end_ms=1000.0, first_sample_ms=1420.4)
    )
    assert screen.lines == ["0:01.000  caller: hello", "0:01.500  answered after 420 ms"]


def test_a_response_that_answers_no_speech_has_no_line() -> None:
    screen = Screen()
    screen.progress.on_answer(1.5, CLIENT, ResponseTime("c1", "r", first_sample_ms=1420.4))
    assert screen.lines == []


def test_wire_messages_are_named_only_on_request_and_never_a_private_clients() -> None:
    for verbosity, expected in ((1, []), (2, ["0:01.000  < response.done, 24 characters"])):
        screen = Screen(verbosity)
        screen.progress.on_wire(1.0, CLIENT, "<", '{"type":"response.done"}')
        screen.progress.on_wire(1.0, CLIENT, "<", '{"type":"response.output_audio.delta","delta":""}')
        screen.progress.on_wire(
            1.0, RealtimeRecord("c2", "Yandex", privacy=True), "<", '{"type":"response.done"}'
        )
        assert screen.lines == expected


def test_log_lines_name_their_place_and_hide_secrets_and_control_characters() -> None:
    screen = Screen(mask=SecretMask({"KEY": "hunter2"}))
    screen.progress.on_log(0.1, "info", "key hunter2\x1b[2J", "hello.lua:3")
    screen.progress.on_log(0.1, "debug", "unasked", "voxrt")
    screen.progress.on_log(0.2, "error", "bad", "")
    assert screen.shown == [
        ("0:00.100  hello.lua:3: key secret:KEY\\x1b[2J", "info"),
        ("0:00.200  bad", "error"),
    ]


def test_calls_and_clients_are_told_with_their_ends() -> None:
    screen = Screen()
    call = CallRecord("4f", "incoming", "7916", "7495", "CONNECTED")
    screen.progress.on_call(0.0, call)
    call.state, call.code, call.reason, call.duration_ms = "TERMINATED", 200, "Normal call clearing", 6020.0
    screen.progress.on_call(6.0, call)
    screen.progress.on_realtime(0.0, CLIENT)
    screen.progress.on_realtime(0.0, RealtimeRecord("c2", "Yandex"))
    refusal = ProviderError("provider.auth", "The key was refused.")
    screen.progress.on_realtime(0.0, RealtimeRecord("c3", "Yandex", refusal=refusal))
    screen.progress.on_end(6.1, Outcome("terminated"))
    assert screen.lines == [
        "0:00.000  incoming call 4f, 7916 to 7495: CONNECTED",
        "0:06.000  incoming call 4f, 7916 to 7495: TERMINATED 200 Normal call clearing, 6.0 s",
        "0:00.000  Yandex client c1: open",
        "0:00.000  Yandex client c2: closed",
        f"0:00.000  Yandex client c3: {refusal}",
        "0:06.100  session ended: terminated",
    ]
