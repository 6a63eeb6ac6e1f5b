"""The machine's microphones and loudspeakers, as PortAudio lists them; the only place that loads PortAudio.

Loading it asks every sound system of the machine for its devices, 0.1 s or more, so nothing here does before it must.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from types import ModuleType
from typing import TypedDict

import msgspec

from voxruntime.audio.pcm import RATES
from voxruntime.errors import ConfigError
from voxruntime.legs.context import MicOptions

NO_PORTAUDIO = (
    "The PortAudio library, through which microphone and loudspeaker are used, is not installed. "
    "Debian, Ubuntu: apt install libportaudio2. Fedora: dnf install portaudio. macOS: brew install portaudio."
)
FILE_CALLS = "Or let a file call: --call script:FILE.toml or --call wav:FILE.wav."


class Way(Enum):
    """Which way sound goes through a device, as messages and options name it."""

    INPUT = "input"
    OUTPUT = "output"


class Device(msgspec.Struct, frozen=True):
    """One device, one way.

    Attributes:
        index: PortAudio's number of it.
        name: Its name.
        host_api: Sound system it belongs to: ALSA, Core Audio.
        channels: Most channels it has this way.
        is_default: Whether it is what the system gives to who asks for nothing else.
    """

    index: int
    name: str
    host_api: str
    channels: int
    is_default: bool

    def __str__(self) -> str:
        return f"{self.index} {self.name} ({self.host_api})"


class _Listed(TypedDict):
    """What is used of one entry of `sounddevice.query_devices()`."""

    name: str
    hostapi: int
    max_input_channels: int
    max_output_channels: int


def load_portaudio() -> ModuleType:
    """Returns the module `sounddevice`, with PortAudio loaded and its devices listed.

    Raises:
        ConfigError: `mic.no_portaudio` or `mic.portaudio`.
    """
    try:
        import sounddevice  # noqa: PLC0415  # PortAudio starts with this import
    except (ImportError, OSError) as error:
        raise ConfigError("mic.no_portaudio", NO_PORTAUDIO) from error
    except Exception as error:
        # The type of PortAudio's own errors is defined in the module that did not load.
        raise ConfigError("mic.portaudio", f"PortAudio does not start: {error}. {FILE_CALLS}") from error
    _silence_alsa()
    portaudio: ModuleType = sounddevice
    return portaudio


def list_devices(way: Way) -> list[Device]:
    """Returns the devices that sound can go through this way, as they were when PortAudio was loaded.

    Raises:
        ConfigError: PortAudio cannot be used.
    """
    portaudio = load_portaudio()
    listed: Sequence[_Listed] = portaudio.query_devices()
    host_apis = [api["name"] for api in portaudio.query_hostapis()]
    default: int = portaudio.default.device[0 if way is Way.INPUT else 1]
    channels = [
        entry["max_input_channels"] if way is Way.INPUT else entry["max_output_channels"] for entry in listed
    ]
    return [
        Device(index, entry["name"], host_apis[entry["hostapi"]], channels[index], index == default)
        for index, entry in enumerate(listed)
        if channels[index]
    ]


def usable_rates(device: Device, way: Way) -> list[int]:
    """Returns the rates in Hz, of those that ports know, at which a device would open now; none while it is busy."""
    portaudio = load_portaudio()
    check = portaudio.check_input_settings if way is Way.INPUT else portaudio.check_output_settings
    rates = []
    for rate in RATES:
        try:
            check(device.index, channels=min(2, device.channels), dtype="int16", samplerate=rate)
        except portaudio.PortAudioError:
            continue
        rates.append(rate)
    return rates


def find_devices(options: MicOptions) -> tuple[Device, Device]:
    """Chooses microphone and loudspeaker.

    Args:
        options: Which the operator wants.

    Raises:
        ConfigError: PortAudio cannot be used, there is no device, or not exactly one that is meant.
    """
    microphone = choose(list_devices(Way.INPUT), Way.INPUT, options.input_device)
    return microphone, choose(list_devices(Way.OUTPUT), Way.OUTPUT, options.output_device)


def choose(devices: Sequence[Device], way: Way, wanted: str) -> Device:
    """Chooses one device.

    Args:
        devices: Those there are.
        way: What for.
        wanted: Its index, its name, or any part of `name (host API)` that no other has; empty for the default.

    Raises:
        ConfigError: `mic.no_device` or `mic.device`.
    """
    if not devices:
        kind = "microphone" if way is Way.INPUT else "loudspeaker"
        raise ConfigError("mic.no_device", f"There is no {kind} on this machine. Connect one. {FILE_CALLS}")
    if not wanted:
        return next((device for device in devices if device.is_default), devices[0])
    meant = _meant(devices, wanted)
    if len(meant) == 1:
        return meant[0]
    fault = "fits several" if meant else "fits none"
    there = ", ".join(map(str, meant or devices))
    raise ConfigError(
        "mic.device",
        f"--{way.value}-device {wanted}: {fault} of the {way.value} devices. There are: {there}.",
    )


def is_available() -> bool:
    """Returns whether there are a microphone and a loudspeaker to call with; prints nothing.

    Takes a millisecond where PortAudio is missing, else what loading it takes.
    """
    if not _has_library():
        return False
    try:
        find_devices(MicOptions())
    except ConfigError:
        return False
    return True


def _meant(devices: Sequence[Device], wanted: str) -> list[Device]:
    if wanted.isdecimal():
        return [device for device in devices if device.index == int(wanted)]
    exact = [device for device in devices if device.name == wanted]
    part = wanted.casefold()
    return exact or [device for device in devices if part in f"{device.name} ({device.host_api})".casefold()]


def _silence_alsa() -> None:
    """Keeps ALSA from writing into the terminal, a line for every block that came late: breaks are counted."""
    if sys.platform == "linux":
        with suppress(OSError):
            # The handler runs in the device's thread: a C function that ignores what it is given needs no GIL.
            handler = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
            ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(handler)


def _has_library() -> bool:
    """Returns False where it is certain that there is no PortAudio: the full search runs a compiler, 0.1 s."""
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libportaudio.so.2")
    except OSError:
        return False
    return True
