"""Arrays of duals counted, correlated, and accumulated where some numbers are nan."""

import numpy as np
from numba import types

from numgrad.arrays.creation import filled, number_among, spaced
from numgrad.arrays.definitions import (
    are_arrays,
    carries,
    common,
    constant,
    define,
    is_given,
    item,
)
from numgrad.arrays.manipulation import conjugates, itself, values_of
from numgrad.arrays.reductions import is_real, quantile, without_nan
from numgrad.numbers.carrier import active_type, is_carrier, is_complex, number_of
from numgrad.numbers.conversions import converted, primal_of
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


def define_quantile(function, whole):
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


define_quantile(np.nanquantile, 1.0)
define_quantile(np.nanpercentile, 100.0)


# Sequences whose ratios are all the same


@define(np.logspace)
def _logspace(start, stop, num=50):
    number = number_among(start, stop)
    return lambda start, stop, num=50: 10.0 ** spaced(start, stop, num, number)


@define(np.geomspace)
def _geomspace(start, stop, num=50):
    number = number_among(start, stop)
    if is_complex(number_of(number)):
        return None

    def geometric(start, stop, num=50):
        if start == 0 or stop == 0:
            raise ValueError("Geometric sequence cannot include zero")
        result = np.empty(num, number)
        for k in range(num):
            result[k] = start * (stop / start) ** (k / max(num - 1, 1))
        if num > 1:
            result[num - 1] = stop
        return result

    return geometric


# What depends on types and values alone


def is_complex_object(kind):
    return is_complex(number_of(item(kind)))


@define(np.iscomplexobj)
def _iscomplexobj(x):
    answer = is_complex_object(x)
    return lambda x: answer


@define(np.isrealobj)
def _isrealobj(x):
    answer = not is_complex_object(x)
    return lambda x: answer


@define(np.isscalar)
def _isscalar(element):
    answer = is_carrier(element)
    return lambda element: answer


@define(np.iscomplex)
def _iscomplex(x):
    return lambda x: np.iscomplex(values_of(x))


@define(np.isreal)
def _isreal(x):
    return lambda x: np.isreal(values_of(x))


@define(np.asarray_chkfinite)
def _asarray_chkfinite(a, dtype=None):
    if not are_arrays(a) or is_given(dtype):
        return None

    def checked(a, dtype=None):
        if not np.isfinite(values_of(a)).all():
            raise ValueError("array must not contain infs or NaNs")
        return a

    return checked


@define(np.unwrap)
def _unwrap(p, discont=None, axis=-1, period=2 * np.pi):
    if not are_arrays(p) or carries(discont) or carries(period):
        return None
    is_limited = is_given(discont)

    def unwrapped(p, discont=None, axis=-1, period=2 * np.pi):
        if axis != -1 and axis != p.ndim - 1:
            raise ValueError('Value for argument "axis" is not supported')
        result = p.copy()
        rows = result.reshape((-1, p.shape[-1]))
        limit = discont if is_limited else period / 2
        for i in range(rows.shape[0]):
            turns, before = 0.0, primal_of(rows[i, 0])
            for k in range(1, rows.shape[1]):
                number = primal_of(rows[i, k])
                turns += turn(number - before, limit, period)
                before = number
                rows[i, k] += turns
        return result

    return unwrapped


@internal_njit
def turn(step, limit, period):
    """Return what to add to a step of an angle so that it is the shortest one."""
    if np.abs(step) < limit:
        return 0.0
    shortest = (step + period / 2) % period - period / 2
    if shortest == -period / 2 and step > 0:
        shortest = period / 2
    return shortest - step
