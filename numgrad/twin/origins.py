"""What functions were made from, for all who ask before anything is compiled."""

import inspect
from typing import Any
from weakref import WeakKeyDictionary

from numgrad.rules.registry import TABLE

# Drivers, and the transforms they belong to: they are compiled for duals as they are.
DRIVERS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
STATED: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # of functions with pullbacks: drivers


def hashable(thing: Any) -> bool:
    try:
        hash(thing)
    except TypeError:  # a pointer of ctypes says so no earlier
        return False
    return True


def is_in_table(function: Any) -> bool:
    """Whether a thing is a function of the table, and not of Python's."""
    return not inspect.isfunction(function) and hashable(function) and function in TABLE
