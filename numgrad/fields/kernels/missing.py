"""Derivatives at points some of whose neighbours are missing, from those on the other side."""

import math

import numpy as np

from numgrad.fields.kernels.weighing import weigh_window
from numgrad.targets.cache import kernel
from numgrad.targets.options import internal_njit


@internal_njit
def window(samples, left, right, size, fewest):
    """Choose the window of points to derive from: where it begins, and how many there are.

    Samples lie around the middle one. The usual window reaches ``left`` and ``right`` of it. If one
    of its samples is missing, it is another of ``size`` points, as near as it can be; if there
    aren't as many side by side, those that there are.
    """
    middle = len(samples) // 2
    start = stop = middle
    while start > 0 and not np.isnan(samples[start - 1]):
        start -= 1
    while stop < len(samples) and not np.isnan(samples[stop]):
        stop += 1
    if start <= middle - left and middle + right < stop:
        return middle - left, left + right + 1
    if stop - start >= size:
        return min(max(middle - (size - 1) // 2, start), stop - size), size
    if stop - start >= fewest:
        return start, stop - start
    return middle, 0


@internal_njit
def room_for_weights(points, order):
    """Give arrays that ``derive_point`` works in."""
    return np.empty(points), np.empty((points, order + 1)), np.empty((points, 3))


@internal_njit
def derive_point(samples, x, inner, order, twice, left, right, size, zero, room):
    """Give ``d(inner f)`` at the middle of a row of samples, and whether there are enough of them.

    It is ``d(inner df)`` where it is derived ``twice`` so.
    """
    points, table, second = room
    middle = len(samples) // 2
    start, count = window(samples, left, right, size, order + 1)
    total = zero
    if count == 0:
        return False, total
    here, factor = samples[middle], inner[middle]
    if twice:
        weigh_window(x, start, count, middle, 2, points, second)
        weigh_window(x, start, count, middle, 1, points, table)
        slope, factor_slope = zero, 0.0
        for j in range(count):
            if start + j != middle:
                difference = samples[start + j] - here
                total += second[j, 2] * factor * difference
                slope += table[j, 1] * difference
                factor_slope += table[j, 1] * (inner[start + j] - factor)
        total += factor_slope * slope
    else:
        weigh_window(x, start, count, middle, order, points, table)
        for j in range(count):
            if start + j != middle:
                there = inner[start + j] * samples[start + j]
                total += table[j, order] * (there - factor * here)
    return True, total


@kernel
def derive_points(samples, x, inner, outer, order, twice, left, right, size, results):
    """Add the derivatives of rows of samples, each at the middle one, to the results.

    Each is ``outer`` times what ``derive_point`` gives.
    """
    room, zero = room_for_weights(samples.shape[1], order), results.dtype.type(0)
    for p in range(len(samples)):
        found, total = derive_point(
            samples[p], x[p], inner[p], order, twice, left, right, size, zero, room
        )
        if found:
            results[p] += outer[p] * total
        else:
            results[p] = math.nan
