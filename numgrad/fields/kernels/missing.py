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


@kernel
def derive_points(samples, x, inner, outer, order, twice, left, right, size, results):
    """Add the derivatives of rows of samples, each at the middle one, to the results.

    Each is ``outer d(inner f)``, or ``outer d(inner df)`` where it is derived ``twice`` so.
    """
    points = np.empty(samples.shape[1])
    weights, slopes = np.empty((samples.shape[1], 3)), np.empty((samples.shape[1], 2))
    table = np.empty((samples.shape[1], order + 1))
    middle = samples.shape[1] // 2
    for p in range(len(samples)):
        start, count = window(samples[p], left, right, size, order + 1)
        if count == 0:
            results[p] = math.nan
            continue
        total = 0.0 * results[p]
        here, factor = samples[p, middle], inner[p, middle]
        if twice:
            weigh_window(x[p], start, count, middle, 2, points, weights)
            weigh_window(x[p], start, count, middle, 1, points, slopes)
            slope, factor_slope = 0.0 * results[p], 0.0
            for j in range(count):
                if start + j != middle:
                    difference = samples[p, start + j] - here
                    total += weights[j, 2] * factor * difference
                    slope += slopes[j, 1] * difference
                    factor_slope += slopes[j, 1] * (inner[p, start + j] - factor)
            total += factor_slope * slope
        else:
            weigh_window(x[p], start, count, middle, order, points, table)
            for j in range(count):
                if start + j != middle:
                    there = inner[p, start + j] * samples[p, start + j]
                    total += table[j, order] * (there - factor * here)
        results[p] += outer[p] * total
