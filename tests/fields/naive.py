"""Derivatives of samples computed with fractions, slowly: what the operators are compared with."""

from fractions import Fraction

import numpy as np


def solved(matrix, right):
    """Solve linear equations with fractions, by elimination."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    n = len(rows)
    for k in range(n):
        pivot = next(i for i in range(k, n) if rows[i][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [entry / rows[k][k] for entry in rows[k]]
        for i in range(n):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [row[n] for row in rows]


def naive_weights(points, order):
    """Return the weights that derive every polynomial of so many points exactly at 0."""
    powers = range(len(points))
    factorial = Fraction(1)
    for k in range(1, order + 1):
        factorial *= k
    return solved(
        [[point**power for point in points] for power in powers],
        [factorial if power == order else Fraction(0) for power in powers],
    )


def ends_of(boundary):
    pair = isinstance(boundary, tuple) and boundary[0] != "constant"
    return boundary if pair else (boundary, boundary)


def padded(f, boundary, count):
    """Return samples along a line with ghosts, by numpy.pad."""
    sides = []
    for k, end in enumerate(ends_of(boundary)):
        width = (count, 0) if k == 0 else (0, count)
        cut = slice(0, count) if k == 0 else slice(len(f), None)
        if end == "one-sided":
            sides.append(f[:0])
        elif end[0] == "constant":
            sides.append(np.full(count, end[1], f.dtype))
        else:
            sign = -1 if end.startswith("anti") else 1
            sides.append(sign * np.pad(f, width, mode=end.removeprefix("anti"))[cut])
    return np.concatenate([sides[0], f, sides[1]]), len(sides[0])


def padded_coordinates(x, boundary, count, period):
    """Return coordinates with those of the ghosts; so few that no mirror is met twice."""
    before, after = (side.removeprefix("anti") if isinstance(side, str) else "edge"
                     for side in ends_of(boundary))  # fmt: skip
    places = range(1, count + 1)
    n, h, k = len(x), x[1] - x[0], x[-1] - x[-2]
    left = {
        "one-sided": [],
        "wrap": [x[n - p] - period for p in places] if period else [],
        "reflect": [2 * x[0] - x[p] for p in places],
        "symmetric": [2 * x[0] - h - x[p - 1] for p in places],
        "edge": [x[0] - p * h for p in places],
    }[before]
    right = {
        "one-sided": [],
        "wrap": [x[p - 1] + period for p in places] if period else [],
        "reflect": [2 * x[-1] - x[n - 1 - p] for p in places],
        "symmetric": [2 * x[-1] + k - x[n - p] for p in places],
        "edge": [x[-1] + p * k for p in places],
    }[after]
    return [*left[::-1], *x, *right]


def naive_line(f, x, order, accuracy, boundary="one-sided", period=None):
    """Return the derivatives of samples on a line, and how large their terms are."""
    n = len(f)
    spacing = isinstance(x, float | int)
    points = order + accuracy
    if spacing:
        left = right = (order + 1) // 2 + accuracy // 2 - 1
        x = [Fraction(x) * i for i in range(n)]
        period = x[1] * n
    else:
        left, right = (points - 1) // 2, points // 2
        x = [Fraction(float(value)) for value in x]
        period = None if period is None else Fraction(period)
    count = max(left, right)
    samples, shift = padded(np.asarray(f), boundary, count)
    x = padded_coordinates(x, boundary, count, period)
    result, sizes = np.empty(n), np.empty(n)
    for i in range(n):
        at = i + shift
        start, stop = at - left, at + right + 1
        if start < 0 and shift == 0:
            start, stop = 0, points
        elif stop > len(x):
            start, stop = len(x) - points, len(x)
        weights = naive_weights([x[j] - x[at] for j in range(start, stop)], order)
        terms = [w * Fraction(float(s)) for w, s in zip(weights, samples[start:stop], strict=True)]
        result[i], sizes[i] = sum(terms), sum(map(abs, terms))
    return result, sizes


def naive_differentiate(f, x, axis, order, accuracy, boundary="one-sided", period=None):
    """Return the derivatives along an axis, with one grid for all lines or one a line."""
    lines = np.moveaxis(f, axis, -1)
    grids = np.moveaxis(x, axis, -1) if np.ndim(x) > 1 else None
    result, sizes = np.empty(lines.shape), np.empty(lines.shape)
    for at in np.ndindex(lines.shape[:-1]):
        grid = x if grids is None else grids[at]
        result[at], sizes[at] = naive_line(lines[at], grid, order, accuracy, boundary, period)
    return np.moveaxis(result, -1, axis), np.moveaxis(sizes, -1, axis)


def assert_close(actual, expected, sizes, digits=14):
    """Check values up to roundings of the terms that they are sums of."""
    np.testing.assert_array_less(np.abs(actual - expected), 10.0**-digits * (sizes + 1e-300))
