"""A person at this machine as the far end of a call: microphone and loudspeaker, through PortAudio."""

from voxruntime.legs.mic.devices import find_devices, is_available

__all__ = ["find_devices", "is_available"]
