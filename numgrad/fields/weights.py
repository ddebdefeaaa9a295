"""Weights of finite differences: how many points they take, and what each counts.

Derivatives are sums of differences of samples, ``sum w_j (f_j - f_i)``: that of a constant is
exactly 0, and no digits are lost where distances differ much.
"""

from fractions import Fraction
from functools import cache

import numpy as np

from numgrad.fields.kernels.fornberg import recursion
from numgrad.fields.kernels.weighing import (
    weigh_lines,
    weigh_runs,
    weigh_runs_in_parallel,
    weighing,
)
from numgrad.fields.layout import Array
from numgrad.targets.choose import thread_count

MOST_ORDER, MOST_ACCURACY = 6, 8

# Where the second sample of a difference is no sample but 0.
ZERO = np.iinfo(np.int32).max

# How many results take as long to compute as the weights of one point.
WORK_OF_WEIGHTS = 8

# Windows of points that it pays to compile code of their own for.
WRITTEN_WINDOWS = 1 << 15

Slots = tuple[tuple[int, int], ...]  # of each difference, the offsets of its two samples


def points_needed(order: int, accuracy: int) -> int:
    """Give how many points reach an order of accuracy, wherever they lie."""
    return order + accuracy


def central_reach(order: int, accuracy: int) -> int:
    """Give the points on each side of central differences at equal distances.

    They are symmetric: an odd number of points, the last of whose errors cancels.
    """
    return (order + 1) // 2 + accuracy // 2 - 1


def power(h: float, order: int) -> float:
    """Give a power of a spacing, by products: ``pow`` rounds them otherwise, here and there."""
    result = h
    for _ in range(1, order):
        result *= h
    return result


@cache
def exact_weights(offsets: tuple[int | Fraction, ...], order: int) -> tuple[Fraction, ...]:
    """Give the weights of points at distances of 1 from the one derived at, as fractions.

    >>> [str(weight) for weight in exact_weights((-1, 0, 1), 2)]
    ['1', '-2', '1']
    """
    weights = np.empty((len(offsets), order + 1), object)
    recursion([Fraction(offset) for offset in offsets], order, weights)  # type: ignore[no-untyped-call]
    return tuple(weights[:, order])


@cache
def central(order: int, accuracy: int) -> tuple[Slots, tuple[float, ...]]:
    """Give the differences at equal distances 1 and their weights."""
    reach = central_reach(order, accuracy)
    offsets = tuple(range(-reach, reach + 1))
    weight = dict(zip(offsets, map(float, exact_weights(offsets, order)), strict=True))
    steps = range(1, reach + 1)
    if order % 2:
        return tuple((k, -k) for k in steps), tuple(weight[k] for k in steps)
    slots = tuple((side * k, 0) for k in steps for side in (-1, 1))
    return slots, tuple(weight[offset] for offset, _ in slots)


@cache
def one_sided(size: int, at: int, order: int) -> tuple[Slots, tuple[float, ...]]:
    """Give the differences of ``size`` points at distances 1, derived at the point ``at``."""
    offsets = tuple(range(-at, size - at))
    weights = exact_weights(offsets, order)
    pairs = [(k, float(w)) for k, w in zip(offsets, weights, strict=True) if k]
    return tuple((k, 0) for k, _ in pairs), tuple(w for _, w in pairs)


def weights_of_lines(x: Array, starts: Array, at: Array, size: int, order: int) -> Array:
    """Give the weights of windows of points on lines of coordinates, whose last axis runs along.

    The first axis of the result are the other points of a window, the last the windows.
    """
    lines = np.ascontiguousarray(x, np.float64).reshape(-1, x.shape[-1])
    if not lines.flags.writeable:
        lines = lines.copy()
    windows = len(starts)
    table = np.empty((size - 1, len(lines), windows))
    # copies, since the kernels would be compiled for each way that such arrays lie in memory
    starts, at = np.array(starts, np.int64), np.array(at, np.int64)
    # the windows that are each one point further than the one before
    first = last = 0
    if len(lines) * windows >= WRITTEN_WINDOWS:
        middle = windows // 2
        alike = (at == starts + at[middle] - starts[middle]) & (
            starts == starts[middle] + np.arange(windows) - middle
        )
        first = middle - int(np.argmin(alike[middle::-1])) + 1 if not alike[:middle].all() else 0
        last = middle + int(np.argmin(alike[middle:])) if not alike[middle:].all() else windows
        function = weighing(size, order, int(at[middle] - starts[middle])).address
        threads = thread_count(WORK_OF_WEIGHTS * len(lines) * (last - first))
        arguments = function, lines, starts[first], table, first, last
        if threads > 1:
            weigh_runs_in_parallel(*arguments, threads)
        else:
            weigh_runs(*arguments)
    for some in ((0, first), (last, windows)):
        weigh_lines(lines, starts, at, size, order, table, *some)
    return table.reshape(size - 1, *x.shape[:-1], windows)
