"""Arrays of duals to numbers: sums, products, extrema and statistics, and those that accumulate.

What is a choice of one element carries the derivative of the first that attains it, the one that
NumPy's argmin and argmax point at; only the functions of two numbers share a tie.
"""

import numpy as np
from numba import types
from numba.np import arraymath

from numgrad.arrays.creation import elements_of
from numgrad.arrays.definitions import (
    are_arrays,
    constant,
    define,
    is_given,
)
from numgrad.arrays.manipulation import values_of
from numgrad.numbers.carrier import is_carrier, is_complex, number_of
from numgrad.numbers.conversions import converted, converted_like, primal_of
from numgrad.numbers.layouts import line_of
from numgrad.targets.options import internal_njit

# Sums and products


@internal_njit
def total(a):
    line = line_of(a)
    result = constant(a, 0.0)
    for k in range(line.size):
        result += line[k]
    return result


@internal_njit
def product(a):
    line = line_of(a)
    result = constant(a, 1.0)
    for k in range(line.size):
        result *= line[k]
    return result


@internal_njit
def check_axis(axis, ndim):
    if not -ndim <= axis < ndim:
        raise ValueError("axis is out of bounds for the array")


def is_whole(a, axis):
    """Return whether a reduction along an axis leaves a number."""
    return not is_given(axis) or (isinstance(axis, types.Integer) and a.ndim == 1)


@define(np.sum, arraymath.array_sum)
def _sum(a, axis=None, dtype=None):
    if is_given(dtype):
        return of_other_numbers(np.sum, a, dtype)
    if is_carrier(a):
        return lambda a, axis=None, dtype=None: a
    if not are_arrays(a) or not is_whole(a, axis):
        return None  # Numba's own sums along an axis take duals
    if not is_given(axis):
        return lambda a, axis=None, dtype=None: total(a)

    def along(a, axis=None, dtype=None):
        check_axis(axis, 1)
        return total(a)

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
    return itself(a) or ((lambda a: product(a)) if are_arrays(a) else None)


def itself(a):
    """Return what a reduction of one number gives: the number; None for anything else."""
    return (lambda a: a) if is_carrier(a) else None


@internal_njit
def mean(a):
    return total(a) / a.size


@define(np.mean, arraymath.array_mean)
def _mean(a):
    if is_carrier(a):
        return lambda a: a + converted_like(a, 0)
    return (lambda a: mean(a)) if are_arrays(a) else None


@internal_njit
def variance(a):
    line, middle = line_of(a), mean(a)
    result = np.real(constant(a, 0.0))
    for k in range(line.size):
        result += square_of(line[k] - middle)
    return result / a.size


def square_of(number):
    raise NotImplementedError("compiled code only")


@define(square_of)
def _square_of(number):
    """Return the square of the absolute value of a number."""
    if is_complex(number.number):
        return lambda number: np.real(number * np.conj(number))
    return lambda number: number * number


@define(np.var, arraymath.array_var)
def _var(a):
    return (lambda a: variance(a)) if are_arrays(a) else None


@define(np.std, arraymath.array_std)
def _std(a):
    if is_carrier(a):
        return lambda a: np.std(primal_of(a))
    return (lambda a: np.sqrt(variance(a))) if are_arrays(a) else None


# Sums and products of all elements so far


@internal_njit
def running_total(a):
    line = a.ravel()
    result, so_far = np.empty_like(line), constant(a, 0.0)
    for k in range(line.size):
        so_far += line[k]
        result[k] = so_far
    return result


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
    if not are_arrays(a) or not is_whole(a, axis):
        return None
    if not is_given(axis):
        return lambda a, axis=None, dtype=None: running_total(a)

    def along(a, axis=None, dtype=None):
        check_axis(axis, 1)
        return running_total(a)

    return along


@define(np.cumprod, arraymath.array_cumprod)
def _cumprod(a):
    return (lambda a: running_product(a)) if are_arrays(a) else None


# Extrema. NumPy's are nan where there is one; Numba's own code looks for it in floats alone.


