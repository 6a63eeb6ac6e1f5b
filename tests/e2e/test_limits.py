"""Each limit says so where its author looks: code, place and message in `--json`, on the terminal, in the log."""

from __future__ import annotations

import pytest

from voxrt_command import RunVoxrt

LIMITS = {
    "instructions": ("\nwhile true do end", "limit.cpu", 2),
    "cpu": ("\nstring.find(('a'):rep(3000), ('.-'):rep(6) .. 'b')", "limit.cpu", None),
    "memory": ("\nlocal t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", "limit.memory", 2),
    "commands": ("\nfor i = 1, 1001 do VoxEngine.customData('x') end", "limit.commands", 2),
    "timers": ("\nfor i = 1, 101 do setTimeout(print, 1000) end", "limit.timers", 2),
    "sockets": (
        "require(Modules.Yandex) for i = 1, 9 do\nYandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f' }) end",
        "limit.sockets",
        2,
    ),
    "custom_data": ("\nVoxEngine.customData(('x'):rep(201))", "limit.custom_data", 2),
}


@pytest.mark.parametrize(("source", "code", "line"), LIMITS.values(), ids=LIMITS.keys())
def test_breach_of_a_limit_names_code_and_place(
    run_voxrt: RunVoxrt,
    tmp_path_factory: pytest.TempPathFactory,
    source: str,
    code: str | None,
    line: int | None,
) -> None:
    script = tmp_path_factory.mktemp("scenario") / "greedy.lua"
    script.write_text(source, encoding="utf-8")
    done = run_voxrt("run", script, "--call", "none", "--json", exit_code=1)
    error = done.report["error"]
    assert isinstance(error, dict)
    assert error["code"] == code
    if line is not None:
        assert (error["file"], error["line"]) == ("greedy.lua", line)
    assert error["code"] in done.stderr
    assert error["message"].split("\n")[0][:40] in done.stderr


def test_log_past_its_limit_is_cut_with_a_mark(
    run_voxrt: RunVoxrt, tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = tmp_path_factory.mktemp("scenario") / "chatty.lua"
    script.write_text(
        "for i = 1, 100 do print(('x'):rep(15000)) end print(('y'):rep(20)) VoxEngine.terminate()",
        encoding="utf-8",
    )
    log = run_voxrt("run", script, "--call", "none", "--json").log
    assert any("log full" in text for text in log)
    assert not any("yyyy" in text for text in log)
    assert sum(map(len, log)) < 1_200_000
