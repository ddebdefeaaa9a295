"""Functions as ones that Numba has compiled or will compile."""

import inspect
from functools import cache

from numba.core.dispatcher import Dispatcher
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc

from numgrad.rules.registry import TABLE
from numgrad.twin import gufuncs
from numgrad.twin.origins import is_in_table
from numgrad.twin.plain import function_of_element, plain
from numgrad.twin.source import Body, function_of
from numgrad.twin.twin import twin_of


def dispatcher_of(function):
    """Return a function of a user's as one that Numba has compiled or will compile."""
    if isinstance(function, Dispatcher):
        return function
    if isinstance(function, GUFunc):
        return gufuncs.caller_of(function, twin_of)
    if isinstance(function, DUFunc):
        return function_of_element(function)
    source = getattr(function, "py_func", None) or getattr(function, "__wrapped__", None)
    if not inspect.isfunction(function) and inspect.isfunction(source):
        if is_in_table(function):
            TABLE[source] = TABLE[function]
        function = source  # of a cfunc, or of a vectorize for threads
    if is_in_table(function):
        return plain(caller_of(function, TABLE[function].arity))
    if not inspect.isfunction(function):
        raise TypeError(
            f"{function!r} can't be differentiated: a function was expected, plain or compiled "
            "by numba.njit"
        )
    return plain(function)


@cache
def caller_of(function, arity):
    """Return a function of Python's that calls one of the table, a ufunc or one of math's."""
    names = ", ".join("xyz"[:arity])
    return function_of(function.__name__, names, Body([f"return f({names})"], {"f": function}))