def is_real(a):
    return are_arrays(a) and is_carrier(a.dtype) and isinstance(number_of(a.dtype), types.Float)


@internal_njit
def position_of_lowest(a):
    """Return where the first of the lowest numbers is, or the first nan."""
    line = a.ravel()
    if line.size == 0:
        raise ValueError("zero-size array to reduction operation without an identity")
    place, lowest = 0, primal_of(line[0])
    for k in range(1, line.size):
        number = primal_of(line[k])
        if np.isnan(lowest):
            break
        if number < lowest or np.isnan(number):
            place, lowest = k, number
    return place


@internal_njit
def position_of_highest(a):
    """Return where the first of the highest numbers is, or the first nan."""
    line = a.ravel()
    if line.size == 0:
        raise ValueError("zero-size array to reduction operation without an identity")
    place, highest = 0, primal_of(line[0])
    for k in range(1, line.size):
        number = primal_of(line[k])
        if np.isnan(highest):
            break
        if number > highest or np.isnan(number):
            place, highest = k, number
    return place


@define(np.min, np.amin, arraymath.npy_min)
def _min(a):
    return itself(a) or ((lambda a: a.ravel()[position_of_lowest(a)]) if is_real(a) else None)


@define(np.max, np.amax, arraymath.npy_max)
def _max(a):
    return itself(a) or ((lambda a: a.ravel()[position_of_highest(a)]) if is_real(a) else None)


@define(np.ptp)
def _ptp(a):
    return (lambda a: np.max(a) - np.min(a)) if is_real(a) else None


@define(np.argmin, arraymath.array_argmin)
def _argmin(a, axis=None):
    if not is_real(a) or not is_whole(a, axis):
        return None
    return lambda a, axis=None: position_of_lowest(a)


@define(np.argmax, arraymath.array_argmax)
def _argmax(a, axis=None):
    if not is_real(a) or not is_whole(a, axis):
        return None
    return lambda a, axis=None: position_of_highest(a)


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
define_without_nan(np.nanmean, np.mean)
define_without_nan(np.nanvar, np.var)
define_without_nan(np.nanstd, np.std)


def define_extremum(function, reduction):
    @define(function)
    def typed(a):
        if not is_real(a):
            return None

        def extremum(a):
            numbers = without_nan(a)
            return reduction(numbers) if numbers.size or not a.size else constant(a, np.nan)

        return extremum


define_extremum(np.nanmin, np.min)
define_extremum(np.nanmax, np.max)


# Places in the sorted numbers


@internal_njit
def between(line, position):
    """Return the number at a position in sorted ones; in between, on the line from one to next."""
    k = int(np.floor(position))
    if k + 1 >= line.size:
        return line[line.size - 1]
    return line[k] + (line[k + 1] - line[k]) * (position - k)


@internal_njit
def middle_of(a):
    if a.size == 0 or np.isnan(a).any():
        return constant(a, np.nan)
    line = np.sort(a.ravel())
    half = line.size // 2
    return line[half] if line.size % 2 else (line[half - 1] + line[half]) / 2


@define(np.median)
def _median(a):
    return (lambda a: middle_of(a)) if is_real(a) else None


@internal_njit
def quantile(line, share):
    """Return the number that a share of sorted ones lie below."""
    if not 0.0 <= share <= 1.0:
        raise ValueError("the share of numbers must lie between none and all")
    return line[-1] if np.isnan(line[-1]) else between(line, share * (line.size - 1))


def define_quantile(function, whole):
    @define(function)
    def typed(a, q):
        if not is_real(a):
            return None
        if isinstance(q, types.Number):
            return lambda a, q: quantile(np.sort(a.ravel()), q / whole)

        def each(a, q):
            line = np.sort(a.ravel())
            result = np.empty_like(line[:1].repeat(len(q)))
            for k in range(len(q)):
                result[k] = quantile(line, q[k] / whole)
            return result

        return each


define_quantile(np.quantile, 1.0)
define_quantile(np.percentile, 100.0)
