"""Realtime providers: one folder each, listed in registry.py."""
