"""Settings and checks shared by all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

import traffic

# No verdict may depend on how busy the machine is.
settings.register_profile("voxrt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("voxrt")

# A shell that runs this in the background has it ignore Ctrl-C, and so would every process that is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def sound_traffic() -> Iterator[None]:
    """Fails a test in which an embedded server broke an invariant of its protocol."""
    traffic.judge()
    yield
    violations = traffic.judge()
    assert not violations, violations
