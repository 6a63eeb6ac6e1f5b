"""Calls whose caller is heard by a transcription endpoint, a server of the test's own."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from speech_extra import speech_extra
from transcription_stand import Answer, endpoint, text
from voxrt_command import RunVoxrt, StartVoxrt

__all__ = ["speech_extra"]

pytestmark = pytest.mark.usefixtures("speech_extra")

KEY = "key-4711-of-the-endpoint"


def test_a_call_is_understood_by_the_endpoint(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"TRANSCRIPTION_API_KEY={KEY}\n", encoding="utf-8")
    with endpoint(text("Hello."), text("Goodbye.")) as server:
        done = run_voxrt(
            "run",
            "hello",
            "--recognizer",
            server.url,
            "--events",
            "out.jsonl",
            "--transcript",
            "t.txt",
            "--json",
        )
        assert [asked.authorization for asked in server.asked] == [f"Bearer {KEY}"] * 2
        for asked in server.asked:
            assert asked.fields == {"model": "whisper-1", "language": "en", "response_format": "json"}
            assert (asked.channels, asked.width, asked.rate) == (1, 2, 16000)
            # A word with some silence around it, at 2 bytes a sample.
            assert 0.3 < len(asked.frames) / 2 / asked.rate < 5.0
    transcript = (done.folder / "t.txt").read_text(encoding="utf-8")
    assert "Hello again!" in transcript
    assert "Goodbye!" in transcript
    written = done.stdout + done.stderr + (done.folder / "out.jsonl").read_text(encoding="utf-8")
    assert KEY not in written


def test_other_words_are_heard_and_an_endpoint_that_refuses_fails_one_transcription(
    run_voxrt: RunVoxrt,
) -> None:
    with endpoint(text("A pizza, please."), Answer(b"", 503)) as server:
        done = run_voxrt(
            "run", "hello", "--recognizer", server.url, "--recognizer-model", "small", "--events", "out.jsonl"
        )
        assert server.asked[0].fields["model"] == "small"
        assert server.asked[0].authorization is None
    events = (done.folder / "out.jsonl").read_text(encoding="utf-8")
    assert "A pizza, please." in events
    assert "input_audio_transcription.failed" in events
    assert "status 503" in events


@pytest.mark.parametrize("command", [["run", "hello"], ["emulator", "--port", "0"]], ids=["run", "emulator"])
def test_a_wrong_url_exits_2(run_voxrt: RunVoxrt, command: list[str]) -> None:
    done = run_voxrt(*command, "--recognizer", "whisper", exit_code=2)
    assert "--recognizer takes the http:// or https:// URL" in done.stderr


def test_the_server_alone_hears_through_the_endpoint(run_voxrt: RunVoxrt, start_voxrt: StartVoxrt) -> None:
    with endpoint(text("Hello."), text("Goodbye.")) as server:
        secret = f"TRANSCRIPTION_API_KEY={KEY}"
        serving = start_voxrt("emulator", "--port", "0", "--recognizer", server.url, "--secret", secret)
        assert serving.stdout is not None
        url = serving.stdout.readline().strip()
        done = run_voxrt("run", "hello", "--provider", url, "--speech", "--json")
        assert [asked.authorization for asked in server.asked] == [f"Bearer {KEY}"] * 2
    assert json.loads(done.stdout)["exit_code"] == 0
    serving.send_signal(signal.SIGINT)
    assert serving.wait(20) == 130
