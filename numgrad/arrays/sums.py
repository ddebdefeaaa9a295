"""Sums, products, differences."""

import numpy as np
from numba import types
from numba.np import arraymath

from numgrad.arrays.creation import elements_of
from numgrad.arrays.definitions import (
    are_arrays,
    check_axis,
    constant,
    define,
    is_given,
    is_real,
    is_whole,
    itself,
    of_number,
)
from numgrad.arrays.manipulation import alone, flattened
from numgrad.arrays.sorting import values_of
from numgrad.numbers.carrier import is_carrier
from numgrad.numbers.conversions import converted
from numgrad.numbers.layouts import line_of
from numgrad.targets.options import internal_njit

# Sums and products


@internal_njit
def total(a):
    return total_of_row(line_of(a), constant(a, 0.0))


@internal_njit
def total_of_row(line, zero):
    result = zero
    for k in range(line.size):
        result += line[k]
    return result


def totalling(a):
    """Return the function that adds up all elements of arrays of some type."""
    record = a.dtype.record_of("sum") if is_carrier(a.dtype) else None
    if record is None:
        return total
    recorded = record(total_of_row)
    return internal_njit(lambda a: recorded(line_of(a), constant(a, 0.0)))


@internal_njit
def product(a):
    line = line_of(a)
    result = constant(a, 1.0)
    for k in range(line.size):
        result *= line[k]
    return result


@define(np.sum, arraymath.array_sum)
def _sum(a, axis=None, dtype=None):
    if is_given(dtype):
        return of_other_numbers(np.sum, a, dtype)
    if is_carrier(a):
        return lambda a, axis=None, dtype=None: a
    if not are_arrays(a):
        return None
    if not is_whole(a, axis):
        return sums_along(a, axis)
    add_up = totalling(a)
    if not is_given(axis):
        return lambda a, axis=None, dtype=None: add_up(a)

    def along(a, axis=None, dtype=None):
        check_axis(axis, 1)
        return add_up(a)

    return along


def of_other_numbers(function, a, dtype):
    """Return what reduces numbers after each has become one of another type, as Numba has it."""
    if not (is_carrier(a) or (are_arrays(a) and is_carrier(a.dtype))):
        return None
    number = elements_of(types.TypeRef(a.dtype if are_arrays(a) else a), dtype, None)
    if not is_carrier(number):  # whole numbers have no derivatives
        return lambda a, axis=None, dtype=None: function(values_of(a), axis, dtype)
    if is_carrier(a):
        return lambda a, axis=None, dtype=None: converted(a, number)
    return lambda a, axis=None, dtype=None: function(in_type(a, number), axis)


@internal_njit
def in_type(a, number):
    result = np.empty(a.shape, number)
    for index, each in np.ndenumerate(a):
        result[index] = converted(each, number)
    return result


@define(np.prod, arraymath.array_prod)
def _prod(a):
    return of_number(a) or ((lambda a: product(a)) if are_arrays(a) else None)


# Sums and products of all elements so far


@internal_njit
def running_total(a):
    return running_total_of_row(a.ravel(), constant(a, 0.0))


@internal_njit
def running_total_of_row(line, zero):
    result, so_far = np.empty_like(line), zero
    for k in range(line.size):
        so_far += line[k]
        result[k] = so_far
    return result


def running(a):
    """Return the function that adds up the elements so far of arrays of some type."""
    record = a.dtype.record_of("running sum") if is_carrier(a.dtype) else None
    if record is None:
        return running_total
    recorded = record(running_total_of_row)
    return internal_njit(lambda a: recorded(a.ravel(), constant(a, 0.0)))


@internal_njit
def running_product(a):
    line = a.ravel()
    result, so_far = np.empty_like(line), constant(a, 1.0)
    for k in range(line.size):
        so_far *= line[k]
        result[k] = so_far
    return result


@define(np.cumsum, arraymath.array_cumsum)
def _cumsum(a, axis=None, dtype=None):
    if is_given(dtype):
        return of_other_numbers(np.cumsum, a, dtype)
    if is_carrier(a):
        return lambda a, axis=None, dtype=None: a
    if not are_arrays(a):
        return None
    if not is_whole(a, axis):
        return running_totals_along(a, axis)
    add_up = running(a)
    if not is_given(axis):
        return lambda a, axis=None, dtype=None: add_up(a)

    def along(a, axis=None, dtype=None):
        check_axis(axis, 1)
        return add_up(a)

    return along


@define(np.cumprod, arraymath.array_cumprod)
def _cumprod(a):
    return (lambda a: running_product(a)) if are_arrays(a) else None


@define(np.ediff1d)
def _ediff1d(ary, to_end=None, to_begin=None):
    if not are_arrays(ary):
        return None
    number = ary.dtype
    before, after = (
        nothing if not is_given(kind) else flattened if are_arrays(kind) else alone
        for kind in (to_begin, to_end)
    )

    def differences(ary, to_end=None, to_begin=None):
        line = ary.ravel()
        between = line[1:] - line[:-1]
        return np.concatenate((before(to_begin, number), between, after(to_end, number)))

    return differences


