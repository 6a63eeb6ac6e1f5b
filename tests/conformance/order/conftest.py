"""Fixtures of the Lua API's tests."""

from scenario_stage import driver, stage

__all__ = ["driver", "stage"]
