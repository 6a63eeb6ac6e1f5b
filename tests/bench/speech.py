"""Prints, as one JSON object, what speech costs: latencies in ms, CPU in shares of a core, memory in MB.

    python tests/bench/speech.py

`recognition_ms` is the time from an utterance's end to its text; `first_audio_ms` from a text to the first sound of
it; `sentence_ms` to all of it. `streams` has 1 and 10 calls that are listened to in frames of 20 ms, at the pace of
real time, without anything being said. How often words are right: `python tests/confusion.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import wave
from pathlib import Path

import numpy as np

from voxruntime.audio.pcm import PCM16, decode
from voxruntime.clock import Clock
from voxruntime.config import shipped
from voxruntime.speech.client import SpeechProcess

RATE = 8000
TURNS = 50
STREAM_S = 5.0
TEXT = "I listen, I answer, and I hang up when you say goodbye."
CLIPS = {
    "en-US": {
        "en-goodbye.wav": "goodbye",
        "en-call-forwarding.wav": "call forwarding",
        "en-one-moment-please.wav": "one moment please",
        "en-weasels.wav": "weasels have eaten our phone system",
    },
    "ru-RU": {
        "ru-queue-position.wav": "ваша позиция в очереди",
        "ru-waiting-time.wav": "прогнозируемое время ожидания составляет",
        "ru-no-more-messages.wav": "больше сообщений нет",
    },
}


def clip(name: str) -> PCM16:
    with wave.open(str(shipped("scenarios") / "audio" / name)) as recording:
        return decode(recording.readframes(recording.getnframes()))


def percentiles(seconds: list[float]) -> dict[str, float]:
    return {f"p{part}": round(1000 * float(np.percentile(seconds, part)), 1) for part in (50, 99)}


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return {
        name.lower(): round(int(line.split()[1]) / 1024, 1)
        for line in lines
        for name in ("Rss", "Pss")
        if line.startswith(f"{name}:")
    }


async def recognition(engines: SpeechProcess, language: str) -> dict[str, object]:
    took: list[float] = []
    right = 0
    clips = CLIPS[language]
    sounds = {name: clip(name) for name in clips}
    for turn in range(TURNS + len(clips)):
        name = list(clips)[turn % len(clips)]
        began = time.perf_counter()
        heard = await engines.recognizer.recognize(
            sounds[name], RATE, phrases=list(clips.values()), language=language
        )
        # The first round makes the grammar and the pronunciations.
        if turn >= len(clips):
            took.append(time.perf_counter() - began)
            right += heard.text == clips[name]
    return {**percentiles(took), "right": right, "turns": TURNS}


async def synthesis(engines: SpeechProcess) -> dict[str, dict[str, float]]:
    first: list[float] = []
    whole: list[float] = []
    for _ in range(TURNS):
        began = time.perf_counter()
        is_first = True
        async for _sound in engines.synthesizer.synthesize(TEXT, language="en-US", voice=""):
            if is_first:
                first.append(time.perf_counter() - began)
            is_first = False
        whole.append(time.perf_counter() - began)
    return {"first_audio_ms": percentiles(first), "sentence_ms": percentiles(whole)}


async def streams(engines: SpeechProcess, count: int) -> dict[str, object]:
    frame = np.random.default_rng(1).normal(0, 30, RATE // 50).astype(np.int16)
    detectors = [engines.voice_detector() for _ in range(count)]
    await asyncio.gather(*(detector.detect(frame, RATE) for detector in detectors))
    pids = {role: pid for role, pid in engines.pids.items() if pid is not None}
    before = {role: cpu_s(pid) for role, pid in pids.items()}
    answers: list[float] = []
    began = time.perf_counter()
    for tick in range(int(STREAM_S * 50)):
        await asyncio.sleep(max(0.0, began + tick / 50 - time.perf_counter()))
        asked = time.perf_counter()
        await asyncio.gather(*(detector.detect(frame, RATE) for detector in detectors))
        answers.append(time.perf_counter() - asked)
    passed = time.perf_counter() - began
    used = {role: round((cpu_s(pid) - before[role]) / passed, 3) for role, pid in pids.items()}
    memory = {role: memory_mb(pid) for role, pid in pids.items()}
    for detector in detectors:
        detector.close()
    return {"cpu": used, "memory_mb": memory, "answer_ms": percentiles(answers)}


async def main() -> None:
    engines = SpeechProcess(Clock(asyncio.get_running_loop()))
    began = time.perf_counter()
    await engines.start()
    try:
        await engines.ready()
        report: dict[str, object] = {"ready_ms": round(1000 * (time.perf_counter() - began))}
        report["recognition_ms"] = {language: await recognition(engines, language) for language in CLIPS}
        report |= await synthesis(engines)
        report["streams"] = {count: await streams(engines, count) for count in (1, 10)}
        print(json.dumps(report, indent=2))
    finally:
        await engines.close()


if __name__ == "__main__":
    asyncio.run(main())