@internal_njit
def nothing(value, number):
    return np.empty(0, number)


# Along axes. Numba's own serves other numbers. It stores what an addition returns, and no temporary
# may lie in an array; and it doesn't know the zero that all axes of a tuple start from.


def sums_along(a, axis):
    """Return what adds up along one axis or some, or None where Numba's own serves."""
    if not (is_carrier(a.dtype) and is_axis(axis)):
        return None
    number, axes = a.dtype, in_tuple if isinstance(axis, types.Integer) else itself
    left = a.ndim - (1 if isinstance(axis, types.Integer) else len(axis))
    if left <= 0:
        add_up = totalling(a)

        def whole(a, axis=None, dtype=None):
            other_axes(a.ndim, axes(axis))
            return add_up(a)

        return whole
    if not number.has_temporaries:
        return None
    pick, record = chosen(left), number.record_of("sum")
    if record is None:

        def added(a, axis=None, dtype=None):
            others = other_axes(a.ndim, axes(axis))
            result = np.zeros(pick(a.shape, others), number)
            for index in np.ndindex(a.shape):
                result[pick(index, others)] += a[index]
            return result

        return added
    add_up, rows_of = record(total_of_row), rows_along(pick)

    def recorded(a, axis=None, dtype=None):
        others = other_axes(a.ndim, axes(axis))
        rows, _ = rows_of(a, others)
        result = np.empty(len(rows), number)
        for k in range(len(rows)):
            result[k] = add_up(rows[k], constant(a, 0.0))
        return result.reshape(pick(a.shape, others))

    return recorded


def rows_along(pick):
    """Make the function that moves elements into rows, one for each result of a reduction.

    It returns the rows, and the places of elements in them, in order of the elements.
    """

    @internal_njit
    def rows_along_axes(a, others):
        ends = np.zeros(pick(a.shape, others), np.intp)
        count = a.size // max(ends.size, 1)
        places, rows = np.empty(a.size, np.intp), np.empty((ends.size, count), a.dtype)
        for k, end in enumerate(np.ndindex(ends.shape)):
            ends[end] = k * count
        line = rows.reshape(-1)
        for k, index in enumerate(np.ndindex(a.shape)):
            end = pick(index, others)
            places[k] = ends[end]
            line[places[k]] = a[index]
            ends[end] += 1
        return rows, places

    return rows_along_axes


def running_totals_along(a, axis):
    """Return what adds up all elements so far along an axis, or None where Numba's own serves."""
    if not isinstance(axis, types.Integer) or not getattr(a.dtype, "has_temporaries", False):
        return None
    number, pick = a.dtype, chosen(a.ndim - 1)
    record = number.record_of("running sum")
    if record is not None:
        add_up, rows_of = record(running_total_of_row), rows_along(pick)

        def recorded(a, axis=None, dtype=None):
            rows, places = rows_of(a, other_axes(a.ndim, (axis,)))
            for k in range(len(rows)):
                rows[k] = add_up(rows[k], constant(a, 0.0))
            return rows.reshape(-1)[places].reshape(a.shape)

        return recorded

    def along(a, axis=None, dtype=None):
        others = other_axes(a.ndim, (axis,))
        so_far = np.zeros(pick(a.shape, others), number)
        result = np.empty(a.shape, number)
        for index in np.ndindex(a.shape):
            so_far[pick(index, others)] += a[index]
            result[index] = so_far[pick(index, others)]
        return result

    return along


def is_axis(axis):
    """Return whether a type is that of one axis, or of some."""
    is_tuple = isinstance(axis, types.UniTuple) and isinstance(axis.dtype, types.Integer)
    return is_tuple or isinstance(axis, types.Integer)


@internal_njit
def in_tuple(axis):
    return (axis,)


def chosen(count):
    """Return the function that picks so many items of a tuple."""
    items = ", ".join(f"items[places[{k}]]" for k in range(count))
    names = {}
    exec(f"def pick(items, places):\n    return ({items},)", names)
    return internal_njit(names["pick"])


@internal_njit
def other_axes(ndim, axes):
    """Return all axes but some."""
    is_left = np.ones(ndim, np.bool_)
    for axis in axes:
        check_axis(axis, ndim)
        if not is_left[axis]:
            raise ValueError("duplicate value in 'axis'")
        is_left[axis] = False
    return np.flatnonzero(is_left)


# Those that pass over nan


def define_running(function, running, neutral):
    @define(function)
    def typed(a):
        if not is_real(a):
            return None

        def accumulated(a):
            line = a.copy().reshape(-1)
            for k in range(line.size):
                if np.isnan(line[k]):
                    line[k] = neutral
            return running(line)

        return accumulated


define_running(np.nancumsum, np.cumsum, 0.0)


define_running(np.nancumprod, np.cumprod, 1.0)


# Those that pass over nan


@internal_njit
def without_nan(a):
    line = a.ravel()
    return line[~np.isnan(line)]


def define_without_nan(function, reduction):
    @define(function)
    def typed(a):
        return (lambda a: reduction(without_nan(a))) if is_real(a) else None


define_without_nan(np.nansum, np.sum)


define_without_nan(np.nanprod, np.prod)
