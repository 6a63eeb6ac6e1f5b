from __future__ import annotations

import importlib.util
import re
import shutil
from dataclasses import FrozenInstanceError
from pathlib import Path

import msgspec
import pytest

from voxruntime import config
from voxruntime.config import Limits, shipped


@pytest.mark.parametrize("folder", ["stdlib", "scenarios"])
def test_shipped_folder_of_the_source_tree_is_found(folder: str) -> None:
    assert shipped(folder).is_dir()
    assert shipped(folder).name == folder


def test_shipped_folder_inside_the_wheel_wins(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "voxruntime"
    (package / "stdlib").mkdir(parents=True)
    shutil.copy(config.__file__, package)
    spec = importlib.util.spec_from_file_location("installed_config", package / "config.py")
    assert spec is not None
    assert spec.loader is not None
    installed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(installed)
    assert installed.shipped("stdlib") == package / "stdlib"


def test_limits_are_the_documented_ones() -> None:
    limits = Limits()
    assert limits.source_chars == 262_144
    assert limits.memory_bytes == 16_777_216
    assert (limits.cpu_warning_ms, limits.cpu_s_per_turn, limits.wall_s_per_turn) == (50.0, 1.0, 3.0)
    assert (limits.turn_bytes_in, limits.turn_bytes_out) == (4_194_304, 1_048_576)
    assert (limits.nodes, limits.depth) == (5000, 32)
    assert (limits.queued_events, limits.queued_event_bytes) == (1000, 1_048_576)
    assert (limits.timers, limits.players, limits.recorders, limits.call_attempts, limits.sockets) == (
        100,
        10,
        8,
        50,
        8,
    )
    assert (limits.log_bytes, limits.custom_data_bytes) == (1_048_576, 200)


def test_limits_cannot_change_under_a_running_session() -> None:
    limits = Limits()
    with pytest.raises((AttributeError, FrozenInstanceError)):
        limits.timers = 1000  # type: ignore[misc]


def test_each_limit_is_positive_and_can_be_set_by_its_name() -> None:
    for name in Limits.__struct_fields__:
        default = getattr(Limits(), name)
        assert default > 0
        assert getattr(msgspec.convert({name: default * 2}, Limits), name) == default * 2


def test_a_limit_of_the_wrong_type_names_the_key() -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape("$.timers")):
        msgspec.convert({"timers": "many"}, Limits)
