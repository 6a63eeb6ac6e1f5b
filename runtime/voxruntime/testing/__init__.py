"""Tools for tests of voxrt and of scenarios."""
