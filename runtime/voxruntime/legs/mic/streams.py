"""An open microphone and an open loudspeaker: PortAudio's callbacks at one end, rings of samples at the other.

Each is a stream of its own, for the two are often two devices with two clocks. PortAudio calls back in threads of its
own; a callback copies between its block and a ring, counts, and does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.errors import ConfigError
from voxruntime.legs.mic.devices import FILE_CALLS, Device, Way, load_portaudio
from voxruntime.legs.mic.ring import SampleRing
from voxruntime.platform import request_thread_fifo

RATE = 48000
"""Hz at which devices are opened: what hardware and sound servers do without converting."""

SAMPLES = frame_samples(RATE)
"""Samples of a frame, and of a block that a device asks for or brings."""

LATENCY_S = 0.04
"""Seconds of sound that the device buffers: two callbacks."""

CALLBACK_PRIORITY = 11
"""Just above the engine's loop, which waits for a callback that has begun."""

RING_SAMPLES = RATE
"""1 s."""


class PortAudioStream(Protocol):
    """What is used of `sounddevice.InputStream` and `OutputStream`."""

    @property
    def latency(self) -> float:
        """Seconds between callback and air."""

    def start(self) -> None: ...

    def close(self, ignore_errors: bool = True) -> None: ...


class DeviceStream:
    """Sound between one device and its ring. Order: construct, `attach`, `close`; callbacks come in between.

    Args:
        device: The device.
        way: Which way its sound goes.
    """

    def __init__(self, device: Device, way: Way) -> None:
        self.device = device
        self.way = way
        self.ring = SampleRing(RING_SAMPLES)
        self.moved = 0
        """Samples that the device has brought or taken."""
        self.breaks = 0
        """Blocks before which the device lost sound or ran out of it, by its own account."""
        self.has_ended = False
        """Whether the device will not call back any more."""
        self._stream: PortAudioStream | None = None

    @property
    def latency_s(self) -> float:
        """Seconds of sound in the device's own buffers; 0.0 before `attach`."""
        return self._stream.latency if self._stream is not None else 0.0

    def attach(self, stream: PortAudioStream) -> None:
        """Starts the PortAudio stream that calls this object back."""
        self._stream = stream
        stream.start()

    def close(self) -> None:
        """Closes the device. Blocks for a moment, and for half a minute when a sound server is frozen."""
        if self._stream is not None:
            self._stream.close()

    def on_captured(self, block: PCM16, samples: int, _time: object, status: object) -> None:
        """Takes a block of shape (samples, channels) from a microphone: its first channel."""
        self.ring.write(block[:, 0])
        self._count(samples, status)

    def on_needed(self, block: PCM16, samples: int, _time: object, status: object) -> None:
        """Fills a block of shape (samples, channels) for a loudspeaker, with silence where nothing waits."""
        filled = self.ring.read_into(block[:, 0])
        block[filled:, 0] = 0
        block[:, 1:] = block[:, :1]
        self._count(samples, status)

    def on_end(self) -> None:
        """The device is gone, or was closed."""
        self.has_ended = True

    def _count(self, samples: int, status: object) -> None:
        if self.moved == 0:
            # Its thread, from the first block on: else a busy machine leaves a gap in every sentence.
            request_thread_fifo(CALLBACK_PRIORITY)
        self.moved += samples
        self.breaks += bool(status)


def open_streams(microphone: Device, loudspeaker: Device) -> tuple[DeviceStream, DeviceStream]:
    """Opens and starts both devices. Blocks: for milliseconds as a rule, for a second with a wireless headset.

    Raises:
        ConfigError: `mic.refused`.
    """
    captured = _open(microphone, Way.INPUT)
    try:
        return captured, _open(loudspeaker, Way.OUTPUT)
    except ConfigError:
        captured.close()
        raise


def _open(device: Device, way: Way) -> DeviceStream:
    portaudio = load_portaudio()
    stream = DeviceStream(device, way)
    make: Callable[..., PortAudioStream]
    make, callback = {
        Way.INPUT: (portaudio.InputStream, stream.on_captured),
        Way.OUTPUT: (portaudio.OutputStream, stream.on_needed),
    }[way]
    try:
        stream.attach(
            make(
                samplerate=RATE,
                blocksize=SAMPLES,
                device=device.index,
                channels=min(2, device.channels),
                dtype="int16",
                latency=LATENCY_S,
                callback=callback,
                finished_callback=stream.on_end,
            )
        )
    except portaudio.PortAudioError as error:
        # What was opened but did not start.
        stream.close()
        message = (
            f"The {way.value} device {device} does not open at {RATE} Hz: {error}. If another program holds it, "
            f"close that; or choose another with --{way.value}-device (voxrt devices lists them). {FILE_CALLS}"
        )
        raise ConfigError("mic.refused", message) from error
    return stream
