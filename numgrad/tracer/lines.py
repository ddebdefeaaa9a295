"""What NumPy's functions on elements share: lines of an array, and the list of functions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.elements import (
    Elements,
    dtype_of,
    is_array,
    objects,
)

IMPLEMENTED: dict[str, Callable[..., Any]] = {}


def own(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what stands for NumPy's functions of some names, on elements."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        IMPLEMENTED.update(dict.fromkeys(names, function))
        return function

    return add


def along(
    function: Callable[[Any], Any], elements: Elements, axis: Any = None, keepdims: bool = False
) -> Any:
    """Return what a function of a line gives for the lines along some axes."""
    elements = objects(elements) if is_array(elements) else objects(np.asarray(elements))
    ndim = elements.ndim
    axes = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(np.lib.array_utils.normalize_axis_tuple(axes, ndim))
    others = [k for k in range(ndim) if k not in axes]
    lines = elements.transpose(*others, *axes)
    shape = lines.shape[: len(others)]
    results = np.empty(shape, object)
    for index in np.ndindex(shape):
        results[index] = function(lines[(*index, ...)].ravel())
    if keepdims:
        return results.reshape([1 if k in axes else n for k, n in enumerate(elements.shape)])
    return results if shape else results[()]


def whole(elements: Any, inside: list[Any]) -> Any:
    """Return floats where nothing was added up or multiplied and NumPy left a whole number."""
    if type(elements) in (int, float):
        dtypes = [dtype_of(each) for each in inside if is_array(each)]
        return (np.result_type(*dtypes) if dtypes else np.dtype(float)).type(elements)
    if is_array(elements) and elements.dtype == object and elements.ndim == 0:
        return elements[()]
    return elements


def one(element: Any) -> Any:
    array = np.empty((), object)
    array[()] = element
    return array


def real_dtype(a: Elements) -> Any:
    """Return the dtype of the absolute values of elements."""
    return np.zeros((), dtype_of(a)).real.dtype
