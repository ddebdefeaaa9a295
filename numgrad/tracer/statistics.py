"""Means, extrema, quantiles: what is chosen is chosen by value, the first of equals."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from numgrad.tracer.bodies import NoBodyError, run
from numgrad.tracer.elements import Elements, dtype_of, is_array, objects, values_of
from numgrad.tracer.lines import IMPLEMENTED, along, one, own


def by_line(function: Any) -> Callable[..., Elements]:
    """Return a reduction of every line along an axis by the body of one of whole arrays."""

    def reduction(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
        return along(lambda line: run(function, line), a, axis, keepdims)

    return reduction


def _without_nan(function: Any, line: Elements) -> Any:
    """Compute a function that may pass over nan: compiled code has those of real numbers."""
    try:
        return run(function, line)
    except NoBodyError:
        whole = getattr(np, function.__name__.removeprefix("nan"))
        return run(whole, line[~np.isnan(values_of(line))])


def _spread(function: Any) -> Callable[..., Elements]:
    """Return a reduction to a mean of squares, or its root, over the number less some."""
    power = 0.5 if function in (np.std, np.nanstd) else 1.0

    def reduction(
        a: Elements, axis: Any = None, ddof: float = 0, keepdims: bool = False
    ) -> Elements:
        def of_line(line: Elements) -> Any:
            result = _without_nan(function, line)
            if not ddof:
                return result
            count = np.count_nonzero(~np.isnan(values_of(line)))
            return result * dtype_of(result).type(count / max(count - ddof, 0)) ** power

        with np.errstate(all="ignore"):
            return along(of_line, a, axis, keepdims)

    return reduction


_function: Any
for _function in (np.mean, np.ptp, np.median, np.nansum, np.nanprod, np.nanmean):
    IMPLEMENTED[_function.__name__] = by_line(_function)


@own("nanmedian")
def nanmedian(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the number in the middle of those that aren't nan."""
    return along(lambda line: run(np.median, line[~np.isnan(values_of(line))]), a, axis, keepdims)


for _function in (np.var, np.std, np.nanvar, np.nanstd):
    IMPLEMENTED[_function.__name__] = _spread(_function)


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


def _but_nan(function: Any, extremum: Callable[..., Any]) -> Callable[..., Elements]:
    """Return an extremum that passes over nan: of complex numbers in the order that NumPy has."""

    def of_line(line: Elements) -> Any:
        try:
            return run(function, line)
        except NoBodyError:
            return extremum(line[~np.isnan(values_of(line))])

    return lambda a, axis=None, keepdims=False: along(of_line, a, axis, keepdims)


IMPLEMENTED["nanmax"], IMPLEMENTED["nanmin"] = (
    _but_nan(np.nanmax, highest),
    _but_nan(np.nanmin, lowest),
)


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


def _run_with(function: Any, q: float, line: Elements) -> Any:
    return run(function, line, q)


def _quantiles(function: Any) -> Callable[..., Elements]:
    """Return a reduction to the numbers that some shares of all lie below."""

    def reduction(a: Elements, q: Any, axis: Any = None) -> Elements:
        shares = np.asarray(values_of(q), float)
        results = [
            along(partial(_run_with, function, float(share)), a, axis) for share in shares.flat
        ]
        if not shares.ndim:
            return results[0]
        block = np.stack([each if is_array(each) else one(each) for each in results])
        return block.reshape(shares.shape + block.shape[1:])

    return reduction


for _function in (np.quantile, np.percentile, np.nanquantile, np.nanpercentile):
    IMPLEMENTED[_function.__name__] = _quantiles(_function)
