"""`voxrt new` makes what works at once."""

from __future__ import annotations

from pathlib import Path

from voxrt_command import RunVoxrt


def test_a_new_project_is_clean_and_makes_its_call(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    run_voxrt("new", "bot")
    assert "nothing found" in run_voxrt("check", "bot/bot.lua").stdout
    done = run_voxrt("run", "bot/bot.lua", "--no-speech", "--json")
    (call,) = done.report["calls"]  # type: ignore[misc]
    assert call["connected_ms"] is not None
    (client,) = done.report["realtime"]  # type: ignore[misc]
    assert client["turns"] >= 2
    assert run_voxrt("new", "bot", exit_code=2).stderr.startswith("error: There is a bot here already")
