"""Keeps the memory of a zygote shared with the processes that are forked from it."""

from __future__ import annotations

import ctypes

from voxruntime import platform

_SIZES = (*(1 << power for power in range(16, 10, -1)), *range(1032, 8, -16))
"""Bytes, largest first: from more than any gap down to what glibc keeps a list of each, then the sizes of those lists."""


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
    end = malloc(_SIZES[0])
    for size in _SIZES:
        while (address := malloc(size)) < end:
            pass
        free(address)
