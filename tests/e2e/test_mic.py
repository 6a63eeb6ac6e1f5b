"""The microphone leg against a real sound server: a dialogue, a loudspeaker it hears, devices that vanish or never were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest

from e2e.pulse import EAR_RATE, RATE, Person, Pulse, missing_packages, pulse_server
from voxrt_command import Finished, RunVoxrt, StartVoxrt, check_output
from voxruntime.audio import tonewords
from voxruntime.audio.pcm import PCM16

GREETING = "Hello! I am the emulated agent. Ask me what I can do, or say goodbye."
NO_PULSE = f"needs the Debian packages {missing_packages()}"


def new_pulse() -> AbstractContextManager[Pulse]:
    missing = missing_packages()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(NO_PULSE)
    if missing:
        pytest.skip(NO_PULSE)
    return pulse_server()


@pytest.fixture(scope="module")
def pulse() -> Iterator[Pulse]:
    """One server for most tests: its sinks take 1.5 s to find their rhythm."""
    with new_pulse() as server:
        yield server


@pytest.fixture
def person(pulse: Pulse) -> Iterator[Person]:
    with closing(Person(pulse)) as someone:
        yield someone


@pytest.fixture
def no_portaudio(tmp_path: Path) -> dict[str, str]:
    """An environment in which importing sounddevice fails as it does without the library."""
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n')
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}


@pytest.fixture
def no_devices(tmp_path: Path) -> dict[str, str]:
    """An environment in which PortAudio loads and finds nothing, whatever the machine has."""
    (tmp_path / "asound.conf").write_text("pcm.default { type hw card 31 }\n")
    return {"ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"), "PULSE_SERVER": "unix:/nonexistent"}


def finish(process: subprocess.Popen[str]) -> Finished:
    stdout, stderr = process.communicate(timeout=30)
    check_output(stdout + stderr)
    return Finished(process.returncode, stdout, stderr, Path(), [])


def events_of(done: Finished) -> dict[str, int]:
    """How often each realtime event came in the run's only realtime session."""
    (client,) = done.report["realtime"]  # type: ignore[misc]
    events: dict[str, int] = client["events"]  # type: ignore[index]
    return events


def channels(path: Path) -> tuple[int, PCM16, PCM16]:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
        return file.getframerate(), samples[:, 0], samples[:, 1]


def say_until_answered(person: Person, words: str, answer: str) -> None:
    """Says something, again if it is not understood, as people do."""
    for _ in range(3):
        person.say(tonewords.encode(words, RATE))
        if tonewords.decode(person.hear_turn(), EAR_RATE) == answer:
            return
    raise AssertionError(f"{words!r} was never answered with {answer!r}")


def test_a_person_at_the_microphone_is_greeted_understood_and_answered(
    pulse: Pulse, person: Person, start_voxrt: StartVoxrt, tmp_path: Path
) -> None:
    process = start_voxrt(
        "run", "hello", "--no-speech", "--call", "mic", "--record", "out.wav", "--json", "--verbose", "--max-duration", "20",
        env=pulse.env,
    )  # fmt: skip
    greeting = tonewords.decode(person.hear_turn(), EAR_RATE) or ""
    say_until_answered(person, "hello", "Hello again!")
    say_until_answered(person, "goodbye", "Goodbye!")
    done = finish(process)

    # A busy machine may swallow a word.
    assert len(set(greeting.split()) & set(GREETING.split())) >= 8
    assert done.exit_code == 0
    assert events_of(done)["InputAudioBufferSpeechStarted"] >= 2
    (call,) = done.report["calls"]  # type: ignore[misc]
    assert (call["state"], call["code"]) == ("TERMINATED", 200)  # type: ignore[index]
    rate, caller, agent = channels(tmp_path / "out.wav")
    assert set(str(tonewords.decode(caller, rate)).split()) == {"hello", "goodbye"}
    assert str(tonewords.decode(agent, rate)).endswith("Hello again! Goodbye!")
    assert "shut while the agent speaks" in done.stderr


