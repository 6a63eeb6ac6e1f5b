"""Numpy functions on frames: PCM, resampling, levels, tones. Pure."""
