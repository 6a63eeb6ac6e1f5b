"""A run on a terminal, as a person sits before it: the live line, keys into the call, and the terminal afterwards."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from pty_stand import Paper, Pty, open_pty, plain
from voxrt_command import RunVoxrt
from voxrt_on_terminal import SILENT_CALLER, voxrt_on
from voxruntime.config import shipped

TONES = "--no-speech"
TONE_CALLER = (TONES, "--call", f"script:{shipped('scenarios') / 'builtin.caller.toml'}")

CONNECTED = "connected · 79160000001 → 74950000002"
SILENCE = "agent  ▯▯▯▯▯▯▯▯▯▯ "


def assert_agent_says(pty: Pty, words: str) -> None:
    """Waits until the agent has said something, and finished."""
    pty.read_until(f"agent: {words}")
    pty.read_until("agent  ▮")
    pty.read_until(f"{SILENCE}{words[:20]}")


def end_of(pty: Pty) -> list[str]:
    """Returns what the terminal shows in the end; the shell's prompt goes below it."""
    paper = Paper()
    paper.write(pty.shown)
    assert paper.column == 0
    return paper.text


def test_digits_and_words_typed_into_the_call_are_heard_and_end_it(tmp_path: Path) -> None:
    with open_pty(columns=100) as pty:
        before = pty.modes
        with voxrt_on(
            pty, tmp_path, "run", "hello", TONES, *SILENT_CALLER, "--transcript", "t.txt"
        ) as process:
            assert_agent_says(pty, "Hello! I am the emulated agent.")
            assert not pty.is_line_mode
            pty.type("42")
            pty.read_until("the far end pressed 2")
            assert_agent_says(pty, "Sorry, I did not understand that.")
            pty.type("> goodbye")
            pty.read_until("> goodbye_")
            pty.type("\r")
            pty.read_until("session ended: terminated")
        assert process.returncode == 0
        assert pty.modes == before
        shown = plain(pty.shown)
        for words in (CONNECTED, "caller: goodbye", "agent: Goodbye!", "answered after"):
            assert words in shown
        # The block is gone, the lines have stayed.
        lines = end_of(pty)
        assert lines[-1].endswith("session ended: terminated")
        assert not any(line.startswith(("caller ", "agent  ", "0-9")) for line in lines)
    transcript = (tmp_path / "t.txt").read_text(encoding="utf-8").splitlines()
    said = [line.partition("  ")[2] for line in transcript]
    assert said[1:] == [
        "caller: (not understood)",
        "agent: Sorry, I did not understand that.",
        "caller: goodbye",
        "agent: Goodbye!",
    ]


def test_words_typed_into_the_call_are_understood_when_they_are_spoken(tmp_path: Path) -> None:
    with open_pty(columns=100) as pty:
        with voxrt_on(pty, tmp_path, "run", "hello", "--speech", *SILENT_CALLER) as process:
            assert_agent_says(pty, "Hello! I am the emulated agent.")
            pty.type("> goodbye\r")
            pty.read_until("caller: goodbye")
            pty.read_until("session ended: terminated")
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("key_or_signal", "exit_code"), [("\x03", 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_an_interrupted_run_gives_the_terminal_back(
    tmp_path: Path, key_or_signal: str | signal.Signals, exit_code: int
) -> None:
    with open_pty() as pty:
        before = pty.modes
        with voxrt_on(pty, tmp_path, "run", "hello", TONES, *SILENT_CALLER) as process:
            pty.read_until(CONNECTED)
            pty.type("> half a li")
            pty.read_until("> half a li")
            if isinstance(key_or_signal, str):
                pty.type(key_or_signal)
            else:
                process.send_signal(key_or_signal)
        assert process.returncode == exit_code
        assert pty.modes == before
        assert end_of(pty)[-1].endswith("session ended: stopped")


def test_the_quit_key_gives_the_terminal_back_and_ends_the_process(tmp_path: Path) -> None:
    with open_pty() as pty:
        before = pty.modes
        with voxrt_on(pty, tmp_path, "run", "hello", TONES, *SILENT_CALLER) as process:
            pty.read_until(CONNECTED)
            pty.type("\x1c")
        assert process.returncode == -signal.SIGQUIT
        assert pty.modes == before


def test_a_scenario_that_fails_gives_the_terminal_back_before_its_error_is_shown(tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text(
        "VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)\n"
        "  event.call:answer()\n"
        "  setTimeout(function() error('on purpose') end, 300)\n"
        "end)\n",
        encoding="utf-8",
    )
    with open_pty() as pty:
        before = pty.modes
        with voxrt_on(pty, tmp_path, "run", "s.lua", TONES, *SILENT_CALLER) as process:
            pty.read_until("on purpose")
        assert process.returncode == 1
        assert pty.modes == before
        assert any("s.lua:3" in line for line in end_of(pty))


def test_a_terminal_that_is_stopped_stops_neither_the_call_nor_its_end(tmp_path: Path) -> None:
    with open_pty() as pty:
        before = pty.modes
        with voxrt_on(pty, tmp_path, "run", "hello", *TONE_CALLER, "--events", "e.jsonl") as process:
            pty.read_until(CONNECTED)
            pty.type("\x13")
        assert process.returncode == 0
        assert pty.modes == before
    lines = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[-1]["kind"] == "end"
    assert lines[-1]["result"] == "terminated"


@pytest.mark.parametrize("columns", [12, 30])
def test_a_narrow_terminal_and_one_that_changes_are_no_hindrance(tmp_path: Path, columns: int) -> None:
    with open_pty(columns=100) as pty:
        with voxrt_on(pty, tmp_path, "run", "hello", TONES, *SILENT_CALLER) as process:
            pty.read_until(CONNECTED)
            pty.resize(columns)
            pty.read_until("…")
            pty.type(">goodbye\r")
        assert process.returncode == 0
        assert end_of(pty)[-1].endswith("session ended: terminated")


def test_json_on_a_terminal_brings_no_live_line(tmp_path: Path) -> None:
    with open_pty() as pty:
        with voxrt_on(pty, tmp_path, "run", "hello", *TONE_CALLER, "--json") as process:
            pty.read_until("session ended")
            assert pty.is_line_mode
        assert process.returncode == 0
        assert "0-9 * #" not in pty.shown
        assert "\x1b[K" not in pty.shown


def test_away_from_a_terminal_the_lines_are_plain(run_voxrt: RunVoxrt) -> None:
    done = run_voxrt("run", "hello", *TONE_CALLER)
    assert "\x1b" not in done.stderr
    said = [line.partition("  ")[2] for line in done.stderr.splitlines()]
    for line in ("caller: hello", "agent: Hello again!", "caller: goodbye", "agent: Goodbye!"):
        assert line in said
    assert sum(line.startswith("answered after ") for line in said) == 2
    assert done.stdout == ""


def test_the_times_of_each_answer_are_in_the_report(run_voxrt: RunVoxrt) -> None:
    latency = run_voxrt("run", "hello", *TONE_CALLER, "--json").report["latency"]
    assert isinstance(latency, dict)
    greeting, *answers = latency["responses"]
    assert greeting["speech_end_ms"] is None
    assert latency["response_time"]["count"] == len(answers) == 2
    names = (
        "speech_end_ms",
        "speech_stopped_ms",
        "committed_ms",
        "created_ms",
        "first_audio_ms",
        "first_sample_ms",
        "played_out_ms",
    )
    for answer in answers:
        times = [answer[name] for name in names]
        assert times == sorted(times)
        # The dialogue's silence window is 400 ms; the rest is the machine's.
        assert 350 < answer["response_ms"] < 2000
