"""`mic`: a person at this machine, who speaks and hears through its sound devices."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from voxruntime.audio.pcm import FRAME_S, PCM16
from voxruntime.call.state import Direction
from voxruntime.clock import Clock
from voxruntime.errors import ConfigError
from voxruntime.legs.audio_leg import AudioLeg, Breaks, Manner, Said
from voxruntime.legs.context import LegContext
from voxruntime.legs.keypad import Keypad
from voxruntime.legs.mic.devices import FILE_CALLS, find_devices
from voxruntime.legs.mic.drift import Intake, Outlet, Stall
from voxruntime.legs.mic.duplex import HalfDuplex
from voxruntime.legs.mic.streams import RATE, SAMPLES, DeviceStream, open_streams

ANSWER_AFTER_S = 1.0
"""Seconds a called microphone rings: long enough for a scenario to see that it does."""

START_S = 5.0
"""Seconds that devices may take to start."""

RUNNING_SAMPLES = RATE // 10
"""Samples after which a device runs: sound servers ask for the first two or three blocks long before they play."""


class Person:
    """The program of a microphone leg: what the microphone takes, and what the loudspeaker plays.

    Args:
        microphone: An open microphone.
        loudspeaker: An open loudspeaker.
        half_duplex: When the microphone is shut; None leaves it open.
    """

    def __init__(
        self, microphone: DeviceStream, loudspeaker: DeviceStream, half_duplex: HalfDuplex | None
    ) -> None:
        self.streams = (microphone, loudspeaker)
        self.has_lost_device = False
        self._intake = Intake(microphone.ring, SAMPLES)
        self._outlet = Outlet(loudspeaker.ring, SAMPLES)
        self._half_duplex = half_duplex
        self._stalls = (Stall(), Stall())

    @property
    def is_muted(self) -> bool:
        """Whether the microphone is shut, because the agent is heard."""
        return self._half_duplex is not None and self._half_duplex.is_shut

    @property
    def remarks(self) -> str:
        """How well the devices kept time."""
        breaks = sum(stream.breaks for stream in self.streams)
        return (
            f"frames of silence put in and frames left out: microphone {self._intake.inserted_frames} and "
            f"{self._intake.dropped_frames}, loudspeaker {self._outlet.inserted_frames} and "
            f"{self._outlet.dropped_frames}; breaks by the devices' own account: {breaks}"
        )

    def pull(self, keypad: Keypad) -> Said:  # noqa: ARG002  # a person presses keys elsewhere
        """Returns what the microphone took, or that a device is lost."""
        for stream, stall in zip(self.streams, self._stalls, strict=True):
            if stall.has_lasted(stream.moved) or stream.has_ended:
                self.has_lost_device = True
                return _lost(stream)
        frame = self._intake.pull(is_unheard=self.is_muted)
        return None if self.is_muted else frame

    def push(self, frame: PCM16 | None) -> None:
        """Gives a frame to the loudspeaker."""
        if self._half_duplex is not None:
            queued_samples = sum(stream.ring.waiting for stream in self.streams)
            self._half_duplex.hear(frame, queued_samples // SAMPLES)
        self._outlet.push(frame)

    def silence(self) -> float:
        """Drops what the loudspeaker has not taken yet; returns how many seconds that is."""
        return self._outlet.silence() / RATE


class MicLeg(AudioLeg):
    """An `AudioLeg` that owns sound devices, and gives them back when its call is over.

    Args:
        context: The run.
        direction: Whether the person calls or is called.
        person: Its program.
    """

    def __init__(self, context: LegContext, direction: Direction, person: Person) -> None:
        manner = Manner(direction, ANSWER_AFTER_S, context.hangup_after_s)
        super().__init__(context.clock, RATE, person, manner)
        self._context = context
        self._person = person
        self._streams: Sequence[DeviceStream] = person.streams

    @property
    def is_muted(self) -> bool:
        """Whether the microphone is shut just now, because the agent is heard."""
        return self._person.is_muted

    def pull(self) -> PCM16 | None:
        """Returns the next frame from the microphone, or of what is pressed or said from outside."""
        frame = super().pull()
        if self._person.has_lost_device:
            self._release()
        return frame

    def silence(self) -> float:
        """Drops what was pushed and the loudspeaker has not taken yet; returns how many seconds that is."""
        return self._person.silence()

    def reject(self, status: int) -> None:
        """The scenario refused the call."""
        super().reject(status)
        self._release()

    def hang_up(self, headers: Mapping[str, str]) -> None:
        """The scenario ended the call, at whatever point."""
        super().hang_up(headers)
        self._release()

    def _release(self) -> None:
        """Gives the devices back, once."""
        streams, self._streams = self._streams, ()
        if streams:
            self._context.on_note(self._person.remarks)
        _close(streams, self._context.clock)


async def open_mic(argument: str, direction: Direction, context: LegContext) -> MicLeg:  # noqa: ARG001
    """Opens the microphone and the loudspeaker that the run's options name; sound is thrown away before the call.

    Args:
        argument: Nothing: the devices are options of the run.
        direction: Whether the person calls or is called.
        context: The run.

    Raises:
        ConfigError: `mic.no_portaudio`, `mic.no_device`, `mic.device`, `mic.refused` or `mic.virtual`.
    """
    if context.clock.is_virtual:
        raise ConfigError("mic.virtual", f"A microphone lives in real time, this run does not. {FILE_CALLS}")
    devices = find_devices(context.mic)
    # Drivers take their time, and must not take that of other calls.
    streams = await asyncio.to_thread(open_streams, *devices)
    try:
        await _until_they_run(streams, context.clock)
    except (ConfigError, asyncio.CancelledError):
        _close(streams, context.clock)
        raise
    half_duplex = None if context.mic.headphones else HalfDuplex(sum(stream.latency_s for stream in streams))
    person = Person(*streams, half_duplex)
    context.on_note(
        f"microphone: {devices[0]}, loudspeaker: {devices[1]}; "
        + ("always open" if half_duplex is None else "shut while the agent speaks (--headphones opens it)")
    )
    return MicLeg(context, direction, person)


async def _until_they_run(streams: Sequence[DeviceStream], clock: Clock) -> None:
    """Returns when sound flows both ways: a greeting is lost on a headset that is still waking up.

    Raises:
        ConfigError: `mic.refused`.
    """
    deadline = clock.now() + START_S
    while waited_for := [stream for stream in streams if stream.moved < RUNNING_SAMPLES]:
        if clock.now() > deadline or any(stream.has_ended for stream in streams):
            device, way = waited_for[0].device, waited_for[0].way.value
            raise ConfigError(
                "mic.refused",
                f"The {way} device {device} opens, but no sound moves. Try it in another program, "
                f"or choose another with --{way}-device (voxrt devices lists them).",
            )
        await clock.sleep(FRAME_S)


def _close(streams: Sequence[DeviceStream], clock: Clock) -> None:
    """Gives devices back. A driver may take its time over it, and nothing waits for that."""
    for stream in streams:
        clock.loop.run_in_executor(None, stream.close)


def _lost(stream: DeviceStream) -> Breaks:
    name = {"input": "microphone", "output": "loudspeaker"}[stream.way.value]
    return Breaks(
        "mic.lost",
        f"The {name} {stream.device} is gone: it was unplugged, or its sound server stopped. The call has ended.",
    )
