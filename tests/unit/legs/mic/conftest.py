"""Fixtures of the microphone leg's tests."""

from portaudio_double import portaudio

__all__ = ["portaudio"]
