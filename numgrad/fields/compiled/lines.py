"""Stencils along an axis inside compiled code: those of ``fields.lines``, from the same numbers."""

import math
from functools import wraps
from typing import NamedTuple

import numpy as np

from numgrad.fields.boundaries import CONSTANT, ONE_SIDED, WRAP
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.kernels.weighing import weigh_window
from numgrad.fields.weights import central, central_reach, one_sided, points_needed
from numgrad.targets.options import formula, internal_njit


class Stencils(NamedTuple):
    """The stencils at all points of an axis, and how many ghosts they reach."""

    slots: object  # of each difference, its two offsets
    weights: object  # of each difference, one or one a point
    edge_slots: object  # of each edge point and difference
    edge_weights: object  # of each difference, one an edge point
    first: object
    last: object
    before: object
    after: object


def once(make):
    """Let one compiled function be made for equal settings, of all axes, operators and calls.

    Equal is what is written alike: 0.0 isn't -0.0.
    """
    made = {}

    @wraps(make)
    def known(*settings):
        key = repr(settings)
        if key not in made:
            made.setdefault(key, make(*settings))
        return made[key]

    return known


def conversion(dtype, followed):
    """The function that gives numbers a dtype; those that derivatives follow have it already."""
    return formula(lambda x: x) if followed else dtype.type


def marks(followed):
    """What tells the names of functions that derivatives follow from those of others."""
    return ["followed"] if followed else []


# What lies beyond an end, as numbers: compiled code takes long to compare names.
EDGE, REFLECTED, SYMMETRIC, WRAPPED, CONSTANT_WAY, NOTHING = range(6)
WAYS = ("edge", "reflect", "symmetric", WRAP, CONSTANT, ONE_SIDED)


def way_of(end):
    """Give the number of what lies beyond an end."""
    return WAYS.index(end.mirror)


@internal_njit
def mirrored_place(way, k, points):
    """Give the sample, counted from the end, that stands k places beyond it."""
    if (way != REFLECTED and way != SYMMETRIC) or points == 1:
        return 0
    if way == REFLECTED:
        turn = k % (2 * (points - 1))
        return turn if turn < points else 2 * (points - 1) - turn
    turn = (k - 1) % (2 * points)
    return turn if turn < points else 2 * points - 1 - turn


@internal_njit
def beyond(x, way, k, period, side):
    """Give the coordinate k places beyond an end."""
    points = len(x)
    last, other = (x[0], x[-1]) if side < 0 else (x[-1], x[0])
    inner = x[1] if side < 0 else x[-2]
    step = last - inner
    if way == WRAPPED:
        turns, place = (points - 1 + k) // points, (points - 1 + k) % points
        return (x[points - 1 - place] if side < 0 else x[place]) + side * turns * period
    if way == EDGE:
        return last + k * step
    reach, middle, outward = points - 1, last, k
    if way == SYMMETRIC:
        reach, middle, outward = points, last + 0.5 * step, k - 1
        next_to = x[-2] if side < 0 else x[1]
        other = other - 0.5 * (next_to - other)
    length = 2.0 * (middle - other)
    turns, place = outward // (2 * reach), outward % (2 * reach)
    if place < points:
        there = points - 1 - place
        value = 2.0 * middle - (x[points - 1 - there] if side < 0 else x[there])
    else:
        there = place - reach
        value = (x[points - 1 - there] if side < 0 else x[there]) + length
    return value + turns * length


def _filled_window(size, at):
    return [k for k in range(-at, size - at) if k]


@once
def uniform_stencils(order, accuracy, ends):
    """Make the function ``(h)`` that gives the stencils at equal distances."""
    slots, weights = central(order, accuracy)
    reach, size = central_reach(order, accuracy), points_needed(order, accuracy)
    before, after = (end.name == ONE_SIDED for end in ends)
    places = [*range(reach * before), *(size - reach + i for i in range(reach * after))]
    edges = [one_sided(size, at, order) for at in places]
    all_slots = np.array(slots, np.int64)
    all_weights = np.array(weights).reshape(-1, 1)
    edge_slots = np.array([s for s, _ in edges], np.int64).reshape(len(edges), size - 1, 2)
    edge_weights = np.array([w for _, w in edges]).reshape(len(edges), size - 1).T.copy()
    first, last = reach * before, reach * after
    ghosts_before, ghosts_after = reach - first, reach - last

    def stencils(h):
        if h == 0.0:
            raise ValueError("a spacing must not be 0")
        scale = math.pow(h, order)
        return Stencils(
            all_slots.copy(),
            all_weights / scale,
            edge_slots.copy(),
            edge_weights / scale,
            first,
            last,
            ghosts_before,
            ghosts_after,
        )

    return internal_njit(named(stencils, "uniform_stencils", order, accuracy, *map(_code, ends)))


