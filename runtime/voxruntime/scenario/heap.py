"""Keeps the memory of a zygote shared with the processes that are forked from it."""

from __future__ import annotations

import ctypes

from voxruntime import platform

_LARGEST, _LARGEST_GAPS = 1 << 16, 16
_SIZES = (*(1 << power for power in range(15, 10, -1)), *range(1032, 8, -16))
"""Bytes, largest first: halves down to where glibc keeps a list for each size, then those sizes."""

_MOST_BYTES = 1024 * 1024
"""Filled at most with pieces of one size; gaps have some 100 KB in all."""


def fill_gaps() -> None:
    """Takes the free memory between what is allocated, for good, so that what is allocated later lies together behind it.

    What a fork allocates in a gap costs it a copy of the page around it.
    """
    if not platform.IS_LINUX:
        return
    libc = ctypes.CDLL(None)
    malloc, free = libc.malloc, libc.free
    malloc.argtypes, malloc.restype = (ctypes.c_size_t,), ctypes.c_void_p
    free.argtypes, free.restype = (ctypes.c_void_p,), None
    # The last of these are no longer in a gap.
    end = max(malloc(_LARGEST) for _ in range(_LARGEST_GAPS))
    for size in _SIZES:
        # Another allocator may never come to the end.
        for _ in range(_MOST_BYTES // size):
            address = malloc(size)
            if address is None or address >= end:
                free(address)
                break
