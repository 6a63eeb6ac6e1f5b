"""The guide's flow against the real service: `pytest tests/live`, with keys in the environment. Costs money.

`python tests/check.py` runs it where the keys are, and says so where they are not; no other run collects it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from live.guide_call import KEYS, call_the_guide


def test_the_guides_flow_runs_against_the_real_service(tmp_path: Path) -> None:
    missing = [name for name in KEYS if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not set: the real service is not called")
    call_the_guide(tmp_path, "--provider", "yandex")
