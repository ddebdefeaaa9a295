"""Fornberg's recursion: the weights of any points for a derivative of any order.

Source: B. Fornberg, "Calculation of weights in finite difference formulas", SIAM Review 40 (1998),
685-691.
"""

import math

import numpy as np
from numba import prange

from numgrad.fields.kernels.unrolled import index
from numgrad.targets.cache import kernel, parallel_kernel
from numgrad.targets.options import internal_njit

SIDE_BY_SIDE = 64  # windows that are weighed at once


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
            inverse = 1 / apart
            for k in range(highest, 0, -1):
                weights[j, k] = (points[i] * weights[j, k] - k * weights[j, k - 1]) * inverse
            weights[j, 0] = points[i] * weights[j, 0] * inverse
        before = product


compiled_recursion = internal_njit(recursion)


@internal_njit
def weigh_window(x, start, size, at, order, points, weights):
    """Weigh ``size`` points of a line from ``start`` on for the derivative at the point ``at``.

    The weights stand in the last column. Distances are measured in a power of two as large as the
    window, so that products of many of them neither overflow nor vanish, and no digit is lost.
    """
    here = x[at]
    span = 0.0
    for j in range(size):
        points[j] = x[start + j] - here
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


@internal_njit
def weigh_side_by_side(x, starts, at, first, size, order, points, weights, scratch, units):
    """Weigh the points of as many windows as lie side by side in a vector register, or several.

    It is what `recursion` does for one window, in the same order, for all of them at once.
    """
    one = index(1)
    lanes = index(SIDE_BY_SIDE)
    before, product, inverse = scratch[0], scratch[1], scratch[2]
    for lane in range(lanes):
        here, span = x[at[first + lane]], 0.0
        for j in range(size):
            distance = x[starts[first + lane] + j] - here
            points[j, lane] = distance
            span = max(span, abs(distance))
        exponent = 0
        if 0.0 < span < np.inf:
            _, exponent = math.frexp(span)
        units[lane] = math.ldexp(1.0, -exponent)
        before[lane] = 1.0
    for j in range(size):
        row = points[j]
        for lane in range(lanes):
            row[lane] *= units[lane]
        for k in range(order + 1):
            row = weights[j, k]
            for lane in range(lanes):
                row[lane] = 0.0
    for lane in range(lanes):
        weights[0, 0, lane] = 1.0
    for i in range(one, index(size)):
        highest = min(i, index(order))
        pi = points[i]
        for lane in range(lanes):
            product[lane] = 1.0
        for j in range(i):
            pj = points[j]
            for lane in range(lanes):
                apart = pi[lane] - pj[lane]
                product[lane] = product[lane] * apart
                inverse[lane] = 1.0 / apart
            if j == i - one:
                for lane in range(lanes):
                    before[lane] = before[lane] / product[lane]
                for k in range(highest, index(0), -1):
                    new, same, lower = weights[i, k], weights[j, k], weights[j, k - one]
                    for lane in range(lanes):
                        new[lane] = before[lane] * (
                            np.float64(k) * lower[lane] - pj[lane] * same[lane]
                        )
                new, same = weights[i, 0], weights[j, 0]
                for lane in range(lanes):
                    new[lane] = -before[lane] * pj[lane] * same[lane]
            for k in range(highest, index(0), -1):
                same, lower = weights[j, k], weights[j, k - one]
                for lane in range(lanes):
                    same[lane] = (pi[lane] * same[lane] - np.float64(k) * lower[lane]) * inverse[
                        lane
                    ]
            same = weights[j, 0]
            for lane in range(lanes):
                same[lane] = pi[lane] * same[lane] * inverse[lane]
        for lane in range(lanes):
            before[lane] = product[lane]
    for j in range(size):
        row = weights[j, order]
        for _ in range(order):
            for lane in range(lanes):
                row[lane] *= units[lane]


@internal_njit
def weigh_some(lines, starts, at, size, order, table, first, last):
    """Weigh the points of some windows on each line."""
    points, weights = np.empty(size), np.empty((size, order + 1))
    lanes = SIDE_BY_SIDE
    all_points, all_weights = np.empty((size, lanes)), np.empty((size, order + 1, lanes))
    scratch, units = np.empty((3, lanes)), np.empty(lanes)
    for line in range(len(lines)):
        x = lines[line]
        p = first
        while p < last:
            place = at[p] - starts[p]
            together = p + lanes <= last and place == at[p + lanes - 1] - starts[p + lanes - 1]
            if together:
                for lane in range(1, lanes):
                    together = together and at[p + lane] - starts[p + lane] == place
            if together:
                weigh_side_by_side(
                    x, starts, at, p, size, order, all_points, all_weights, scratch, units
                )
                s = 0
                for j in range(size):
                    if j != place:
                        table[s, line, p : p + lanes] = all_weights[j, order]
                        s += 1
                p += lanes
                continue
            weigh_window(x, starts[p], size, at[p], order, points, weights)
            s = 0
            for j in range(size):
                if j != place:
                    table[s, line, p] = weights[j, order]
                    s += 1
            p += 1


@kernel
def weigh_lines(lines, starts, at, size, order, table):
    """Weigh the points of windows on each line, all but the one derived at.

    ``table[s, line, p]`` is the weight of the s-th other point of window p, which begins at
    ``starts[p]`` and is for the derivative at ``at[p]``.
    """
    weigh_some(lines, starts, at, size, order, table, 0, len(starts))


@parallel_kernel
def weigh_in_parallel(lines, starts, at, size, order, table, threads):
    """Do the same, each thread for its own consecutive windows."""
    count = len(starts)
    for thread in prange(threads):
        first, last = count * thread // threads, count * (thread + 1) // threads
        weigh_some(lines, starts, at, size, order, table, first, last)
