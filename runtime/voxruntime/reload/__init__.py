"""Saved files while a call goes on: noticed, read, and given to the session as new code."""
