"""A PulseAudio server without a sound card, in a world of its own, and a person who speaks into its microphone and
hears its loudspeaker.

Debian packages: libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils. Two null sinks stand for the devices:
`vspk`, whose monitor is what the loudspeaker plays, and `vmic_in`, whose monitor is the default source.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ctypes.util import find_library
from pathlib import Path

import numpy as np

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import FRAME_S, PCM16, decode, encode, frame_samples

RATE = 48000
"""Hz of the null sinks, and of what is said into them."""

EAR_RATE = 8000
"""Hz of what is heard: a pipe holds 4 s of it, for a test that looks away."""

AUDIBLE_DBFS = -45.0
PAUSE_S = 0.7
"""Silence after which the other side has finished."""

PATIENCE_S = 20.0
"""Real seconds without a sample, or seconds of sound without a word, after which a test gives up."""


def missing_packages() -> str:
    """Returns the Debian packages that the server needs and this machine lacks; empty when it can start."""
    plugin = Path("alsa-lib/libasound_module_pcm_pulse.so")
    present = {
        "libportaudio2": find_library("portaudio") is not None,
        "libasound2-plugins": any((root / plugin).is_file() for root in _library_folders()),
        "pulseaudio": shutil.which("pulseaudio") is not None,
        "pulseaudio-utils": shutil.which("pactl") is not None and shutil.which("pacat") is not None,
    }
    return " ".join(package for package, is_there in present.items() if not is_there)


def _library_folders() -> list[Path]:
    return [
        root for top in ("/usr/lib", "/usr/lib64") for root in (Path(top), *Path(top).glob("*-linux-gnu*"))
    ]


class Pulse:
    """A running server.

    Args:
        folder: Home and runtime folder of the server.
    """

    def __init__(self, folder: Path) -> None:
        runtime = folder / "pulse"
        runtime.mkdir(mode=0o700)
        self.env = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(runtime),
            "PULSE_SERVER": f"unix:{runtime}/native",
        }
        (folder / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
        self._run(
            "pulseaudio", "-n", "--daemonize=yes", "--use-pid-file=yes", "--exit-idle-time=-1", "--disable-shm=yes",
            f"--log-target=file:{folder}/log",
            "-L", f"module-native-protocol-unix socket={runtime}/native",
            "-L", f"module-null-sink sink_name=vspk rate={RATE} channels=1",
            "-L", f"module-null-sink sink_name=vmic_in rate={RATE} channels=1",
        )  # fmt: skip
        self._pid = int((runtime / "pid").read_text())
        self._handle = os.pidfd_open(self._pid)
        self.control("set-default-sink", "vspk")
        self.control("set-default-source", "vmic_in.monitor")
        # A null sink works in blocks as long as its least patient stream wants, 2 s where there is none: a stream
        # with nothing to say is impatient.
        self._impatient = [
            self.start_stream("--playback", f"--device={sink}", 20, RATE) for sink in ("vspk", "vmic_in")
        ]
        for stream in self._impatient:
            write(stream, bytes(RATE))

    def control(self, *command: str) -> str:
        """Gives the server a command; returns its answer."""
        return self._run("pactl", *command).strip()

    @contextmanager
    def loop_back(self, level: str) -> Iterator[None]:
        """Lets the microphone hear the loudspeaker, at a level such as `-20dB`."""
        module = self.control(
            "load-module", "module-loopback", "source=vspk.monitor", "sink=vmic_in", "latency_msec=20"
        )
        self.control("set-sink-volume", "vmic_in", level)
        yield
        self.control("set-sink-volume", "vmic_in", "0dB")
        self.control("unload-module", module)

    def start_stream(self, way: str, device: str, latency_ms: int, rate: int) -> subprocess.Popen[bytes]:
        """Starts a program that carries raw sound between a pipe and a device."""
        form = ["--raw", "--format=s16le", "--channels=1", f"--rate={rate}", f"--latency-msec={latency_ms}"]
        return subprocess.Popen(
            ["pacat", way, device, *form],
            env=os.environ | self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """Ends the server as a crash would, or a device that is pulled out."""
        if self._handle >= 0:
            os.kill(self._pid, signal.SIGKILL)
            select.select([self._handle], [], [], PATIENCE_S)
            os.close(self._handle)
            self._handle = -1

    def close(self) -> None:
        """Ends everything."""
        self.kill()
        for stream in self._impatient:
            end(stream)

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, env=os.environ | self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout


class Person:
    """A mouth at the microphone and an ear at the loudspeaker.

    Args:
        pulse: The server.
    """

    def __init__(self, pulse: Pulse) -> None:
        # A buffer that outlasts a busy machine.
        self._mouth = pulse.start_stream("--playback", "--device=vmic_in", 200, RATE)
        self._ear = pulse.start_stream("--record", "--device=vspk.monitor", 20, EAR_RATE)

    def say(self, pcm: PCM16) -> None:
        """Speaks into the microphone, at RATE; returns when the pipe has taken it."""
        # A stream that wakes up loses or repeats some ms, and one that ends is not played to its end: silence may be.
        write(self._mouth, bytes(RATE) + encode(pcm) + bytes(RATE))

    def hear(self) -> PCM16:
        """Returns the next 20 ms from the loudspeaker, at EAR_RATE."""
        assert self._ear.stdout is not None
        wanted, octets = 2 * frame_samples(EAR_RATE), b""
        while len(octets) < wanted:
            ready, _, _ = select.select([self._ear.stdout], [], [], PATIENCE_S)
            assert ready, "the sound server stands still"
            chunk = os.read(self._ear.stdout.fileno(), wanted - len(octets))
            assert chunk, "the sound server is gone"
            octets += chunk
        return decode(octets)

    def hear_sound(self) -> None:
        """Returns as soon as the loudspeaker plays something."""
        for _ in range(round(PATIENCE_S / FRAME_S)):
            if dbfs(self.hear()) > AUDIBLE_DBFS:
                return
        raise AssertionError("nobody speaks")

    def hear_turn(self) -> PCM16:
        """Returns what the loudspeaker plays until somebody has spoken and finished."""
        frames: list[PCM16] = []
        last_sound = 0
        while not last_sound or (len(frames) - last_sound) * FRAME_S < PAUSE_S:
            frames.append(self.hear())
            if dbfs(frames[-1]) > AUDIBLE_DBFS:
                last_sound = len(frames)
            assert last_sound or len(frames) * FRAME_S < PATIENCE_S, "nobody speaks"
        return np.concatenate(frames)

    def close(self) -> None:
        """Falls silent."""
        end(self._mouth)
        end(self._ear)


def write(stream: subprocess.Popen[bytes], octets: bytes) -> None:
    """Gives sound to a stream."""
    assert stream.stdin is not None
    stream.stdin.write(octets)
    stream.stdin.flush()


def end(stream: subprocess.Popen[bytes]) -> None:
    """Ends a stream."""
    stream.kill()
    stream.communicate()


@contextmanager
def pulse_server() -> Iterator[Pulse]:
    """Starts a server and ends it again. Its folder has a short name: paths of sockets may not be long."""
    with tempfile.TemporaryDirectory(prefix="voxrt-pulse-") as folder, closing(Pulse(Path(folder))) as pulse:
        yield pulse
