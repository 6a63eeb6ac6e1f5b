"""Scenario processes for comparing what is found with what happens."""

from scenario_stage import driver, stage

__all__ = ["driver", "stage"]
