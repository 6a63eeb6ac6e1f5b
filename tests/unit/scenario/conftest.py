"""Fixtures for tests that need real session processes."""

from scenario_stage import driver

__all__ = ["driver"]
