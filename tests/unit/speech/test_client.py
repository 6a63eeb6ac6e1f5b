"""Contract of speech/client.py: real processes, in virtual time and in real time."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest

from speech_extra import clip, silence, speech_extra
from voxruntime.clock import Clock
from voxruntime.errors import ConfigError
from voxruntime.speech.client import SpeechProcess
from voxruntime.speech.interface import Heard, SpeechUnavailable
from voxruntime.speech.messages import Role
from voxruntime.testing import virtual_loop

__all__ = ["speech_extra"]

pytestmark = pytest.mark.usefixtures("speech_extra")

Runner = Callable[[Coroutine[object, object, None]], None]
PHRASES = ["hello", "goodbye"]


@pytest.fixture(params=[virtual_loop.run, asyncio.run], ids=["virtual", "real"])
def run(request: pytest.FixtureRequest) -> Runner:
    runner: Runner = request.param
    return runner


@asynccontextmanager
async def speech() -> AsyncIterator[SpeechProcess]:
    engines = SpeechProcess(Clock(asyncio.get_running_loop()))
    await engines.start()
    try:
        await engines.ready()
        yield engines
    finally:
        await engines.close()


def end(engines: SpeechProcess, role: Role, number: signal.Signals = signal.SIGKILL) -> None:
    pid = engines.pids[role]
    assert pid is not None
    os.kill(pid, number)


async def comes_true(condition: Callable[[], bool]) -> None:
    """Returns when another process has been noticed; fails after 20 s."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # nothing tells when a process is replaced
            await asyncio.sleep(0)  # noqa: TID251  # yields, takes no time


async def hear(engines: SpeechProcess, name: str = "en-hello") -> Heard:
    pcm, rate = clip(name)
    return await engines.recognizer.recognize(pcm, rate, phrases=PHRASES, language="en-US")


async def say(engines: SpeechProcess, text: str = "Hello.") -> float:
    spoken = engines.synthesizer.synthesize(text, language="en-US", voice="")
    return sum([len(chunk) async for chunk in spoken]) / engines.synthesizer.rate


def test_it_hears_speaks_and_detects(run: Runner) -> None:
    async def main() -> None:
        async with speech() as engines:
            detector = engines.voice_detector()
            pcm, rate = clip("en-hello")
            heard, seconds, values, quiet = await asyncio.gather(
                hear(engines),
                say(engines),
                detector.detect(pcm, rate),
                engines.voice_detector().detect(silence(1, rate), rate),
            )
            assert (heard.text, heard.is_match) == ("hello", True)
            assert 0.3 < seconds < 2.0
            assert max(values) > 0.9
            assert max(quiet) < 0.5
            detector.close()

    run(main())


def test_virtual_time_stands_still_while_a_job_is_under_way() -> None:
    async def main() -> None:
        async with speech() as engines:
            clock = Clock(asyncio.get_running_loop())
            await asyncio.gather(hear(engines), say(engines))
            assert clock.now() == 0.0
            assert clock.work.running == 0

    virtual_loop.run(main())


def test_a_long_text_comes_piece_by_piece_as_it_is_wanted(run: Runner) -> None:
    async def main() -> None:
        async with speech() as engines:
            text = "This sentence takes a while to be said. " * 200
            spoken = engines.synthesizer.synthesize(text, language="en-US", voice="")
            first = await anext(spoken)
            assert len(first) < engines.synthesizer.rate
            await spoken.aclose()
            assert await say(engines) > 0.3

    run(main())


