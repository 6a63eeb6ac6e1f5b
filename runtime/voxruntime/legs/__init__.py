"""Far ends of calls: one folder a kind, listed in registry.py."""
