"""As root, as an ordinary user and in a container without privileges: each works, with one line on what is weaker.

What root alone can set up is skipped for anybody else, for whom every other test is one of an ordinary user.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from voxrt_command import VOXRT, environment
from voxruntime import platform

pytestmark = [
    pytest.mark.skipif(not platform.IS_LINUX, reason="Linux's privileges"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give privileges up one by one"),
]

SCENARIO = """
VoxEngine.addEventListener(AppEvents.Started, function()
  print("it runs")
  VoxEngine.terminate()
end)
"""
UNCONFINED, LATE = "less confined here", "frames may be 10 to 30 ms late"


@dataclass(frozen=True)
class Surroundings:
    """Where `voxrt` runs: the command that brings it there, and what is refused there."""

    command: tuple[str, ...]
    refused: set[str]


SURROUNDINGS = {
    "root": Surroundings((), set()),
    "container_root": Surroundings(
        ("setpriv", "--bounding-set=-all", "--inh-caps=-all"), {"user", "scheduling"}
    ),
    "hardened_container_root": Surroundings(
        ("setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"), {"user", "scheduling"}
    ),
    "ordinary_user": Surroundings(("unshare", "--user"), {"scheduling"}),
}


@pytest.mark.parametrize("where", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
def test_scenario_runs_and_what_is_weaker_is_one_line_each(where: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text(SCENARIO, encoding="utf-8")
    options = ["--call", "none", "--no-speech", "--json"]
    done = subprocess.run(
        [*where.command, VOXRT, "run", "s.lua", *options],
        cwd=tmp_path,
        env=environment(None),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["error"]) == (0, None)
    assert [line["text"] for line in report["log"]] == ["it runs"]
    refused = {name for name, state in report["isolation"].items() if state != platform.GRANTED}
    # A container may have taken real-time scheduling from root, too.
    assert refused | {"scheduling"} == where.refused | {"scheduling"}
    assert done.stderr.count(UNCONFINED) == len(refused - {"scheduling"})
    assert done.stderr.count(LATE) == len(refused & {"scheduling"})
    assert ("stays root" in done.stderr) == ("user" in refused)
