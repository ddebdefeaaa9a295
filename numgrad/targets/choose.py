"""Where a call runs: serial or parallel, through the cache or past it."""

import os
import threading
from functools import lru_cache

# Below this many results one thread is faster than a launch.
PARALLEL_RESULTS = 1 << 15

# What to reckon with where the system doesn't tell.
USUAL_CACHE_BYTES = 32 << 20


def thread_count(results: int) -> int:
    """Return how many of Numba's threads to derive so many results on."""
    if results < PARALLEL_RESULTS:
        return 1
    import numba

    threads: int = numba.get_num_threads()
    return threads


@lru_cache
def cache_bytes() -> int:
    """Return the size of the last-level cache."""
    try:
        size = os.sysconf("SC_LEVEL3_CACHE_SIZE")
    except (AttributeError, ValueError, OSError):
        size = 0
    return size if size > 0 else USUAL_CACHE_BYTES
