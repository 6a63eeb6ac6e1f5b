"""The voxrt command."""
