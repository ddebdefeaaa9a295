"""Arrays of duals counted, correlated, and accumulated where some numbers are nan."""

import numpy as np
from numba import types
from numba.np import arraymath

from numgrad.arrays.convolution import conjugates
from numgrad.arrays.creation import filled
from numgrad.arrays.definitions import (
    are_arrays,
    carries,
    common,
    constant,
    define,
    is_given,
    is_real,
    itself,
    of_number,
)
from numgrad.arrays.ranges import spaced
from numgrad.arrays.sorting import position_of_highest, position_of_lowest, values_of
from numgrad.arrays.sums import define_without_nan, without_nan
from numgrad.numbers.carrier import active_type, is_carrier, is_complex, number_of
from numgrad.numbers.conversions import converted, converted_like, primal_of
from numgrad.numbers.layouts import line_of
from numgrad.targets.options import internal_njit

# Covariances


def rows_of(kind):
    """Return the function that returns the numbers of an array with one variable a row."""
    if kind.ndim == 1:
        return internal_njit(lambda m, rowvar: m.copy().reshape(1, -1))
    return internal_njit(lambda m, rowvar: m.copy() if rowvar else m.T.copy())


def covariance_of(m, y):
    """Return the function that computes all covariances, for arrays of given types."""
    rows_of_m, number = rows_of(m), common(m, y) if is_given(y) else m.dtype
    rows_of_y = rows_of(y) if is_given(y) else None
    conjugate = conjugates if is_complex(number_of(number)) else itself

    def rows_of_both(m, y, rowvar):
        return np.concatenate((rows_of_m(m, rowvar), rows_of_y(y, rowvar)))

    rows = internal_njit(rows_of_both if is_given(y) else lambda m, y, rowvar: rows_of_m(m, rowvar))

    def covariance(m, y, rowvar, bias, ddof):
        line = rows(m, y, rowvar)
        lost = ddof if ddof is not None else (0 if bias else 1)
        count = line.shape[1]
        for i in range(line.shape[0]):
            so_far = converted(0.0, number)
            for k in range(count):
                so_far += line[i, k]
            for k in range(count):
                line[i, k] -= so_far / count
        result = np.empty((line.shape[0], line.shape[0]), number)
        for i in range(line.shape[0]):
            for j in range(line.shape[0]):
                so_far = converted(0.0, number)
                for k in range(count):
                    so_far += line[i, k] * conjugate(line[j, k])
                result[i, j] = so_far / max(count - lost, 0)
        return result

    return internal_njit(covariance)


def are_tables(m, y):
    return are_arrays(m) and m.ndim <= 2 and (not is_given(y) or are_arrays(y))


@define(np.cov)
def _cov(m, y=None, rowvar=True, bias=False, ddof=None):
    if not are_tables(m, y):
        return None
    covariance = covariance_of(m, y)
    if m.ndim == 1 and not is_given(y):
        alone = filled(m.dtype)
        return lambda m, y=None, rowvar=True, bias=False, ddof=None: alone(
            (), covariance(m, y, rowvar, bias, ddof)[0, 0]
        )
    return lambda m, y=None, rowvar=True, bias=False, ddof=None: covariance(
        m, y, rowvar, bias, ddof
    )


@define(np.corrcoef)
def _corrcoef(x, y=None, rowvar=True):
    if not are_tables(x, y) or (x.ndim == 1 and not is_given(y)):
        return None
    covariance = covariance_of(x, y)

    def correlation(x, y=None, rowvar=True):
        result = covariance(x, y, rowvar, False, None)
        variances = np.diag(result).copy()
        for i in range(result.shape[0]):
            for j in range(result.shape[1]):
                scale = np.sqrt(np.real(variances[i])) * np.sqrt(np.real(variances[j]))
                result[i, j] /= scale
        return result

    return correlation


# Counts: of numbers none have a derivative, of weights they do


@define(np.bincount)
def _bincount(a, weights=None, minlength=0):
    if not are_arrays(a, weights) or carries(a) or not is_carrier(weights.dtype):
        return None
    number = active_type(weights.dtype, types.float64)

    def counts(a, weights=None, minlength=0):
        if a.size != weights.size:
            raise ValueError("bincount(): weights and list don't have the same length")
        result = np.zeros(np.bincount(a, minlength=minlength).size, number)
        for k in range(a.size):
            result[a[k]] += weights[k]
        return result

    return counts


@define(np.histogram)
def _histogram(a, bins=10, range=None):
    if not are_arrays(a) or carries(range) or carries(bins):
        return None
    if are_arrays(bins) or is_given(range):
        return lambda a, bins=10, range=None: np.histogram(values_of(a), bins, range)
    number = a.dtype

    def histogram(a, bins=10, range=None):
        counts, _ = np.histogram(values_of(a), bins)
        return counts, spaced(np.min(a), np.max(a), bins + 1, number)

    return histogram


def define_nanquantile(function, whole):
    @define(function)
    def typed(a, q):
        if not is_real(a):
            return None
        if isinstance(q, types.Number):

            def alone(a, q):
                line = np.sort(without_nan(a))
                return quantile(line, q / whole) if line.size else constant(a, np.nan)

            return alone

        def each(a, q):
            line = np.sort(without_nan(a))
            result = np.empty_like(a.ravel()[:1].repeat(len(q)))
            for k in np.arange(len(q)):
                result[k] = quantile(line, q[k] / whole) if line.size else constant(a, np.nan)
            return result

        return each


define_nanquantile(np.nanquantile, 1.0)
define_nanquantile(np.nanpercentile, 100.0)


@define(np.asarray_chkfinite)
def _asarray_chkfinite(a, dtype=None):
    if not are_arrays(a) or is_given(dtype):
        return None

    def checked(a, dtype=None):
        if not np.isfinite(values_of(a)).all():
            raise ValueError("array must not contain infs or NaNs")
        return a

    return checked


@define(np.digitize)
def _digitize(x, bins, right=False):
    return lambda x, bins, right=False: np.digitize(values_of(x), values_of(bins), right)


@internal_njit
def mean(a):
    return np.sum(a) / a.size


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


@define(np.min, np.amin, arraymath.npy_min)
def _min(a):
    return of_number(a) or ((lambda a: a.ravel()[position_of_lowest(a)]) if is_real(a) else None)


@define(np.max, np.amax, arraymath.npy_max)
def _max(a):
    return of_number(a) or ((lambda a: a.ravel()[position_of_highest(a)]) if is_real(a) else None)


@define(np.ptp)
def _ptp(a):
    return (lambda a: np.max(a) - np.min(a)) if is_real(a) else None


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
