"""`call:record()`: the file is whole when its call has ended; where it cannot be written, the call goes on."""

from __future__ import annotations

import wave
from pathlib import Path

from file_limits import file_size_limit
from session_stand import Stand, run_session
from voxruntime.testing import virtual_loop

SCENARIO = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:addEventListener(CallEvents.RecordStarted, function(e) print("started", e.url) end)
  call:addEventListener(CallEvents.RecordStopped, function(e) print("stopped", e.url) end)
  call:addEventListener(CallEvents.RecordError, function(e)
    print("failed", e.url, e.error, call:state())
    setTimeout(function()
      print("goes on", call:state())
      call:hangup()
    end, 1000)
  end)
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  call:answer()
  call:record()
  -- Ends a call of which nothing is told.
  setTimeout(function() call:hangup() end, 600000)
end)
"""

CALLED_AND_GONE = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:addEventListener(CallEvents.RecordStopped, function(e)
    print("stopped", e.duration)
    setTimeout(function()
      print("look")
      VoxEngine.terminate()
    end, 10)
  end)
  call:answer()
  call:record()
  setTimeout(function() call:hangup() end, 2310)
end)
"""


def run(folder: Path) -> list[str]:
    """The log of a session that is called."""

    def call(stand: Stand) -> None:
        stand.call()

    outcome, stand = virtual_loop.run(run_session(SCENARIO, call, folder=folder))
    assert outcome.error is None, outcome.error
    return stand.seen.lines


def test_a_folder_that_cannot_be_made_is_told_and_the_call_goes_on(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("a file is in the way", encoding="utf-8")
    started, failed, later = run(tmp_path / "recordings")
    assert started.startswith("started")
    assert failed.startswith("failed")
    assert failed.endswith("CONNECTED")
    assert later == "goes on\tCONNECTED"


def test_a_full_disk_is_told_and_leaves_what_was_written(tmp_path: Path) -> None:
    with file_size_limit(30_000):
        started, failed, later = run(tmp_path)
    assert failed.endswith("CONNECTED")
    assert later == "goes on\tCONNECTED"
    assert failed.split("\t")[1] == started.split("\t")[1]
    (path,) = tmp_path.iterdir()
    with wave.open(str(path)) as recording:
        assert 8000 < recording.getnframes() <= 15_000
        assert len(recording.readframes(recording.getnframes())) == 2 * recording.getnframes()


def test_a_recording_is_whole_as_soon_as_its_call_has_ended(tmp_path: Path) -> None:
    seconds: list[float] = []

    def look() -> None:
        (path,) = tmp_path.iterdir()
        with wave.open(str(path)) as recording:
            seconds.append(recording.getnframes() / recording.getframerate())

    def call(stand: Stand) -> None:
        stand.seen.when["look"] = look
        stand.call()

    outcome, stand = virtual_loop.run(run_session(CALLED_AND_GONE, call, folder=tmp_path))
    assert outcome.error is None, outcome.error
    assert stand.seen.lines[0] == f"stopped\t{seconds[0]:g}"
    assert seconds[0] > 2.2
