from __future__ import annotations

import sys

import pytest

from portaudio_double import FakePortAudio
from voxruntime.errors import ConfigError
from voxruntime.legs.context import MicOptions
from voxruntime.legs.mic.devices import (
    Device,
    Way,
    choose,
    find_devices,
    is_available,
    list_devices,
    load_portaudio,
    usable_rates,
)

DEVICES = [
    Device(0, "HDA Intel: ALC257 (hw:0,0)", "ALSA", 2, False),
    Device(4, "pulse", "ALSA", 32, False),
    Device(5, "default", "ALSA", 32, True),
    Device(6, "default (hw:1)", "OSS", 2, False),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ("", 5),
        ("4", 4),
        ("pulse", 4),
        ("PULSE", 4),
        ("default", 5),
        ("alc257", 0),
        ("oss", 6),
        ("pulse (alsa)", 4),
    ],
)
def test_a_device_is_chosen_by_index_name_or_part_of_either(wanted: str, index: int) -> None:
    assert choose(DEVICES, Way.INPUT, wanted).index == index


def test_without_a_default_the_first_device_is_chosen() -> None:
    assert choose(DEVICES[:2], Way.OUTPUT, "").index == 0


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("Nowhere", "--input-device Nowhere: fits none of the input devices. There are: 0 HDA Intel: ALC257 (hw:0,0) "
         "(ALSA), 4 pulse (ALSA), 5 default (ALSA), 6 default (hw:1) (OSS)."),
        ("17", "--input-device 17: fits none of the input devices. There are: 0 HDA"),
        ("hw:", "--input-device hw:: fits several of the input devices. There are: 0 HDA Intel: ALC257 (hw:0,0) "
         "(ALSA), 6 default (hw:1) (OSS)."),
    ],
)  # fmt: skip
def test_a_device_that_is_not_clear_is_refused_with_those_it_may_be(wanted: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose(DEVICES, Way.INPUT, wanted)
    assert caught.value.code == "mic.device"
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(("way", "kind"), [(Way.INPUT, "microphone"), (Way.OUTPUT, "loudspeaker")])
def test_no_device_at_all_names_the_other_callers(way: Way, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"no {kind} on this machine.*--call script:FILE.toml") as caught:
        choose([], way, "")
    assert caught.value.code == "mic.no_device"


def test_devices_are_listed_each_way_with_their_channels_and_the_default(portaudio: FakePortAudio) -> None:
    assert list_devices(Way.INPUT) == [
        Device(0, "Desk Mic", "Fake", 1, True),
        Device(2, "USB Headset", "Fake", 1, False),
    ]
    assert list_devices(Way.OUTPUT) == [
        Device(1, "Speakers", "Fake", 2, True),
        Device(2, "USB Headset", "Fake", 2, False),
    ]
    assert portaudio.opened == []


def test_rates_are_those_that_open_now(portaudio: FakePortAudio) -> None:
    headset = list_devices(Way.INPUT)[1]
    assert usable_rates(headset, Way.INPUT) == usable_rates(headset, Way.OUTPUT) == [16000, 48000]
    portaudio.busy = {2}
    assert usable_rates(headset, Way.INPUT) == []


def test_options_choose_both_devices(portaudio: FakePortAudio) -> None:
    assert [device.index for device in find_devices(MicOptions())] == [0, 1]
    options = MicOptions(input_device="headset", output_device="2")
    assert [device.index for device in find_devices(options)] == [2, 2]
    portaudio.listed = [("Desk Mic", 1, 0)]
    with pytest.raises(ConfigError, match="loudspeaker"):
        find_devices(MicOptions())


@pytest.mark.parametrize("failure", ["OSError('PortAudio library not found')", "ImportError('no cffi')"])
def test_a_missing_library_is_named_with_its_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, failure: str
) -> None:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "sounddevice.py").write_text(f"raise {failure}\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ConfigError) as caught:
        load_portaudio()
    assert caught.value.code == "mic.no_portaudio"
    for command in ("apt install libportaudio2", "dnf install portaudio", "brew install portaudio"):
        assert command in caught.value.message
    assert not is_available()


def test_a_library_that_does_not_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "sounddevice.py").write_text("raise RuntimeError('Unanticipated host error')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ConfigError, match="PortAudio does not start: Unanticipated host error") as caught:
        load_portaudio()
    assert caught.value.code == "mic.portaudio"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [([("Desk Mic", 1, 0), ("Speakers", 0, 2)], True), ([("Speakers", 0, 2)], False), ([], False)],
)
def test_available_takes_a_device_each_way(
    monkeypatch: pytest.MonkeyPatch,
    portaudio: FakePortAudio,
    listed: list[tuple[str, int, int]],
    expected: bool,
) -> None:
    # Elsewhere nothing is asked before the module is loaded, which here is a double.
    monkeypatch.setattr(sys, "platform", "darwin")
    portaudio.listed = listed
    assert is_available() is expected


def test_without_the_library_linux_does_not_even_look(
    monkeypatch: pytest.MonkeyPatch, portaudio: FakePortAudio
) -> None:
    def missing(name: str) -> object:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("ctypes.CDLL", missing)
    assert list_devices(Way.INPUT), "the double itself is fine"
    assert not is_available()
    assert portaudio.opened == []
