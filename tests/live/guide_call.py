"""One call through the flow of VoxEngine's guide, with a recorded caller: what must hold whoever the provider is.

No assertion here may show a key, and so none compares texts that could hold one.
"""

from __future__ import annotations

import json
import os
import subprocess
import wave
from pathlib import Path

import numpy as np

from voxrt_command import VOXRT
from voxruntime.config import shipped

GUIDE = Path(__file__).parent.parent / "conformance" / "realtime" / "guide.lua"
AUDIO = shipped("scenarios") / "audio"
KEYS = ("YANDEX_API_KEY", "YANDEX_FOLDER_ID")

CALLER = f"""
[[step]]
wait = "agent_finished"
timeout_ms = 30000

[[step]]
play = "{AUDIO / "ru-queue-position.wav"}"

[[step]]
wait = "agent_finished"
timeout_ms = 30000

[[step]]
hangup = true
"""

_TIMEOUT_S = 120
_HEARD_DBFS = -50.0


def call_the_guide(folder: Path, *options: str) -> None:
    """Calls the guide's scenario in `folder` and checks that both sides were heard and no key was written anywhere.

    The keys reach `voxrt` through the environment that it inherits.
    """
    (folder / "caller.toml").write_text(CALLER, encoding="utf-8")
    files = ("--record", "out.wav", "--events", "out.jsonl", "--json")
    done = subprocess.run(
        [VOXRT, "run", GUIDE, "--call", "script:caller.toml", *files, *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_TIMEOUT_S,
        text=True,
        check=False,
    )
    events = (folder / "out.jsonl").read_text(encoding="utf-8")
    assert_no_key_in(done.stdout + done.stderr + events)
    assert done.returncode == 0, done.stderr
    log = [entry["text"] for entry in json.loads(done.stdout)["log"]]
    assert "===SessionUpdated===" in log, log
    assert "===Error===" not in log, [line for line in events.splitlines() if '\\"error\\"' in line]
    assert any(line.removeprefix("caller: ").strip() for line in log if line.startswith("caller: ")), log
    # The greeting, and the answer to what the caller said.
    assert sum(line.startswith("agent: ") for line in log) >= 2, log
    assert _loudness_dbfs(folder / "out.wav", channel=1) > _HEARD_DBFS, "the caller heard nothing"


def assert_no_key_in(text: str) -> None:
    """Fails, with the name of the key alone, when a key stands in what was written."""
    written = [name for name in KEYS if os.environ.get(name) and os.environ[name] in text]
    assert not written, f"written where it must not be: {written}"


def _loudness_dbfs(path: Path, channel: int) -> float:
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, file.getnchannels())
    return float(10 * np.log10(np.mean((pcm[:, channel] / 32768.0) ** 2) + 1e-10))
