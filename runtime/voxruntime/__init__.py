"""voxrt: runs VoxEngine-style call scenarios, written in Lua, on your own machine."""

__version__ = "0.1.0"