def _code(end):
    return end.name.replace("-", "_")


@once
def varying_stencils(order, accuracy, ends, reach=None):
    """Make the function ``(x, period)`` that gives the stencils at any coordinates.

    Off the ends they have some points on either side, or as many as are needed in all.
    """
    size, order = np.int64(points_needed(order, accuracy)), np.int64(order)
    left, right = ((size - 1) // 2, size // 2) if reach is None else (np.int64(reach),) * 2
    width = left + right + 1
    most = max(size, width)
    before, after = (end.name == ONE_SIDED for end in ends)
    first_way, last_way = (np.int64(EDGE if end.name == CONSTANT else way_of(end)) for end in ends)
    to_first, to_last = np.int64(-1), np.int64(1)
    ghosts_before, ghosts_after = left * (not before), right * (not after)
    slots = np.array([(k, 0) for k in _filled_window(width, left)], np.int64)

    def stencils(x, period):
        points = len(x)
        total = ghosts_before + points + ghosts_after
        wider = np.empty(total)
        for k in range(ghosts_before):
            wider[k] = beyond(x, first_way, ghosts_before - k, period, to_first)
        for k in range(points):  # an assignment of slices compiles a message too, in seconds
            wider[ghosts_before + k] = x[k]
        for k in range(ghosts_after):
            wider[ghosts_before + points + k] = beyond(x, last_way, k + 1, period, to_last)
        first = left if before else 0
        last = right if after else 0
        weights = np.zeros((width - 1, points))
        edge_slots = np.zeros((first + last, size - 1, 2), np.int64)
        edge_weights = np.empty((size - 1, first + last))
        distances, table = np.empty(most), np.empty((most, order + 1))
        for i in range(points):
            at = i + ghosts_before
            edge = -1
            if i < first:
                edge = i
            elif i >= points - last:
                edge = first + i - (points - last)
            count = size if edge >= 0 else width
            start = min(max(at - left, 0), total - count)
            weigh_window(wider, start, count, at, order, distances, table)
            s = 0
            for j in range(count):
                if start + j != at:
                    if edge >= 0:
                        edge_slots[edge, s, 0] = start + j - at
                        edge_weights[s, edge] = table[j, order]
                    else:
                        weights[s, i] = table[j, order]
                    s += 1
        return Stencils(
            slots.copy(), weights, edge_slots, edge_weights, first, last, ghosts_before,
            ghosts_after,
        )  # fmt: skip

    name = "varying_stencils", order, accuracy, *map(_code, ends)
    return internal_njit(named(stencils, *name, *([] if reach is None else ["central"])))


@once
def coordinates_stencils(order, accuracy, ends, followed=False):
    """Make the function ``(x, period)`` for coordinates that may be at equal distances.

    Where derivatives are followed, the weights at equal distances come from the coordinates as
    elsewhere: each of them moves them.
    """
    varying = varying_stencils(order, accuracy, ends)
    wraps = ends[0].name == WRAP
    if followed:
        central = varying_stencils(order, accuracy, ends, central_reach(order, accuracy))
        at_equal_distances = formula(lambda x, step, period: central(x, period))
    elif accuracy % 2 == 0:
        uniform = uniform_stencils(order, accuracy, ends)
        at_equal_distances = formula(lambda x, step, period: uniform(step))

    def checked_period(x, period):
        if not wraps:
            return 0.0
        span = x[-1] - x[0]
        if abs(span) >= period:
            raise ValueError(
                "the coordinates span as much as the period or more: the first point must not come "
                "again at the end"
            )
        return -period if span < 0 else period

    checked = internal_njit(named(checked_period, "checked_period", wraps))

    def always(x, period):
        return varying(x, checked(x, period))

    def stencils(x, period):
        period = checked(x, period)
        step = x[1] - x[0]
        even = not wraps or x[0] + period - x[-1] == step
        for i in range(1, len(x) - 1):
            even = even and x[i + 1] - x[i] == step
        return at_equal_distances(x, step, period) if even else varying(x, period)

    chosen = always if accuracy % 2 else stencils
    name = "followed" if followed else "coordinates_stencils", order, accuracy, *map(_code, ends)
    return internal_njit(named(chosen, *name))
