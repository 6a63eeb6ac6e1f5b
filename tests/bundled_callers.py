"""The bundled scenarios and their callers, whose recorded words can also be said in tones."""

from __future__ import annotations

import re
import tomllib

from voxruntime.config import shipped

SCENARIOS = shipped("scenarios")

_SAID_IN = {
    f"audio/{clip['file']}": clip["text"]
    for clip in tomllib.loads((SCENARIOS / "audio" / "SOURCES.toml").read_text(encoding="utf-8"))["clip"]
}


def in_tones(name: str) -> str:
    """Returns the caller script of a bundled scenario with words in place of recordings."""
    script = (SCENARIOS / f"{name}.caller.toml").read_text(encoding="utf-8")
    return re.sub(r'play = "(.*)"', lambda found: f'say = "{_SAID_IN[found[1]]}"', script)
