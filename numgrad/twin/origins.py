"""What functions were made from, for all who ask before anything is compiled."""

import inspect
from typing import Any

from numgrad.rules.registry import TABLE
from numgrad.twin.beside import Beside

# Drivers, and the transforms they belong to: they are compiled for duals as they are.
DRIVERS = Beside("transform")
STATED = Beside("pullback")  # of functions with pullbacks: drivers
CAPTURED = "_captured_by_numgrad_"  # how names begin of arguments that a closure captured


def captured_by(function: Any) -> frozenset[int]:
    """Return the positions of arguments that were captured variables, of a function of Python."""
    code = getattr(function, "__code__", None)
    names = () if code is None else code.co_varnames[: code.co_argcount]
    return frozenset(k for k, name in enumerate(names) if name.startswith(CAPTURED))


def hashable(thing: Any) -> bool:
    try:
        hash(thing)
    except TypeError:  # a pointer of ctypes says so no earlier
        return False
    return True


def is_in_table(function: Any) -> bool:
    """Whether a thing is a function of the table, and not of Python's."""
    return not inspect.isfunction(function) and hashable(function) and function in TABLE
