"""What functions were made from, for all who ask before anything is compiled."""

import inspect
from typing import Any

from numgrad.rules.registry import TABLE
from numgrad.twin.beside import Beside

# Drivers, and the transforms they belong to: they are compiled for duals as they are.
DRIVERS = Beside("transform")
STATED = Beside("pullback")  # of functions with pullbacks: drivers


def hashable(thing: Any) -> bool:
    try:
        hash(thing)
    except TypeError:  # a pointer of ctypes says so no earlier
        return False
    return True


def is_in_table(function: Any) -> bool:
    """Whether a thing is a function of the table, and not of Python's."""
    return not inspect.isfunction(function) and hashable(function) and function in TABLE