@pytest.mark.parametrize("role", Role)
def test_what_a_dying_process_was_asked_fails_and_the_next_request_works(run: Runner, role: Role) -> None:
    async def main() -> None:
        async with speech() as engines:
            told: list[str] = []
            engines.on_restart = told.append
            request: Callable[[], Coroutine[object, object, object]]
            request = (lambda: say(engines)) if role is Role.VOICE else (lambda: hear(engines))
            await request()
            end(engines, role, signal.SIGSTOP)
            pending = asyncio.ensure_future(request())
            await asyncio.sleep(0)  # noqa: TID251  # yields, takes no time
            end(engines, role)
            with pytest.raises(SpeechUnavailable, match=f"{role} ended unexpectedly"):
                await pending
            assert await request()
            assert told == [f"The speech process for {role} ended; a new one takes over."]

    run(main())


def test_detectors_go_by_loudness_until_the_process_is_back(run: Runner) -> None:
    async def main() -> None:
        async with speech() as engines:
            detector = engines.voice_detector()
            tone = (np.sin(np.arange(16000) * 0.3) * 8000).astype(np.int16)
            assert max(await detector.detect(tone, 16000)) < 0.5
            end(engines, Role.VOICE, signal.SIGSTOP)
            pending = asyncio.ensure_future(detector.detect(tone, 16000))
            await asyncio.sleep(0)  # noqa: TID251  # yields, takes no time
            end(engines, Role.VOICE)
            assert set(await pending) == {1.0}
            assert set(await detector.detect(tone, 16000)) == {1.0}
            await say(engines)
            assert max(await detector.detect(tone, 16000)) < 0.5

    run(main())


def test_a_process_that_never_starts_is_given_up_after_three_times() -> None:
    async def main() -> None:
        engines = SpeechProcess(Clock(asyncio.get_running_loop()))
        await engines.start()
        ready = asyncio.ensure_future(engines.ready())
        killed: set[int] = set()
        while not ready.done():
            pid = engines.pids[Role.VOICE]
            if pid is not None and pid not in killed:
                killed.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0)  # noqa: TID251  # yields, takes no time
        with pytest.raises(ConfigError, match="3 times"):
            await ready
        assert len(killed) == 3
        with pytest.raises(SpeechUnavailable, match="3 times"):
            await say(engines)
        with pytest.raises(SpeechUnavailable, match="3 times"):
            await engines.voice_detector().detect(silence(1, 8000), 8000)
        assert (await hear(engines)).is_match
        await engines.close()

    asyncio.run(main())


def test_nothing_is_asked_of_a_closed_process(run: Runner) -> None:
    async def main() -> None:
        async with speech() as engines:
            await engines.close()
        await engines.close()
        detector = engines.voice_detector()
        for request in (say(engines), hear(engines), detector.detect(silence(1, 8000), 8000)):
            with pytest.raises(SpeechUnavailable, match="not running"):
                await request
        detector.close()
        assert engines.pids == {Role.VOICE: None, Role.RECOGNITION: None}

    run(main())


def test_a_process_that_hangs_is_killed_at_the_end() -> None:
    async def main() -> None:
        async with speech() as engines:
            pids = [pid for pid in engines.pids.values() if pid is not None]
            for role in Role:
                end(engines, role, signal.SIGSTOP)
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    virtual_loop.run(main())


def test_a_job_that_nobody_awaits_any_more_holds_no_token() -> None:
    async def main() -> None:
        async with speech() as engines:
            await hear(engines)
            end(engines, Role.RECOGNITION, signal.SIGSTOP)
            pending = asyncio.ensure_future(hear(engines))
            await asyncio.sleep(0)  # noqa: TID251  # yields, takes no time
            work = Clock(asyncio.get_running_loop()).work
            assert work.running >= 1
            pending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await pending
            await comes_true(lambda: work.running == 0)
            end(engines, Role.RECOGNITION, signal.SIGCONT)
            assert (await hear(engines, "en-goodbye")).text == "goodbye"

    virtual_loop.run(main())


def test_a_system_that_refuses_a_process_is_told() -> None:
    async def main() -> None:
        engines = SpeechProcess(Clock(asyncio.get_running_loop()))
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            with pytest.raises(ConfigError, match="limits of the system"):
                await engines.start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    asyncio.run(main())
