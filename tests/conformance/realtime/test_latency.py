"""The times of each answer that a run reports are those that its event log and its recording show."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np

from voxrt_command import RunVoxrt

CALLER = """
[[step]]
wait = "agent_finished"
timeout_ms = 20000

[[step]]
say = "hello"

[[step]]
wait = "agent_finished"
timeout_ms = 20000

[[step]]
say = "goodbye"

[[step]]
pause_ms = 20000
"""

LOUD = 500
"""Far above the silence between tones, far below their level."""


def stretches(samples: np.ndarray, rate: int) -> list[tuple[float, float]]:
    """Returns when sound begins and ends, in ms: pauses shorter than 250 ms are part of it."""
    loud = np.flatnonzero(abs(samples.astype(int)) > LOUD)
    breaks = np.flatnonzero(np.diff(loud) > rate // 4)
    begins = loud[np.concatenate(([0], breaks + 1))]
    ends = loud[np.concatenate((breaks, [len(loud) - 1]))]
    return [(begin * 1000 / rate, (end + 1) * 1000 / rate) for begin, end in zip(begins, ends, strict=True)]


def test_reported_times_are_those_of_the_wire_and_of_the_recording(
    run_voxrt: RunVoxrt, tmp_path: Path
) -> None:
    (tmp_path / "caller.toml").write_text(CALLER, encoding="utf-8")
    outputs = ("--events", "out.jsonl", "--record", "out.wav", "--json")
    done = run_voxrt("run", "hello", "--no-speech", "--call", "script:caller.toml", *outputs)
    report = done.report
    latency, calls, media = report["latency"], report["calls"], report["media"]
    assert isinstance(latency, dict)
    assert isinstance(calls, list)
    assert isinstance(media, dict)
    wire = [
        line
        for line in map(json.loads, (tmp_path / "out.jsonl").read_text("utf-8").splitlines())
        if line["kind"] == "wire"
    ]
    said = [(line["t_ms"], json.loads(line["text"])) for line in wire if line["direction"] == "<"]
    with wave.open(str(tmp_path / "out.wav")) as recording:
        rate = recording.getframerate()
        sides = np.frombuffer(recording.readframes(-1), dtype="<i2").reshape(-1, 2)
    connected_ms = calls[0]["connected_ms"]
    caller, agent = (
        [(connected_ms + begin, connected_ms + end) for begin, end in stretches(sides[:, side], rate)]
        for side in (0, 1)
    )
    # A recording counts frames: it begins up to two after the call is connected, and a sound ends within one. Where ticks
    # came late, its beginning and its frames are that much more behind the clock.
    off_ms = 65 + 2 * media["late_max_ms"]

    def first(wire_type: str, response_id: str) -> float:
        return next(
            t_ms
            for t_ms, message in said
            if message["type"] == wire_type
            and response_id in (message.get("response_id"), message.get("response", {}).get("id"))
        )

    def last_before(wire_type: str, limit_ms: float) -> float:
        return max(t_ms for t_ms, message in said if message["type"] == wire_type and t_ms <= limit_ms)

    _greeting, *answers = latency["responses"]
    assert len(answers) == 2
    ends = [answer["first_audio_ms"] for answer in answers[1:]] + [float("inf")]
    for answer, next_ms in zip(answers, ends, strict=True):
        assert abs(answer["created_ms"] - first("response.created", answer["response_id"])) < 1
        assert abs(answer["first_audio_ms"] - first("response.output_audio.delta", answer["response_id"])) < 1
        stopped = last_before("input_audio_buffer.speech_stopped", answer["first_audio_ms"])
        committed = last_before("input_audio_buffer.committed", answer["first_audio_ms"])
        assert abs(answer["speech_stopped_ms"] - stopped) < 1
        assert abs(answer["committed_ms"] - committed) < 1
        spoken = [end for _begin, end in caller if end <= stopped + off_ms]
        assert abs(answer["speech_end_ms"] - spoken[-1]) <= off_ms
        heard = [stretch for stretch in agent if answer["first_audio_ms"] < sum(stretch) / 2 < next_ms]
        begin, end = heard[0][0], heard[-1][1]
        assert abs(answer["first_sample_ms"] - begin) <= off_ms
        assert abs(answer["played_out_ms"] - end) <= off_ms
        assert abs(answer["response_ms"] - (begin - spoken[-1])) <= 2 * off_ms
    shown = [line for line in done.stderr.splitlines() if "answered after" in line]
    assert len(shown) == len(answers)
