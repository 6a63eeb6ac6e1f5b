"""Far ends that never talk: busy, nobody there, refused."""
