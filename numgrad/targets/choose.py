"""Where a call runs: serial or parallel, through the cache or past it."""

import os
import sys
import threading
from functools import lru_cache
from typing import Any

TARGETS = ("auto", "cpu", "cuda")

# Below this many results a launch doesn't pay: one thread needs some 60 microseconds for them. A
# launch takes 3, but 8000 where another program keeps one of the processors busy, since OpenMP's
# threads wait for each other without giving way.
PARALLEL_RESULTS = 1 << 17

# What to reckon with where the system doesn't tell.
USUAL_CACHE_BYTES = 32 << 20

_forked_after_launch = False

# Held while Numba is asked for its threads: it takes locks of its own to answer, which a child
# forked meanwhile would wait for.
_asking = threading.RLock()


def thread_count(results: int) -> int:
    """The number of Numba's threads that may derive so many results.

    One, where a launch would not pay or would not be safe: Numba's workqueue aborts the process
    when two Python threads launch at once. In a child forked after its parent had launched, GNU
    OpenMP aborts, and TBB waits for ever if another thread held one of its locks at the fork.
    """
    if results < PARALLEL_RESULTS:
        return 1
    import numba

    with _asking:
        threads: int = numba.get_num_threads()  # starts the threading layer
    layer = numba.threading_layer()
    if layer == "workqueue" and not _alone():
        return 1
    if layer != "workqueue" and _forked_after_launch:
        return 1
    return threads


def _alone() -> bool:
    """Whether this is the main thread and no other is known.

    A thread that wasn't started by the threading module isn't counted, but it isn't the main one.
    """
    in_main = threading.get_ident() == threading.main_thread().ident
    return in_main and threading.active_count() == 1


def _locks() -> list[Any]:
    """Return the locks that a child must not find in the hands of a thread that it hasn't."""
    numba_module = sys.modules.get("numba.core.compiler_lock")  # half imported, it lacks the lock
    compiler = getattr(numba_module, "global_compiler_lock", None)
    return [_asking] if compiler is None else [compiler, _asking]


def _before_fork() -> None:
    """Wait until no other thread compiles or asks."""
    global _held
    held = _locks()
    for lock in held:
        lock.acquire()
    _held = held


def _after_fork() -> None:
    while _held:
        _held.pop().release()


def _after_fork_in_child() -> None:
    global _forked_after_launch
    _after_fork()
    if "numba" not in sys.modules:
        return
    import numba

    try:
        numba.threading_layer()
    except ValueError:  # not started yet
        return
    _forked_after_launch = True


_held: list[Any] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )


def most_cached_bytes() -> int:
    """The most bytes of results to store in the cache, rather than past it.

    Measured: more than a quarter of the cache are faster stored past it, even if all would fit.
    """
    return cache_bytes() // 4


def stays_cached(sample_bytes: int) -> bool:
    """Whether samples read once are still in the cache after so many more."""
    return sample_bytes <= cache_bytes() // 8


@lru_cache
def cache_bytes() -> int:
    """Return the size of the last-level cache."""
    try:
        size = os.sysconf("SC_LEVEL3_CACHE_SIZE")
    except (AttributeError, ValueError, OSError):
        size = 0
    return size if size > 0 else USUAL_CACHE_BYTES
