"""`voxrt dev` on a terminal: one line for each reload, four keys, another call when one has ended."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from pty_stand import Pty, open_pty, plain
from voxrt_on_terminal import SILENT_CALLER, voxrt_on

SCENARIO = """
VoxEngine.addEventListener(AppEvents.Started, function(event) print("started @", event.reloaded) end)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  event.call:answer()
end)
"""


def dev_on(pty: Pty, folder: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Runs `voxrt dev s.lua` on a terminal."""
    return voxrt_on(pty, folder, "dev", "s.lua", "--no-speech", *SILENT_CALLER)


def write(folder: Path, text: str) -> None:
    (folder / "s.lua").write_text(text, encoding="utf-8")


def test_saves_and_keys_through_two_calls(tmp_path: Path) -> None:
    write(tmp_path, SCENARIO.replace("@", "first"))
    with open_pty(columns=100) as pty:
        before = pty.modes
        with dev_on(pty, tmp_path) as process:
            pty.read_until("started first")
            pty.read_until("CONNECTED")
            pty.read_until("r reloads")
            write(tmp_path, SCENARIO.replace("@", "second"))
            pty.read_until("reloaded s.lua in ")
            pty.read_until("generation 2")
            pty.read_until("started second\ttrue")
            write(tmp_path, SCENARIO.replace("@", "third") + "oops(")
            pty.read_until("s.lua is not reloaded, the code before goes on")
            pty.read_until("| oops(")
            write(tmp_path, SCENARIO.replace("@", "fourth"))
            pty.read_until("generation 3")
            pty.type("r")
            pty.read_until("reloaded the same code in ")
            pty.read_until("generation 4")
            pty.type("h")
            pty.read_until("TERMINATED 200 Hung up")
            pty.read_until("The call has ended.")
            pty.type("c")
            pty.read_until("started fourth")
            pty.read_until("CONNECTED")
            pty.type("q")
        assert process.returncode == 0
        assert pty.modes == before
    assert plain(pty.shown).count("started fourth") == 3


def test_a_save_after_the_call_calls_again_and_an_error_of_a_handler_waits_for_it(tmp_path: Path) -> None:
    write(tmp_path, SCENARIO.replace("event.call:answer()", "event.call:anwser()"))
    with open_pty(columns=100) as pty:
        with dev_on(pty, tmp_path) as process:
            pty.read_until('the nearest name is "answer"')
            pty.read_until("The call has ended.")
            write(tmp_path, SCENARIO.replace("@", "second"))
            pty.read_until("started second")
            pty.read_until("CONNECTED")
            pty.type("c")
            pty.read_until("TERMINATED 200 Hung up")
            pty.read_until("started second")
            pty.type("q")
        assert process.returncode == 0
