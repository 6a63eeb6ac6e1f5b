"""Each limit says so where its author looks: code, place and message in `--json`, on the terminal, in the log."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

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
    # A machine that is busy for 3 s may not have given it the second of CPU that ends it.
    assert error["code"] == code or (error["code"] == "limit.wall" and line is None)
    if line is not None:
        assert (error["file"], error["line"]) == ("greedy.lua", line)
    assert error["code"] in done.stderr
    assert error["message"].split(" (while ")[0][:40] in done.stderr


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


SLOW = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.Started, function()
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputTextDelta, function()
    for _ = 1, 5000000 do end
  end)
end)
"""


@contextmanager
def chattering() -> Iterator[str]:
    """A provider that says more than a slow scenario hears."""

    def talk(connection: ServerConnection) -> None:
        try:
            for n in range(3000):
                event = {"type": "response.output_text.delta", "event_id": f"e{n}", "delta": "x" * 1000}
                connection.send(json.dumps(event))
            connection.recv()
        except ConnectionClosed:
            pass

    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1/realtime"
        server.shutdown()
        thread.join()


def test_scenario_that_is_too_slow_for_its_events_ends(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "slow.lua").write_text(SLOW, encoding="utf-8")
    with chattering() as url:
        done = run_voxrt("run", "slow.lua", "--call", "none", "--provider", url, "--json", exit_code=1)
    error = done.report["error"]
    assert isinstance(error, dict)
    assert error["code"] == "events.overflow"
    assert "too slow for its events" in error["message"]
    assert "events.overflow" in done.stderr


def test_top_level_that_waits_for_ever_ends(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "waits.lua").write_text("\nawait(Promise.new(function() end))", encoding="utf-8")
    done = run_voxrt("run", "waits.lua", "--call", "none", "--json", exit_code=1)
    error = done.report["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["file"]) == ("script.top_level", "waits.lua")
    assert "script.top_level" in done.stderr
