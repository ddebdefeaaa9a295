"""NumPy's allocations, which make arrays that can hold traced numbers where they hold floats."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer import pieces
from numgrad.tracer.arrays import TracedArray, traced
from numgrad.tracer.elements import cast, objects
from numgrad.tracer.flat import FlatIterator
from numgrad.tracer.numbers import elements_of, has_traced, plain
from numgrad.tracer.values import value_by, valued
from numgrad.tracer.views import AS_ARRAY, viewed


def constant(array: Any) -> Any:
    """Return a new array of constants that can be written to, of one of floats."""
    if type(array) is not np.ndarray or array.dtype.kind not in "fc":
        return array
    if array.dtype.kind == "c":
        return TracedArray.of(objects(array), dtype=array.dtype)
    return TracedArray(objects(array), array.dtype)


def _allocating(function: Any) -> Any:
    @functools.wraps(function)
    def allocate(*arguments: Any, **keywords: Any) -> Any:
        return constant(
            function(*map(plain, arguments), **{k: plain(v) for k, v in keywords.items()})
        )

    return allocate


def _model_of(a: Any) -> Any:
    """Return an array of NumPy's with the shape, dtype and order of a traced one."""
    if not isinstance(a, TracedArray):
        return plain(a)
    return np.empty_like(a.raw, a.dtype, subok=False)


def _like(function: Any) -> Any:
    @functools.wraps(function)
    def like(a: Any, *arguments: Any, **keywords: Any) -> Any:
        return constant(function(_model_of(a), *arguments, **keywords))

    return like


def _filled(allocate: Callable[..., Any], fill_value: Any) -> Any:
    """Return an allocated array, filled with traced numbers; of integers, with their values."""
    result = allocate()
    result[...] = fill_value if isinstance(result, TracedArray) else plain(fill_value)
    return result


def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **keywords: Any) -> Any:
    """Return `numpy.full`."""
    if not has_traced(fill_value):
        return constant(np.full(plain(shape), fill_value, dtype, order, **keywords))
    dtype = np.asarray(plain(fill_value)).dtype if dtype is None else dtype
    return _filled(lambda: constant(np.zeros(plain(shape), dtype, order)), fill_value)


def full_like(a: Any, fill_value: Any, *arguments: Any, **keywords: Any) -> Any:
    """Return `numpy.full_like`."""
    if not has_traced(fill_value):
        return constant(np.full_like(_model_of(a), fill_value, *arguments, **keywords))
    return _filled(
        lambda: constant(np.zeros_like(_model_of(a), *arguments, **keywords)), fill_value
    )


def arange(*arguments: Any, **keywords: Any) -> Any:
    """Return `numpy.arange`."""
    given = (*arguments, *keywords.values())
    if not has_traced(given):
        return np.arange(*arguments, **keywords)
    like = value_by(np.arange, arguments, keywords)
    if like.dtype.kind not in "fc":
        return like
    has_start = len(arguments) > 1 or "stop" in keywords
    places = ("start", "stop", "step") if has_start else ("stop", "step")
    bounds = dict(zip(places, arguments, strict=False)) | keywords
    elements = pieces.arange(
        elements_of(bounds.get("start", 0.0)), elements_of(bounds.get("step", 1.0)), len(like)
    )
    return traced(valued(cast(elements, like.dtype), like), "arange", given, like.dtype)


def _array(function: Any) -> Any:
    @functools.wraps(function)
    def array(x: Any, *arguments: Any, **keywords: Any) -> Any:
        if has_traced(x):
            return AS_ARRAY[function](x, *arguments, **keywords)
        made = function(x, *arguments, **keywords)
        is_new = made is not x and getattr(made, "base", None) is None
        return constant(made) if is_new else made

    return array


@functools.wraps(np.copy)
def copy(a: Any, order: Any = "K", subok: Any = False) -> Any:
    """Return `numpy.copy`."""
    if has_traced(a):
        return viewed(np.copy, (a, order), {})
    return constant(np.copy(a, order, subok=subok))


@functools.wraps(np.asarray_chkfinite)
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    """Return `numpy.asarray_chkfinite`."""
    np.asarray_chkfinite(plain(elements_of(a)) if has_traced(a) else a, dtype, order)
    return ALLOCATIONS[np.asarray](a, dtype, order)


def ndenumerate(arr: Any) -> Any:
    """Return `numpy.ndenumerate`: each number is read when its turn comes."""
    if not isinstance(arr, TracedArray):
        return np.ndenumerate(arr)
    flat = FlatIterator(arr)
    return ((flat.coords, next(flat)) for _ in range(len(flat)))


ALLOCATIONS: dict[Any, Any] = {
    np.full: full,
    np.full_like: full_like,
    np.arange: arange,
    np.copy: copy,
    np.asarray_chkfinite: asarray_chkfinite,
    np.ndenumerate: ndenumerate,
    **{f: _allocating(f) for f in (np.zeros, np.ones, np.empty, np.eye, np.identity)},
    **{f: _like(f) for f in (np.zeros_like, np.ones_like, np.empty_like)},
    **{f: _array(f) for f in AS_ARRAY},
}
