"""Means, extrema, quantiles: what is chosen is chosen by value, the first of equals."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from numgrad.tracer.elements import (
    Elements,
    computed,
    constants,
    dtype_of,
    is_array,
    objects,
    values_of,
)
from numgrad.tracer.lines import OWN, along, one, own, real_dtype, whole
from numgrad.tracer.numbers import NO_RULE
from numgrad.tracer.places import refusal


def count_along(elements: Elements, axis: Any) -> int:
    shape = elements.shape
    if axis is None:
        return math.prod(shape)
    return math.prod(shape[k] for k in (axis if isinstance(axis, tuple) else (axis,)))


@own("mean")
def mean(a: Elements, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Elements:
    """Return the sum over the number of elements."""
    _refuse_dtype("mean", dtype)
    a = objects(a)
    return computed(np.divide, _sum(a, axis, keepdims), real_dtype(a).type(count_along(a, axis)))


def _sum(a: Elements, axis: Any, keepdims: bool) -> Elements:
    a = a if is_array(a) else one(a)
    return constants(whole(np.sum(a, axis=axis, keepdims=keepdims), [a]))


def _refuse_dtype(name: str, dtype: Any) -> None:
    if dtype is not None:
        raise refusal(f"numpy.{name} with dtype has no derivative here.", NO_RULE)


@own("average")
def average(a: Elements, axis: Any = None, weights: Any = None) -> Elements:
    """Return the mean, or the weighted mean."""
    if weights is None:
        return mean(a, axis)
    a, weights = objects(a), objects(np.asarray(weights))
    if weights.shape != a.shape:
        weights = weights.reshape([n if k == axis else 1 for k, n in enumerate(a.shape)])
        weights = np.broadcast_to(weights, a.shape)
    total = computed(np.multiply, a, weights)
    return computed(np.divide, _sum(total, axis, False), _sum(weights, axis, False))


@own("var")
def var(
    a: Elements, axis: Any = None, dtype: Any = None, ddof: int = 0, keepdims: bool = False
) -> Elements:
    """Return the mean square of the distance from the mean."""
    _refuse_dtype("var", dtype)
    a = objects(a)
    apart = computed(np.subtract, a, mean(a, axis, keepdims=True))
    if dtype_of(a).kind == "c":
        square = computed(np.real, computed(np.multiply, apart, computed(np.conjugate, apart)))
    else:
        square = computed(np.multiply, apart, apart)
    return computed(
        np.divide, _sum(square, axis, keepdims), real_dtype(a).type(count_along(a, axis) - ddof)
    )


@own("std")
def std(
    a: Elements, axis: Any = None, dtype: Any = None, ddof: int = 0, keepdims: bool = False
) -> Elements:
    """Return the root of the variance."""
    return computed(np.sqrt, var(a, axis, dtype, ddof, keepdims))


# Choices by value: the first of equals, the one that argmin and argmax point at


@own("max", "amax")
def highest(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the first of the highest elements, or the first nan."""
    return along(lambda line: line[np.argmax(values_of(line))], _not_empty(a), axis, keepdims)


