"""The io process as the engine uses it: a real process, in virtual time where nothing asks for real time."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from voxruntime.audio.tones import sine
from voxruntime.clock import Clock
from voxruntime.errors import ConfigError, MediaError, RemoteError
from voxruntime.files.client import FileProcess
from voxruntime.files.wav import HEADER_BYTES, parse_wav, wav_header
from voxruntime.testing import virtual_loop

Runner = Callable[[Coroutine[object, object, None]], None]


@pytest.fixture(params=[virtual_loop.run, asyncio.run], ids=["virtual", "real"])
def run(request: pytest.FixtureRequest) -> Runner:
    runner: Runner = request.param
    return runner


@asynccontextmanager
async def io_process() -> AsyncIterator[FileProcess]:
    files = FileProcess(Clock(asyncio.get_running_loop()))
    await files.start()
    try:
        yield files
    finally:
        await files.close()


class Errors:
    """Keeps what growing files report."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.told = asyncio.Event()

    def __call__(self, code: str, _message: str) -> None:
        self.codes.append(code)
        self.told.set()


def write_wav(path: Path, rate: int, seconds: float) -> None:
    octets = sine(440.0, seconds, rate).tobytes()
    path.write_bytes(wav_header(rate, 1, len(octets)) + octets)


def test_sound_is_loaded_at_its_own_rate_and_at_another(tmp_path: Path, run: Runner) -> None:
    write_wav(tmp_path / "a.wav", 24000, 1.0)

    async def main() -> None:
        async with io_process() as files:
            own = await files.load_audio(tmp_path / "a.wav")
            other = await files.load_audio(str(tmp_path / "a.wav"), rate=8000)
            assert (own.rate, len(own.pcm)) == (24000, 24000)
            assert np.array_equal(own.pcm, sine(440.0, 1.0, 24000))
            assert (other.rate, len(other.pcm)) == (8000, 8000)

    run(main())


def test_sound_is_converted_in_the_other_process(run: Runner) -> None:
    tone = sine(440.0, 1.0, 22050)

    async def main() -> None:
        async with io_process() as files:
            assert len(await files.convert(tone, 22050, 8000)) == 8000
            assert await files.convert(tone, 8000, 8000) is tone

    run(main())


def test_text_is_read(tmp_path: Path, run: Runner) -> None:
    (tmp_path / "s.lua").write_text("print('привет')", encoding="utf-8")

    async def main() -> None:
        async with io_process() as files:
            assert await files.read_text(tmp_path / "s.lua") == "print('привет')"

    run(main())


def test_hosts_are_resolved_or_a_remote_error_names_them(run: Runner) -> None:
    async def main() -> None:
        async with io_process() as files:
            assert (2, "127.0.0.1") in await files.resolve("127.0.0.1", 80)
            with pytest.raises(RemoteError, match="not a host name"):
                await files.resolve("x" * 100, 80)

    run(main())


def test_errors_name_the_file(tmp_path: Path, run: Runner) -> None:
    async def main() -> None:
        async with io_process() as files:
            for ask in (files.load_audio, files.read_text):
                await assert_refused(ask(tmp_path / "none"), ".not_found", str(tmp_path / "none"))
            await assert_refused(files.load_audio(tmp_path / "two\0parts"), "file.name", "two")

    run(main())


