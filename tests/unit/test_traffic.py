"""The recorder of tests: it finds what is wrong, wherever it was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import traffic
from conformance.emulator.driver import Driver


def log_of(driver: Driver, folder: Path, *, model: str, breaks: bool) -> Path:
    """Writes a driver's traffic as a run writes it, without its audio, perhaps with one event twice."""
    lines = []
    for frame in driver.traffic:
        message = json.loads(frame.text)
        line = {"kind": "wire", "client": "c1", "direction": "<" if frame.sender == "server" else ">"}
        if message["type"] == "session.created":
            message["session"]["model"] = model
        if message["type"] == "response.output_audio.delta":
            line["audio"] = {"bytes": len(traffic.base64.b64decode(message["delta"])), "dbfs": -15.0}
            message["delta"] = ""
        lines += [{**line, "text": json.dumps(message)}] * (
            1 + (breaks and message["type"] == "response.done")
        )
    path = folder / "out.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"kind": "wi', encoding="utf-8")
    return path


def greeted() -> Driver:
    driver = Driver()
    driver.configure()
    driver.send("response.create")
    driver.run(5)
    return driver


def test_event_log_of_a_sound_session_is_sound(tmp_path: Path) -> None:
    path = log_of(greeted(), tmp_path, model="gpt://emulator/m", breaks=False)
    traffic.record_event_log(path)
    assert len(traffic.sessions_of(path.read_text())["c1"]) > 10
    assert traffic.judge() == []


def test_event_that_came_twice_is_found_in_a_log(tmp_path: Path) -> None:
    traffic.record_event_log(log_of(greeted(), tmp_path, model="gpt://emulator/m", breaks=True))
    assert any("response.done" in violation for violation in traffic.judge())


def test_other_servers_and_faults_are_not_judged(tmp_path: Path) -> None:
    traffic.record_event_log(log_of(greeted(), tmp_path, model="gpt://folder/m", breaks=True))
    faulty = '[state.a]\n[server]\nfaults = ["duplicate:2"]\n'
    (tmp_path / "a.dialogue.toml").write_text(faulty, encoding="utf-8")
    traffic.record_event_log(log_of(greeted(), tmp_path, model="gpt://emulator/m", breaks=True))
    assert traffic.judge() == []


def test_stand_that_plays_a_server_is_recorded() -> None:
    driver = greeted()
    driver.traffic.append(driver.traffic[-1])
    assert traffic.judge() != []
