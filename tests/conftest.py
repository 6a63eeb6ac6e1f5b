"""Settings shared by all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No verdict may depend on how busy the machine is.
settings.register_profile("voxrt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("voxrt")
