"""Ids of one session: unique, with the prefixes clients know, and the same again for the same seed."""

from __future__ import annotations

import hashlib


class Ids:
    """Makes ids such as `item_5f0c…`.

    Args:
        seed: Sessions with different seeds share no id.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._made = 0

    def __call__(self, prefix: str) -> str:
        """Returns the next id with this prefix."""
        self._made += 1
        digest = hashlib.blake2b(f"{self._seed}/{self._made}".encode(), digest_size=12)
        return f"{prefix}_{digest.hexdigest()}"
