"""Fixtures of the sandbox's tests: real session processes."""

from scenario_stage import driver, other_stage, stage

__all__ = ["driver", "other_stage", "stage"]
