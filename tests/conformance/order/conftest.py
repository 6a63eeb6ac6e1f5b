"""Fixtures of the Lua API's tests."""

from scenario_stage import driver, other_stage, stage

__all__ = ["driver", "other_stage", "stage"]
