"""Operators on samples that carry derivatives: the source that compiled code follows, in Python.

`numgrad.gradient` is NumPy's function here, and that is run from NumPy's own source; but for
coordinates that carry derivatives, since that takes those at equal distances for one number.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, typeof, types
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target

from numgrad.targets.followed import FOLLOWED
from numgrad.tracer.arrays import TracedArray, fresh
from numgrad.tracer.numbers import NO_RULE, Traced, has_traced
from numgrad.tracer.places import refusal

FACTORS = "scale_factors"
SPACINGS = frozenset(("x", "period", FACTORS, *(f"v{k}" for k in range(8))))


def is_followed(function: Any) -> bool:
    """Return whether a function has a source that derivatives follow."""
    if not FOLLOWED and (function.__module__ or "").split(".")[0] in ("numgrad", "numpy"):
        cpu_target.target_context.refresh()  # which asks for what is registered
    return function in FOLLOWED


def by_followed_source(
    function: Any, run: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Compute a function by the source that derivatives follow, run in Python."""
    arguments = tuple(map(_as_arrays, arguments))
    choose = FOLLOWED[function]
    try:
        bound = inspect.signature(choose).bind(*arguments, **keywords)
        kinds = {name: _kind_of(name, each) for name, each in bound.arguments.items()}
        chosen = choose(**kinds)
    except (NumbaError, TypeError) as error:
        name = f"{function.__module__.split('.')[0]}.{function.__name__}"
        raise refusal(f"{name} has no derivative here: {error}", NO_RULE) from error
    return run(chosen)(*arguments, **keywords)


def following_source(function: Any, run: Callable[..., Any]) -> Any:
    """Return an operator that takes traced samples."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if not any(map(has_traced, (*arguments, *keywords.values()))):
            return function(*arguments, **keywords)
        return by_followed_source(function, run, arguments, keywords)

    return call


def gradient_of(function: Any, of_numpy: Callable[..., Any], run: Callable[..., Any]) -> Any:
    """Return `numgrad.gradient`, which is NumPy's where samples carry derivatives."""

    @functools.wraps(function)
    def call(f: Any, *varargs: Any, out: Any = None, **keywords: Any) -> Any:
        factors = keywords.get("scale_factors")
        if factors is not None and has_traced((f, varargs, factors, out)):
            keywords |= {} if out is None else {"out": out}
            return by_followed_source(function, run, (f, *varargs), keywords)
        is_numpys = keywords.keys() <= {"axis", "edge_order", "target"}
        if not is_numpys or not has_traced((f, varargs, out)):
            return function(f, *varargs, out=out, **keywords)
        keywords.pop("target", None)
        results = of_numpy(f, *varargs, **keywords)
        if out is None:
            return results
        pairs = zip(out, results, strict=True) if isinstance(results, tuple) else [(out, results)]
        for place, result in pairs:
            if place.shape != result.shape:
                raise ValueError("gradient: out must have the shape of f")
            place[...] = result
        return out

    return call


def moves_coordinates(arguments: tuple[Any, ...]) -> bool:
    """Return whether coordinates carry derivatives, among the arguments of a gradient."""
    moves = any(has_traced(each) and np.ndim(each) == 1 for each in arguments[1:])
    return moves and is_followed(np.gradient)


def _as_arrays(argument: Any) -> Any:
    """Return an argument with arrays in the place of lists."""
    if isinstance(argument, tuple):
        return tuple(map(_as_arrays, argument))
    if isinstance(argument, list):
        return fresh(argument) if has_traced(argument) else np.asarray(argument)
    return argument


def _kind_of(name: str, argument: Any) -> Any:
    """Return the type of an argument of numbers, and what else is an argument as it is."""
    if isinstance(argument, TracedArray):
        return types.Array(from_dtype(argument.dtype), argument.ndim, _layout_of(argument.raw))
    if isinstance(argument, Traced):
        return from_dtype(argument.dtype)
    if isinstance(argument, np.ndarray) or (name in SPACINGS and not isinstance(argument, tuple)):
        return typeof(argument)
    if isinstance(argument, tuple) and (name == FACTORS or has_traced(argument)):
        return types.Tuple([_kind_of(name, each) for each in argument])
    return argument


def _layout_of(array: Any) -> str:
    return "C" if array.flags.c_contiguous else "F" if array.flags.f_contiguous else "A"
