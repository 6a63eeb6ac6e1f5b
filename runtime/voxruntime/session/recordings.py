"""Recordings of one session's calls: `call:record()` and the operator's `--record`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from voxruntime.audio.pcm import PCM16
from voxruntime.errors import ConfigError, VoxrtError
from voxruntime.files.client import FileProcess
from voxruntime.files.growing import Recording
from voxruntime.media.graph import Graph
from voxruntime.media.recorder import Recorder
from voxruntime.session.call_unit import CallUnit
from voxruntime.session.hub import Hub
from voxruntime.session.queue import Event, Rank
from voxruntime.session.services import RecordingPlan
from voxruntime.turn.messages import RecordCall

FLUSH_FRAMES = 25
"""Frames collected before they go to the io process: half a second."""

_STRIDE = 7
"""Prime to FLUSH_FRAMES, so that numbers in a row spread over the ticks."""


class _CallRecorder:
    """One file being written from one call's two directions."""

    def __init__(self, path: Path, recorder: Recorder, file: Recording) -> None:
        self.path = path
        self._recorder = recorder
        self._file = file
        # Files begun together are not all sent at the same tick.
        self._frames = file.number * _STRIDE % FLUSH_FRAMES

    @property
    def duration_s(self) -> float:
        return self._recorder.recorded_s

    def on_frames(self, from_call: PCM16 | None, to_call: PCM16 | None) -> None:
        self._recorder.observe(from_call, to_call)
        self._frames += 1
        if self._frames == FLUSH_FRAMES:
            self._frames = 0
            self._file.write(self._recorder.drain())

    def finish(self) -> None:
        self._file.write(self._recorder.drain())
        self._file.finish()

    async def close(self) -> None:
        await self._file.close()


class Recordings:
    """The recordings of one session."""

    def __init__(self, hub: Hub, graph: Graph, files: FileProcess, plan: RecordingPlan) -> None:
        self._hub = hub
        self._graph = graph
        self._files = files
        self._plan = plan
        self._asked: dict[int, RecordCall] = {}
        self._running: dict[int, list[_CallRecorder]] = {}
        self._for_scenario: dict[int, tuple[_CallRecorder, str]] = {}
        self._finished: list[_CallRecorder] = []
        self._unclaimed: set[int] = set()
        self._run_paths: list[Path] = []
        self.failures: list[VoxrtError] = []

    @property
    def paths(self) -> list[Path]:
        """Every file of the session, in the order they were begun."""
        return [recorder.path for recorder in self._finished] + [
            recorder.path for recorders in self._running.values() for recorder in recorders
        ]

    def start(self, call: CallUnit, command: RecordCall) -> None:
        """`call:record()`: begins now, or when the call connects; harmless on a call that has ended."""
        if call.handle in self._unclaimed and self._continue(call, command):
            return
        if call.has_ended or call.handle in self._asked:
            self._hub.note("info", f"record(): {call.label} has ended or is being recorded already.")
            return
        self._asked[call.handle] = command
        if call.source is not None:
            self._begin_asked(call, command)

    def on_call_connected(self, call: CallUnit) -> None:
        """Starts what waited for the call's media."""
        if self._plan.run_file is not None:
            path = self._plan.run_file
            if self._run_paths:
                path = path.with_name(f"{path.stem}-{len(self._run_paths) + 1}{path.suffix}")
            self._run_paths.append(path)
            self._begin(call, path, is_stereo=True)
        if call.handle in self._asked:
            self._begin_asked(call, self._asked[call.handle])

    def on_call_ended(self, call: CallUnit) -> None:
        """Ends the call's recordings; `RecordStopped` follows `Disconnected`."""
        for recorder in self._running.pop(call.handle, []):
            self._finish(recorder)
        if call.handle in self._for_scenario:
            recorder, url = self._for_scenario.pop(call.handle)
            payload = {"url": url, "cost": "0", "duration": recorder.duration_s}
            self._hub.post(Event(Rank.CALL, call.handle, "Call.RecordStopped", payload))

    def hand_over(self) -> None:
        """New code has come, and has asked for none of the recordings yet."""
        self._unclaimed = set(self._asked)

    def end_unclaimed(self) -> None:
        """Ends the recordings that new code has not asked for again."""
        for handle in self._unclaimed:
            self._end_asked(handle)
        self._unclaimed.clear()

    async def close(self) -> None:
        """Returns when every file is whole; all calls have ended."""
        for recorder in self._finished:
            await recorder.close()

    def _continue(self, call: CallUnit, command: RecordCall) -> bool:
        """New code records the call as the code before did, or ends that recording to begin another."""
        self._unclaimed.discard(call.handle)
        asked = self._asked[call.handle]
        if (asked.stereo, asked.hd_audio) != (command.stereo, command.hd_audio):
            self._end_asked(call.handle)
            return False
        if call.handle in self._for_scenario:
            url = self._for_scenario[call.handle][1]
            self._hub.post(Event(Rank.CALL, call.handle, "Call.RecordStarted", {"url": url}))
        return True

    def _end_asked(self, handle: int) -> None:
        del self._asked[handle]
        if handle in self._for_scenario:
            recorder, _url = self._for_scenario.pop(handle)
            self._running[handle].remove(recorder)
            self._finish(recorder)

    def _finish(self, recorder: _CallRecorder) -> None:
        self._graph.unwatch(recorder.on_frames)
        recorder.finish()
        self._finished.append(recorder)

    def _begin_asked(self, call: CallUnit, command: RecordCall) -> None:
        # The scenario sees a name, never a path of the host.
        url = f"recordings/{command.name}.wav"
        self._files.make_folder(self._plan.folder)
        recorder = self._begin(call, self._plan.folder / f"{command.name}.wav", is_stereo=command.stereo)
        self._for_scenario[call.handle] = (recorder, url)
        self._hub.post(Event(Rank.CALL, call.handle, "Call.RecordStarted", {"url": url}))

    def _begin(self, call: CallUnit, path: Path, *, is_stereo: bool) -> _CallRecorder:
        assert call.leg is not None
        file = self._files.open_recording(
            path, call.leg.rate, 2 if is_stereo else 1, on_error=partial(self._on_error, path)
        )
        recorder = _CallRecorder(path, Recorder(call.leg.rate, is_stereo=is_stereo), file)
        self._graph.watch(call.leg, call.leg, recorder.on_frames)
        self._running.setdefault(call.handle, []).append(recorder)
        return recorder

    def _on_error(self, path: Path, code: str, message: str) -> None:
        """A file cannot go on; the call does. That the operator's own file is not whole fails the run in the end."""
        self._hub.note("error", f"Recording {path}: {message} [{code}]")
        for handle, (recorder, url) in list(self._for_scenario.items()):
            if recorder.path == path:
                self._end_asked(handle)
                self._hub.post(Event(Rank.CALL, handle, "Call.RecordError", {"url": url, "error": message}))
        if path in self._run_paths:
            self.failures.append(ConfigError(code, message, file=str(path)))
