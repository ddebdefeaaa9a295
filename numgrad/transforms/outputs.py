"""How many numbers a function returns, which only a call of it tells."""

import inspect
from typing import Any

import numpy as np
from numba import typeof

from numgrad.twin.origins import DRIVERS

INPUTS_AN_OUTPUT = 4  # from which sweeps from all outputs take less than passes by all inputs


def are_few(function: Any, arguments: tuple[Any, ...], inputs: int) -> bool:
    """Whether there are so few outputs, beside so many inputs, that it pays to go backward.

    The function is called once, if nobody can tell: it must not write to anything, or draw random
    numbers. What it raises, its derivative will raise.
    """
    from numgrad.drivers.written import draws, written_arguments  # which take time to load

    parameters = inspect.signature(function.py_func).parameters.values()
    if function in DRIVERS or any(p.kind is not p.POSITIONAL_OR_KEYWORD for p in parameters):
        return False
    required = [p for p in parameters if p.default is p.empty]
    given = arguments[: len(parameters)]  # without an output
    if len(given) < len(required):
        return False
    try:
        kinds = tuple(map(typeof, given))
        if written_arguments(function, kinds) or draws(function, kinds):
            return False
        outputs = count_of(function(*given))
    except Exception:  # the derivative tells of it, with the user's line
        return False
    return INPUTS_AN_OUTPUT * outputs <= inputs


def count_of(value: Any) -> int:
    """The number of real floats in a result."""
    if isinstance(value, tuple):
        return sum(map(count_of, value))
    if not isinstance(value, np.ndarray | np.inexact | float | complex):
        return 0
    kind = np.asarray(value).dtype.kind
    return {"f": 1, "c": 2}.get(kind, 0) * np.size(value)
