"""A recording as the far end of a call."""
