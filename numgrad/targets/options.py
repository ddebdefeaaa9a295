"""Every option with which numgrad compiles, once."""

from collections.abc import Callable
from typing import Any

import numba
from numba.core.compiler import Compiler
from numba.core.dispatcher import _FunctionCompiler

from numgrad.targets.deferred import deferred

# No fastmath anywhere: contraction, reciprocals and reordering all break equality with NumPy, and
# Numba lets what is compiled first take over the fastmath of its caller, for all other callers.
# With NumPy's error model a division by zero gives inf or nan, as it does in an array.
ENTRY_POINT = {"error_model": "numpy", "fastmath": False, "nogil": True}  # called from Python
INTERNAL = ENTRY_POINT | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
INLINED = INTERNAL | {"forceinline": True}

# The options that what we compile of a user's function takes over from it.
OF_TWINS = ("fastmath", "error_model", "boundscheck", "nogil", "forceinline")
OF_GUFUNCS = ("fastmath", "error_model", "boundscheck")
OF_UFUNCS = ("fastmath", "error_model")
# What Numba itself compiles the function of one element with.
ELEMENT = {"error_model": "numpy"}
# The options that Numba would take over from the first caller. Then a function would raise or
# not according to its callers, and one that calls itself with other types would not be linked: the
# options are part of the name of its machine code.
NOT_INHERITED = {"fastmath": False, "error_model": "python", "forceinline": False}


def taken_over(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Pick the options of some names."""
    return {name: given[name] for name in names if name in given}


class InternalCompiler(_FunctionCompiler):  # type: ignore[misc]
    """Numba's compiler of one function, without the statements that it keeps to print them.

    They refer to all that a function calls, and Numba lets go of them when the function is garbage:
    never, if it is one of those that they lead to.
    """

    def __init__(self, dispatcher: Any, pipeline: Any = Compiler) -> None:
        options = dispatcher.targetoptions
        super().__init__(dispatcher.py_func, dispatcher.targetdescr, options, {}, pipeline)

    def _compile_core(self, args: Any, return_type: Any) -> Any:
        with deferred():
            return super()._compile_core(args, return_type)._replace(type_annotation=None)


def internal(dispatcher: Any) -> Any:
    """Let a function of ``njit`` that no user sees be compiled as one."""
    dispatcher._compiler = InternalCompiler(dispatcher)
    return dispatcher


def internal_njit(function: Callable[..., Any]) -> Any:
    """Compile a function that only other compiled functions call."""
    return internal(numba.njit(function, **INTERNAL))


def formula(function: Callable[..., Any]) -> Any:
    """Compile a few operations as part of the function that calls them."""
    return internal(numba.njit(inline="always", **ENTRY_POINT)(function))


def internal_parallel_njit(function: Callable[..., Any]) -> Any:
    """Compile a function for other compiled functions whose ``prange`` loops run on threads."""
    return internal(numba.njit(function, parallel=True, **INTERNAL))
