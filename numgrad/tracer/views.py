"""NumPy's functions that return views, or the very array they are given, where they can.

They are called on arrays that lie in memory as those do that they stand for, so that what NumPy
returns tells which it is: the same object, a view, or a copy.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.arrays import COPY, TracedArray, fresh
from numgrad.tracer.elements import is_array
from numgrad.tracer.numbers import TracedNumber, has_traced
from numgrad.tracer.operators import computed_by
from numgrad.tracer.places import refusal

VIEWS = frozenset(
    """
    array_split atleast_1d atleast_2d atleast_3d broadcast_arrays broadcast_to copy diagonal dsplit
    expand_dims flip fliplr flipud hsplit matrix_transpose moveaxis permute_dims ravel reshape
    rollaxis rot90 sliding_window_view split squeeze swapaxes transpose unstack vsplit
    """.split()
)
# Those that take any number of arrays, and return as many.
SEVERAL = (np.atleast_1d, np.atleast_2d, np.atleast_3d, np.broadcast_arrays)


def viewed(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what a function of views gives for traced arrays."""
    if function in SEVERAL:
        return _several(function, arguments, keywords)
    if not arguments:  # the array is given by its name
        name = next(name for name, x in keywords.items() if has_traced(x))
        source, others = fresh(keywords[name]), {k: v for k, v in keywords.items() if k != name}
        result = function(**{name: source.raw}, **others)
    else:
        source = fresh(arguments[0])
        result = function(source.raw, *arguments[1:], **keywords)
    operands = (*arguments, *keywords.values())
    if isinstance(result, list | tuple):
        return type(result)(source.taken(each, function.__name__, operands) for each in result)
    taken = source.taken(result, function.__name__, operands)
    is_number = isinstance(arguments[0] if arguments else source, TracedNumber)
    return taken[()] if is_number and not taken.ndim else taken


def _several(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    sources = [fresh(each) if has_traced(each) else each for each in arguments]
    inside = [each.raw if isinstance(each, TracedArray) else each for each in sources]
    results = function(*inside, **keywords)
    alone = is_array(results)
    pairs = zip(sources, [results] if alone else results, strict=True)
    taken = [
        source.taken(each, function.__name__, arguments)
        if isinstance(source, TracedArray)
        else each
        for source, each in pairs
    ]
    return taken[0] if alone else type(results)(taken)


# Parts of complex numbers


def real(x: Any) -> Any:
    """Return `numpy.real`: the array itself, or a view of the real parts."""
    return x.real if isinstance(x, TracedArray) else computed_by(np.real, (x,))


def imag(x: Any) -> Any:
    """Return `numpy.imag`: a view of the imaginary parts, or zeros."""
    return x.imag if isinstance(x, TracedArray) else computed_by(np.imag, (x,))


def real_if_close(a: Any, tol: float = 100) -> Any:
    """Return `numpy.real_if_close`: the real parts if all others are about 0 by their values."""
    array = fresh(a)
    clean = np.real_if_close(array.values, tol)
    taken = array.real if clean.dtype.kind == "f" else array
    return taken if isinstance(a, TracedArray) or taken.ndim else taken[()]


def diag(v: Any, k: int = 0) -> Any:
    """Return the diagonal of a matrix, a view; or a matrix with a diagonal."""
    array = fresh(v)
    if array.ndim == 2:
        return np.diagonal(array, k)
    values = np.diag(np.ones(array.shape), k)
    result = TracedArray.of(np.zeros(values.shape, array.dtype).astype(object), dtype=array.dtype)
    result[values != 0.0] = array
    return result


def as_strided(
    x: Any, shape: Any = None, strides: Any = None, subok: bool = False, writeable: bool = True
) -> Any:
    """Return a view with strides in bytes of the numbers that the objects stand for."""
    array = fresh(x)
    if strides is not None:
        if any(s % array.itemsize for s in strides):
            raise refusal(f"a view of parts of {array.dtype} has no derivative here.", COPY)
        strides = tuple(s * array.raw.itemsize // array.itemsize for s in strides)
    raw = np.lib.stride_tricks.as_strided(array.raw, shape, strides, subok, writeable)
    return array.taken(raw, "as_strided", (x,))


def shares_memory(function: Any) -> Callable[..., Any]:
    """Return a function that tells whether two arrays share memory."""

    def shares(*arguments: Any, **keywords: Any) -> Any:
        inside = [each.raw if isinstance(each, TracedArray) else each for each in arguments]
        return function(*inside, **keywords)

    return shares


PARTS: dict[Any, Callable[..., Any]] = {
    np.real: real,
    np.imag: imag,
    np.real_if_close: real_if_close,
    np.diag: diag,
    np.shares_memory: shares_memory(np.shares_memory),
    np.may_share_memory: shares_memory(np.may_share_memory),
}


# Arrays of arrays


def as_array(function: Any) -> Callable[..., Any]:
    """Return one of the functions that make an array of anything, for traced numbers too."""

    def array(x: Any, dtype: Any = None, *more: Any, **keywords: Any) -> Any:
        source = fresh(x)
        if dtype is not None and source.dtype != dtype:
            result = source.astype(dtype)
            if not isinstance(result, TracedArray):
                return function(result, None, *more, **keywords)
            source = result
        return source.taken(function(source.raw, None, *more, **keywords), "array", (x,))

    return array


AS_ARRAY = {
    function: as_array(function)
    for function in (
        np.array,
        np.asarray,
        np.asanyarray,
        np.ascontiguousarray,
        np.asfortranarray,
        np.require,
    )
}