@own("min", "amin")
def lowest(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the first of the lowest elements, or the first nan."""
    return along(lambda line: line[np.argmin(values_of(line))], _not_empty(a), axis, keepdims)


def _not_empty(a: Elements) -> Elements:
    if is_array(a) and not a.size:
        raise ValueError("zero-size array to reduction operation without an identity")
    return a


@own("ptp")
def ptp(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the highest less the lowest."""
    return computed(np.subtract, highest(a, axis, keepdims), lowest(a, axis, keepdims))


def _sorted(line: Elements) -> Elements:
    return line[np.argsort(values_of(line), kind="stable")]


@own("sort")
def sort(a: Elements, axis: Any = -1, kind: Any = None) -> Elements:  # noqa: ARG001
    """Return the elements in the order of their values."""
    a = objects(a)
    if axis is None:
        return _sorted(a.ravel())
    order = np.argsort(values_of(a), axis=axis, kind="stable")
    return np.take_along_axis(a, order, axis)


@own("partition")
def partition(a: Elements, kth: Any, axis: Any = -1, kind: Any = None) -> Elements:  # noqa: ARG001
    """Return the elements in the places that NumPy gives to their values."""
    a = objects(a)
    if axis is None:
        a, axis = a.ravel(), 0
    places = np.partition(values_of(a), kth, axis)
    # The first of equals goes to the first of the places that their value has.
    source = np.argsort(values_of(a), axis=axis, kind="stable")
    target = np.argsort(places, axis=axis, kind="stable")
    result = np.empty_like(a)
    np.put_along_axis(result, target, np.take_along_axis(a, source, axis), axis)
    return result


@own("unique")
def unique(ar: Elements) -> Elements:
    """Return the first of equals, in order."""
    line = np.ravel(ar)
    return line[np.unique(values_of(line), return_index=True)[1]]


def _between(line: Elements, position: float) -> Any:
    """Return the element at a position in sorted ones; in between, on the line to the next."""
    k = int(position)
    if k + 1 >= line.size:
        return line[-1]
    part = dtype_of(line).type(position - k)
    rise = computed(np.multiply, computed(np.subtract, line[k + 1], line[k]), part)
    return computed(np.add, line[k], rise)


def _quantile(line: Elements, share: float) -> Any:
    if not 0.0 <= share <= 1.0:
        raise ValueError("the share of numbers must lie between none and all")
    line = _sorted(line)
    is_nan = line.size and np.isnan(values_of(line[-1]))
    return line[-1] if is_nan else _between(line, share * (line.size - 1))


def _quantiles(a: Elements, q: Any, axis: Any, whole: float) -> Elements:
    shares = np.asarray(values_of(q)) / whole
    results = [along(partial(_quantile, share=share), a, axis) for share in shares.flat]
    if shares.ndim == 0:
        return results[0]
    block = np.stack([each if is_array(each) else one(each) for each in results])
    return block.reshape(shares.shape + block.shape[1:])


@own("quantile")
def quantile(a: Elements, q: Any, axis: Any = None) -> Elements:
    """Return the numbers that some shares of all lie below."""
    return _quantiles(a, q, axis, 1.0)


@own("percentile")
def percentile(a: Elements, q: Any, axis: Any = None) -> Elements:
    """Return the numbers that so many of a hundred lie below."""
    return _quantiles(a, q, axis, 100.0)


@own("median")
def median(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the number in the middle, or the mean of the two."""

    def middle(line: Elements) -> Any:
        values = values_of(line)
        if not line.size or np.isnan(values).any():
            return values.dtype.type(np.nan)
        line, half = _sorted(line), line.size // 2
        if line.size % 2:
            return line[half]
        return computed(np.divide, computed(np.add, line[half - 1], line[half]), 2.0)

    return along(middle, a, axis, keepdims)


def _without_nan(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reduction that passes over nan."""

    def reduction(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
        def of_line(line: Elements) -> Any:
            values = values_of(line)
            return function(line[~np.isnan(values)])

        return along(of_line, a, axis, keepdims)

    return reduction


def _or_nan(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda line: function(line) if line.size else np.float64(np.nan)


OWN["nansum"] = _without_nan(lambda line: _sum(line, None, False))
OWN["nanprod"] = _without_nan(lambda line: constants(whole(np.prod(line), [line])))
OWN["nanmean"] = _without_nan(_or_nan(mean))
OWN["nanvar"] = _without_nan(_or_nan(var))
OWN["nanstd"] = _without_nan(_or_nan(std))
OWN["nanmax"] = _without_nan(_or_nan(highest))
OWN["nanmin"] = _without_nan(_or_nan(lowest))
OWN["nanmedian"] = _without_nan(_or_nan(median))
