from __future__ import annotations

import numpy as np
import pytest

from portaudio_double import BLOCK, STARTING_BLOCKS, FakePortAudio
from voxruntime.audio.tones import sine
from voxruntime.errors import ConfigError
from voxruntime.legs.mic.devices import Way, list_devices
from voxruntime.legs.mic.streams import CALLBACK_PRIORITY, RATE, DeviceStream, open_streams

SOUND = sine(400.0, 0.02, RATE)


def open_default() -> tuple[DeviceStream, DeviceStream]:
    return open_streams(list_devices(Way.INPUT)[0], list_devices(Way.OUTPUT)[0])


def test_devices_open_at_48_khz_in_frames_of_20_ms_with_40_ms_of_buffer(portaudio: FakePortAudio) -> None:
    streams = open_default()
    for fake, channels, device in zip(portaudio.opened, (1, 2), (0, 1), strict=True):
        wanted = {"samplerate": 48000, "blocksize": 960, "dtype": "int16", "latency": 0.04}
        assert wanted.items() <= fake.settings.items()
        assert (fake.settings["device"], fake.settings["channels"]) == (device, channels)
    assert [stream.moved for stream in streams] == [STARTING_BLOCKS * BLOCK] * 2
    assert [stream.latency_s for stream in streams] == [0.04, 0.04]


def test_the_thread_of_each_device_asks_once_for_priority(portaudio: FakePortAudio) -> None:
    open_default()
    for fake in portaudio.opened:
        fake.move(SOUND)
    assert portaudio.priorities == [CALLBACK_PRIORITY] * 2


def test_a_microphone_fills_its_ring_with_its_first_channel(portaudio: FakePortAudio) -> None:
    portaudio.listed[0] = ("Desk Mic", 2, 0)
    captured, _ = open_default()
    captured.ring.skip_to(0)
    portaudio.opened[0].move(SOUND)
    taken = np.zeros(BLOCK, dtype=np.int16)
    assert captured.ring.read_into(taken) == BLOCK
    assert np.array_equal(taken, SOUND)


def test_a_loudspeaker_plays_its_ring_on_every_channel_then_silence(portaudio: FakePortAudio) -> None:
    _, played = open_default()
    played.ring.write(SOUND[:500])
    block = portaudio.opened[1].move()
    assert np.array_equal(block[:500], SOUND[:500])
    assert not block[500:].any()
    assert not portaudio.opened[1].move().any()


def test_breaks_by_the_devices_account_are_counted(portaudio: FakePortAudio) -> None:
    captured, played = open_default()
    portaudio.opened[0].move(SOUND, status="input overflow")
    portaudio.opened[1].move(status="output underflow")
    portaudio.opened[1].move(status="output underflow")
    assert (captured.breaks, played.breaks) == (1, 2)


def test_a_device_that_vanishes_is_known_to_have_ended(portaudio: FakePortAudio) -> None:
    captured, played = open_default()
    portaudio.opened[1].vanish()
    assert (captured.has_ended, played.has_ended) == (False, True)


def test_a_device_that_does_not_open_is_named_and_the_other_closed(portaudio: FakePortAudio) -> None:
    portaudio.busy = {1}
    with pytest.raises(ConfigError) as caught:
        open_default()
    assert caught.value.code == "mic.refused"
    expected = "The output device 1 Speakers (Fake) does not open at 48000 Hz: Device unavailable"
    assert caught.value.message.startswith(expected)
    assert "--output-device" in caught.value.message
    assert [fake.is_closed for fake in portaudio.opened] == [True]


def test_closing_what_never_opened_does_nothing(portaudio: FakePortAudio) -> None:
    stream = DeviceStream(list_devices(Way.INPUT)[0], Way.INPUT)
    stream.close()
    assert stream.latency_s == 0.0
    assert portaudio.opened == []