@pytest.mark.parametrize(
    ("option", "interrupts"), [([], False), (["--headphones"], True)], ids=["half-duplex", "headphones"]
)
def test_a_loudspeaker_interrupts_the_agent_only_where_there_should_be_headphones(
    pulse: Pulse, run_voxrt: RunVoxrt, option: list[str], interrupts: bool
) -> None:
    with pulse.loop_back("-20dB"):
        done = run_voxrt(
            "run",
            "hello",
            "--no-speech",
            "--call",
            "mic",
            "--json",
            "--max-duration",
            "3.5",
            *option,
            env=pulse.env,
        )
    events = events_of(done)
    # The greeting was made, and played into the microphone.
    assert events["ResponseOutputAudioDone"] >= 1
    assert ("InputAudioBufferSpeechStarted" in events) is interrupts


def test_a_device_that_vanishes_ends_the_call_and_says_so(start_voxrt: StartVoxrt) -> None:
    with new_pulse() as pulse, closing(Person(pulse)) as person:
        process = start_voxrt("run", "hello", "--no-speech", "--call", "mic", "--json", env=pulse.env)
        person.hear_sound()
        pulse.kill()
        done = finish(process)
    (call,) = done.report["calls"]  # type: ignore[misc]
    assert call["state"] == "TERMINATED"  # type: ignore[index]
    assert "is gone: it was unplugged" in call["reason"]  # type: ignore[index]
    assert "[mic.lost]" in done.stderr
    assert done.exit_code == 2


def test_an_unknown_device_is_refused_with_those_there_are(pulse: Pulse, run_voxrt: RunVoxrt) -> None:
    done = run_voxrt("run", "hello", "--output-device", "Nowhere", exit_code=2, env=pulse.env)
    assert "--output-device Nowhere: fits none of the output devices. There are: " in done.stderr
    assert "default (ALSA)" in done.stderr


def test_devices_lists_both_ways_with_their_rates(pulse: Pulse, run_voxrt: RunVoxrt) -> None:
    listed = json.loads(run_voxrt("devices", "--json", env=pulse.env).stdout)
    for way in ("inputs", "outputs"):
        default = next(device for device in listed[way] if device["is_default"])
        assert (default["name"], default["host_api"]) == ("default", "ALSA")
        assert 48000 in default["rates"]
    table = run_voxrt("devices", env=pulse.env)
    assert "Microphones:" in table.stdout
    assert "default" in table.stdout
    assert table.stderr == ""


@pytest.mark.parametrize("command", [["devices"], ["run", "hello", "--call", "mic"]], ids=["devices", "run"])
def test_without_portaudio_the_package_is_named(
    no_portaudio: dict[str, str], run_voxrt: RunVoxrt, command: list[str]
) -> None:
    done = run_voxrt(*command, exit_code=2, env=no_portaudio)
    assert "apt install libportaudio2" in done.stderr
    assert "[mic.no_portaudio]" in done.stderr


@pytest.mark.skipif(not find_library("portaudio"), reason="needs the Debian package libportaudio2")
def test_without_a_device_files_are_offered(no_devices: dict[str, str], run_voxrt: RunVoxrt) -> None:
    done = run_voxrt("run", "hello", "--call", "mic", exit_code=2, env=no_devices)
    assert "There is no microphone on this machine." in done.stderr
    assert "--call script:FILE.toml" in done.stderr
    assert "Microphones: none" in run_voxrt("devices", env=no_devices).stdout


def looked_for_a_microphone(env: Mapping[str, str]) -> tuple[str, str]:
    """What a look for devices finds, and what it prints on the terminal meanwhile."""
    done = subprocess.run(
        [sys.executable, "-c", "from voxruntime.legs.mic import is_available; print(is_available())"],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip(), done.stderr


def test_whether_a_person_can_call_is_found_out_in_silence(
    pulse: Pulse, no_devices: dict[str, str], no_portaudio: dict[str, str]
) -> None:
    assert looked_for_a_microphone(pulse.env) == ("True", "")
    assert looked_for_a_microphone(no_devices) == ("False", "")
    assert looked_for_a_microphone(no_portaudio) == ("False", "")
