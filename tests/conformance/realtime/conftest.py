"""Fixtures of the tests that run the `voxrt` command."""

from voxrt_command import run_voxrt, start_voxrt

__all__ = ["run_voxrt", "start_voxrt"]
