"""Whether derivatives that Python calls are kept on disk."""

import os
from typing import Any

from numba.core.caching import NullCache
from numba.core.dispatcher import Dispatcher

VARIABLE = "NUMGRAD_CACHE"  # of the environment: 1 keeps all derivatives, 0 none
_set: list[bool] = []  # what a program said last


def turn(on: bool) -> None:
    """Keep the derivatives of all functions from now on, or of no more than Numba caches."""
    _set[:] = [on]


def keeps_all() -> bool:
    """Whether derivatives of all functions are kept."""
    return _set[0] if _set else setting() == "1"


def setting() -> str:
    given = os.environ.get(VARIABLE, "")
    if given not in ("", "0", "1"):
        raise ValueError(f"{VARIABLE} must be 0 or 1, not {given!r}")
    return given


def is_on(functions: Any) -> bool:
    """Whether derivatives of some functions are kept."""
    if not _set and setting() == "0":
        return False
    return keeps_all() or all(map(is_cached_by_numba, functions))


def is_cached_by_numba(function: Any) -> bool:
    """Whether a function was compiled by ``njit(cache=True)``."""
    return isinstance(function, Dispatcher) and not isinstance(function._cache, NullCache)