async def assert_refused(asked: Awaitable[object], code: str, shown: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await asked
    assert caught.value.code.endswith(code)
    assert shown in str(caught.value)


def test_jobs_run_side_by_side(tmp_path: Path, run: Runner) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text(str(number))

    async def main() -> None:
        async with io_process() as files:
            texts = await asyncio.gather(
                *(files.read_text(tmp_path / f"{number}.txt") for number in range(20))
            )
            assert texts == [str(number) for number in range(20)]

    run(main())


def test_too_many_jobs_at_once_are_refused(tmp_path: Path, run: Runner) -> None:
    (tmp_path / "a.txt").write_text("a")

    async def main() -> None:
        async with io_process() as files:
            answers = await asyncio.gather(
                *(files.read_text(tmp_path / "a.txt") for _ in range(300)), return_exceptions=True
            )
            refused = [answer for answer in answers if isinstance(answer, MediaError)]
            assert len(refused) == 44
            assert {error.code for error in refused} == {"file.busy"}

    run(main())


def test_a_job_that_nobody_awaits_any_more_does_no_harm(tmp_path: Path, run: Runner) -> None:
    (tmp_path / "a.txt").write_text("a")

    async def main() -> None:
        async with io_process() as files:
            asked = asyncio.ensure_future(files.read_text(tmp_path / "a.txt"))
            asyncio.get_running_loop().call_soon(asked.cancel)
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert await files.read_text(tmp_path / "a.txt") == "a"

    run(main())


def test_no_virtual_time_passes_while_a_job_is_under_way(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")

    async def main() -> None:
        clock = Clock(asyncio.get_running_loop())
        files = FileProcess(clock)
        await files.start()
        fired: list[float] = []
        clock.call_later(1.0, lambda: fired.append(clock.now()))
        await files.read_text(tmp_path / "a.txt")
        recording = files.open_recording(tmp_path / "r.wav", 8000, 1, Errors())
        await recording.ready()
        for _ in range(3000):
            recording.write(bytes(320))
        await recording.close()
        await files.close()
        assert clock.now() == 0.0
        assert fired == []

    virtual_loop.run(main())


def test_a_recording_has_all_that_was_written(tmp_path: Path, run: Runner) -> None:
    tone = sine(440.0, 3.0, 8000)

    async def main() -> None:
        async with io_process() as files:
            errors = Errors()
            recording = files.open_recording(tmp_path / "r.wav", 8000, 1, errors)
            for start in range(0, len(tone), 160):
                recording.write(tone[start : start + 160].tobytes())
            assert await recording.close() == 3.0
            assert recording.path == str(tmp_path / "r.wav")
            assert errors.codes == []

    run(main())
    assert (tmp_path / "r.wav").read_bytes() == wav_header(8000, 1, 48000) + tone.tobytes()


def test_lines_and_recordings_left_open_are_finished_by_close(tmp_path: Path, run: Runner) -> None:
    async def main() -> None:
        errors = Errors()
        async with io_process() as files:
            files.open_recording(tmp_path / "r.wav", 8000, 2, errors).write(bytes(640))
            lines = files.open_lines(tmp_path / "log.jsonl", errors)
            await lines.ready()
            lines.write("one")
            lines.write("two")
        assert errors.codes == []

    run(main())
    assert parse_wav((tmp_path / "r.wav").read_bytes()).moments == 160
    assert (tmp_path / "log.jsonl").read_text() == "one\ntwo\n"


def test_closing_lines_waits_until_they_are_in_the_file(tmp_path: Path, run: Runner) -> None:
    async def main() -> None:
        async with io_process() as files:
            lines = files.open_lines(tmp_path / "log.jsonl", Errors())
            lines.write("one")
            await lines.close()
            assert (tmp_path / "log.jsonl").read_text() == "one\n"

    run(main())


def test_a_file_that_cannot_be_made_is_told_to_both(tmp_path: Path, run: Runner) -> None:
    async def main() -> None:
        async with io_process() as files:
            errors = Errors()
            recording = files.open_recording(tmp_path / "none" / "r.wav", 8000, 1, errors)
            with pytest.raises(ConfigError, match="no folder"):
                await recording.ready()
            assert errors.codes == ["record.no_folder"]
            assert await recording.close() == 0.0
            with pytest.raises(ConfigError):
                files.open_lines("a\0b", errors)

    run(main())


def test_a_folder_is_made_before_the_file_in_it(tmp_path: Path, run: Runner) -> None:
    async def main() -> None:
        async with io_process() as files:
            for _ in range(2):
                files.make_folder(tmp_path / "a" / "b")
            await files.open_lines(tmp_path / "a" / "b" / "log.jsonl", Errors()).ready()

    run(main())
    assert (tmp_path / "a" / "b" / "log.jsonl").exists()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")
def test_a_disk_that_fills_up_ends_one_recording_and_nothing_else(tmp_path: Path, run: Runner) -> None:
    async def main() -> None:
        async with io_process() as files:
            errors = Errors()
            recording = files.open_recording(tmp_path / "r.wav", 8000, 1, errors)
            await recording.ready()
            assert files.pid is not None
            resource.prlimit(files.pid, resource.RLIMIT_FSIZE, (HEADER_BYTES + 16000, resource.RLIM_INFINITY))
            for _ in range(200):
                recording.write(bytes(320))
            assert await recording.close() == 1.0
            assert errors.codes == ["record.no_space"]
            (tmp_path / "a.txt").write_text("still here")
            assert await files.read_text(tmp_path / "a.txt") == "still here"

    run(main())
    assert parse_wav((tmp_path / "r.wav").read_bytes()).moments == 8000


def test_a_killed_process_fails_what_was_under_way_and_a_new_one_takes_over(
    tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "a.txt").write_text("a")

    async def main() -> None:
        async with io_process() as files:
            errors = Errors()
            recording = files.open_recording(tmp_path / "r.wav", 8000, 1, errors)
            await recording.ready()
            recording.write(bytes(16000))
            first = files.pid
            assert first is not None
            os.kill(first, signal.SIGSTOP)
            asked = asyncio.ensure_future(files.read_text(tmp_path / "a.txt"))
            asyncio.get_running_loop().call_soon(os.kill, first, signal.SIGKILL)
            with pytest.raises(MediaError, match="ended unexpectedly"):
                await asked
            assert errors.codes == ["record.process_ended"]

            later = files.open_lines(tmp_path / "log.jsonl", errors)
            assert await files.read_text(tmp_path / "a.txt") == "a"
            later.write("one")
            await later.close()
            assert files.pid not in {None, first}
            assert errors.codes == ["record.process_ended"]

    run(main())
    assert (tmp_path / "log.jsonl").read_text() == "one\n"


def test_a_killed_process_leaves_recordings_valid_and_half_a_second_behind_at_most(tmp_path: Path) -> None:
    path = tmp_path / "r.wav"

    async def main() -> None:
        async with io_process() as files:
            errors = Errors()
            recording = files.open_recording(path, 8000, 1, errors)
            for _ in range(109):
                recording.write(bytes(320))
            # The lines come after the sound on the same line to the process.
            lines = files.open_lines(tmp_path / "mark", errors)
            await lines.ready()
            assert files.pid is not None
            os.kill(files.pid, signal.SIGKILL)
            await errors.told.wait()

    asyncio.run(main())
    assert 109 * 0.02 - 0.5 <= parse_wav(path.read_bytes()).duration_s <= 109 * 0.02


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_the_engines_death_leaves_files_whole_and_no_process_behind(tmp_path: Path) -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", DOOMED_ENGINE, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert engine.stdout is not None
    pid = int(engine.stdout.readline())
    engine.kill()
    engine.wait()
    engine.stdout.close()

    while is_alive(pid):
        os.sched_yield()

    assert parse_wav((tmp_path / "r.wav").read_bytes()).duration_s == 2.0


DOOMED_ENGINE = """
import asyncio, sys
from voxruntime.clock import Clock
from voxruntime.files.client import FileProcess

async def main():
    files = FileProcess(Clock(asyncio.get_running_loop()))
    await files.start()
    recording = files.open_recording(sys.argv[1] + "/r.wav", 8000, 1, print)
    for _ in range(100):
        recording.write(bytes(320))
    await recording.ready()
    print(files.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def is_alive(pid: int) -> bool:
    """Whether a process that is no child of ours runs; whoever adopts it may not have reaped it yet."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_the_process_ends_with_the_client_and_leaves_none_behind(run: Runner) -> None:
    async def main() -> None:
        files = FileProcess(Clock(asyncio.get_running_loop()))
        await files.start()
        pid = files.pid
        assert pid is not None
        await files.close()
        await files.close()
        assert files.pid is None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    run(main())


def test_jobs_before_start_and_after_close_are_refused(tmp_path: Path, run: Runner) -> None:
    async def main() -> None:
        files = FileProcess(Clock(asyncio.get_running_loop()))
        await files.close()
        with pytest.raises(MediaError, match="not running"):
            await files.read_text(tmp_path / "a.txt")
        async with io_process() as closed:
            pass
        with pytest.raises(MediaError, match="not running"):
            await closed.resolve("localhost", 80)
        errors = Errors()
        recording = closed.open_recording(tmp_path / "r.wav", 8000, 1, errors)
        assert errors.codes == []
        with pytest.raises(ConfigError, match="not running"):
            await recording.ready()
        assert errors.codes == ["record.process_ended"]

    run(main())


def test_a_process_that_never_comes_up_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")

    async def main() -> None:
        async with io_process() as files:
            for _ in range(3):
                with pytest.raises(MediaError):
                    await files.read_text(tmp_path / "a.txt")
            with pytest.raises(MediaError, match="3 times while it started"):
                await files.read_text(tmp_path / "a.txt")

    asyncio.run(main())


def test_a_process_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")

    async def main() -> None:
        with pytest.raises(ConfigError, match="cannot be started: No such file"):
            async with io_process():
                pass

    asyncio.run(main())


def test_a_process_that_cannot_be_replaced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with io_process() as files:
            monkeypatch.setattr("sys.executable", "/no/such/python")
            assert files.pid is not None
            os.kill(files.pid, signal.SIGKILL)
            for _ in range(2):
                with pytest.raises(MediaError):
                    await files.read_text(tmp_path / "a.txt")

    asyncio.run(main())


def test_interrupts_of_the_terminal_do_not_end_the_process(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")

    async def main() -> None:
        async with io_process() as files:
            await files.read_text(tmp_path / "a.txt")
            assert files.pid is not None
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(files.pid, number)
            assert os.getpgid(files.pid) != os.getpgid(0)
            assert await files.read_text(tmp_path / "a.txt") == "a"

    asyncio.run(main())


def test_a_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ImpatientClock(asyncio.get_running_loop())
        files = FileProcess(clock)
        await files.start()
        (tmp_path / "a.txt").write_text("a")
        await files.read_text(tmp_path / "a.txt")
        assert files.pid is not None
        os.kill(files.pid, signal.SIGSTOP)
        await files.close()

    asyncio.run(main())


class ImpatientClock(Clock):
    """Watchdogs bark at once."""

    def watchdog(self, timeout: float, callback: Callable[[], None]) -> asyncio.Handle:
        return super().watchdog(timeout / 100, callback)
