"""Interpolation between samples."""

import numpy as np
from numba import types

from numgrad.arrays.definitions import are_arrays, common, define
from numgrad.arrays.sorting import values_of
from numgrad.numbers.conversions import converted
from numgrad.targets.options import internal_njit


@define(np.interp)
def _interp(x, xp, fp):
    if not are_arrays(xp, fp):
        return None
    number = common(x, xp, fp)
    if not isinstance(x, types.Array):
        return lambda x, xp, fp: interpolate(converted(x, number), values_of(x), xp, fp)

    def interpolated(x, xp, fp):
        result, line = np.empty(x.shape, number), x.ravel()
        numbers = result.reshape(-1)
        for k in range(line.size):
            at = converted(line[k], number)
            numbers[k] = interpolate(at, values_of(line[k]), xp, fp)
        return result

    return interpolated


@internal_njit
def interpolate(x, value, xp, fp):
    """Return the line through the points around x, at x; beyond all points, the last of them."""
    if xp.size == 0 or xp.size != fp.size:
        raise ValueError("fp and xp are not of the same length, or empty")
    k = np.searchsorted(xp, value, side="right") - 1
    zero = x * 0.0
    if np.isnan(value):
        return x
    if k < 0:
        return zero + fp[0]
    if k >= xp.size - 1:
        return zero + fp[xp.size - 1]
    return (x - xp[k]) * ((fp[k + 1] - fp[k]) / (xp[k + 1] - xp[k])) + fp[k]
