"""Every option with which numgrad compiles, once."""

from collections.abc import Callable
from typing import Any

import numba

# No fastmath anywhere: contraction, reciprocals and reordering all break equality with NumPy, and
# Numba lets what is compiled first take over the fastmath of its caller, for all other callers.
# With NumPy's error model a division by zero gives inf or nan, as it does in an array.
ENTRY_POINT = {"error_model": "numpy", "fastmath": False, "nogil": True}  # called from Python
INTERNAL = ENTRY_POINT | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
INLINED = INTERNAL | {"forceinline": True}


def internal_njit(function: Callable[..., Any]) -> Any:
    """Compile a function that only other compiled functions call."""
    return numba.njit(function, **INTERNAL)


def formula(function: Callable[..., Any]) -> Any:
    """Compile a few operations as part of the function that calls them."""
    return numba.njit(inline="always", **ENTRY_POINT)(function)
