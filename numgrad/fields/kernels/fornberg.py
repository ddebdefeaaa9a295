"""Fornberg's recursion: the weights of any points for a derivative of any order.

Source: B. Fornberg, "Calculation of weights in finite difference formulas", SIAM Review 40 (1998),
685-691.
"""

import math

import numpy as np

from numgrad.targets.cache import kernel
from numgrad.targets.options import internal_njit


def recursion(points, order, weights):
    """Fill ``weights[j, k]`` with the weight of each point in the derivative of order k at 0.

    Python runs it on fractions, for weights that are exact, and compiled code on numbers.
    """
    weights[:, :] = 0 * points[0]
    weights[0, 0] = 1 + 0 * points[0]
    before = 1 + 0 * points[0]
    for i in range(1, len(points)):
        highest = min(i, order)
        product = 1 + 0 * points[0]
        for j in range(i):
            apart = points[i] - points[j]
            product = product * apart
            if j == i - 1:
                ratio = before / product
                for k in range(highest, 0, -1):
                    weights[i, k] = ratio * (k * weights[j, k - 1] - points[j] * weights[j, k])
                weights[i, 0] = -ratio * points[j] * weights[j, 0]
            for k in range(highest, 0, -1):
                weights[j, k] = (points[i] * weights[j, k] - k * weights[j, k - 1]) / apart
            weights[j, 0] = points[i] * weights[j, 0] / apart
        before = product


compiled_recursion = internal_njit(recursion)


@internal_njit
def weigh_window(x, start, size, at, order, points, weights):
    """Weigh ``size`` points of a line from ``start`` on for the derivative at the point ``at``.

    The weights stand in the last column. Distances are measured in a power of two as large as the
    window, so that products of many of them neither overflow nor vanish, and no digit is lost.
    """
    here = np.float64(x[at])
    span = 0.0
    for j in range(size):
        points[j] = np.float64(x[start + j]) - here
        span = max(span, abs(points[j]))
    exponent = 0
    if 0.0 < span < np.inf:
        _, exponent = math.frexp(span)
    unit = math.ldexp(1.0, -exponent)
    for j in range(size):
        points[j] *= unit
    compiled_recursion(points[:size], order, weights[:size])
    for j in range(size):
        for _ in range(order):
            weights[j, order] *= unit


@kernel
def weigh_lines(lines, starts, at, size, order, table):
    """Weigh the points of windows on each line, all but the one derived at.

    ``table[s, line, p]`` is the weight of the s-th other point of window p, which begins at
    ``starts[p]`` and is for the derivative at ``at[p]``.
    """
    points, weights = np.empty(size), np.empty((size, order + 1))
    for line in range(len(lines)):
        x = lines[line]
        for p in range(len(starts)):
            weigh_window(x, starts[p], size, at[p], order, points, weights)
            s = 0
            for j in range(size):
                if starts[p] + j != at[p]:
                    table[s, line, p] = weights[j, order]
                    s += 1
