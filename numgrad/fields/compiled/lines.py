"""Stencils along an axis inside compiled code: those of ``fields.lines``, from the same numbers."""

from functools import wraps
from typing import NamedTuple

import numpy as np

from numgrad.fields.boundaries import CONSTANT, ONE_SIDED, WRAP
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.kernels.weighing import weigh_window
from numgrad.fields.weights import central, central_reach, one_sided, points_needed, power
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


# What a spacing is: a number; one with a period, which may leave another distance at the seam; the
# coordinates along an axis; those of each line of its own.
SCALAR, STRETCHED, COORDINATES, LINES = "scalar", "stretched", "coordinates", "lines"

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
def ghost_place(way, outward, points, side):
    """Give the sample that stands some places beyond an end, counted from the first."""
    if way == WRAPPED:
        return (-outward) % points if side < 0 else (outward - 1) % points
    place = mirrored_place(way, outward, points)
    return place if side < 0 else points - 1 - place


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


to_power = internal_njit(power)


@once
def uniform_stencils(order, accuracy, ends, at_ends=None):
    """Make the function ``(h)`` that gives the stencils at equal distances."""
    slots, weights = central(order, accuracy)
    reach, size = central_reach(order, accuracy), points_needed(order, at_ends or accuracy)
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
        scale = to_power(h, order)
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

    name = "uniform_stencils", order, accuracy, *map(code_of, ends), *_or_nothing(at_ends)
    return internal_njit(named(stencils, *name))


def code_of(end):
    """Give what tells an end in the names of functions."""
    return end.name.replace("-", "_")


def _or_nothing(number):
    return [] if number is None else [number]


@once
def varying_stencils(order, accuracy, ends, reach=None, at_ends=None):
    """Make the function ``(x, period)`` that gives the stencils at any coordinates.

    Off the ends they have some points on either side, or as many as are needed in all.
    """
    size, order = points_needed(order, accuracy), np.int64(order)
    left, right = (
        (np.int64((size - 1) // 2), np.int64(size // 2))
        if reach is None
        else (np.int64(reach),) * 2
    )
    width = left + right + 1
    edge_size = np.int64(points_needed(order, at_ends or accuracy))
    most = max(edge_size, width)
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
        edge_slots = np.zeros((first + last, edge_size - 1, 2), np.int64)
        edge_weights = np.empty((edge_size - 1, first + last))
        distances, table = np.empty(most), np.empty((most, order + 1))
        for i in range(points):
            at = i + ghosts_before
            edge = -1
            if i < first:
                edge = i
            elif i >= points - last:
                edge = first + i - (points - last)
            count = edge_size if edge >= 0 else width
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

    name = "varying_stencils", order, accuracy, *map(code_of, ends), *_or_nothing(at_ends)
    return internal_njit(named(stencils, *name, *([] if reach is None else ["central"])))


@once
def even_step(accuracy, ends):
    """Make the function ``(x, period)`` that gives the distance of coordinates.

    Beside it, whether all are equal and suffice for an accuracy, and the period with its sign.
    """
    wraps, is_even = ends[0].name == WRAP, accuracy % 2 == 0

    def seen(x, period):
        step, even = x[1] - x[0], is_even
        if wraps:
            span = x[-1] - x[0]
            if abs(span) >= period:
                raise ValueError(
                    "the coordinates span as much as the period or more: the first point must not "
                    "come again at the end"
                )
            period = -period if span < 0 else period
            even = even and x[0] + period - x[-1] == step
        for i in range(1, len(x) - 1):
            even = even and x[i + 1] - x[i] == step
        return step, even, period

    return internal_njit(named(seen, "even_step", wraps, is_even))


@once
def coordinates_stencils(order, accuracy, ends, followed=False, at_ends=None):
    """Make the function ``(x, period)`` for coordinates that may be at equal distances.

    Where derivatives are followed, the weights at equal distances come from the coordinates as
    elsewhere: each of them moves them.
    """
    varying = varying_stencils(order, accuracy, ends, None, at_ends)
    if followed:
        reach = central_reach(order, accuracy)
        central = varying_stencils(order, accuracy, ends, reach, at_ends)
        at_equal_distances = formula(lambda x, step, period: central(x, period))
    elif accuracy % 2 == 0:
        uniform = uniform_stencils(order, accuracy, ends, at_ends)
        at_equal_distances = formula(lambda x, step, period: uniform(step))

    seen = even_step(accuracy, ends)

    def always(x, period):
        return varying(x, seen(x, period)[2])

    def stencils(x, period):
        step, even, period = seen(x, period)
        return at_equal_distances(x, step, period) if even else varying(x, period)

    chosen = always if accuracy % 2 else stencils
    name = "followed" if followed else "coordinates_stencils", order, accuracy, *map(code_of, ends)
    return internal_njit(named(chosen, *name, *_or_nothing(at_ends)))


@once
def coordinates_of(kind, ends):
    """Make the function ``(spacing, period, points)`` that gives coordinates where they are needed.

    That is but for equal distances of any number of points.
    """

    def given(spacing, period, points):
        if len(spacing) != points:
            raise ValueError(
                "when 1d, distances must match the length of the corresponding dimension"
            )
        x = np.empty(points)
        for i in range(points):
            x[i] = spacing[i]
        return x

    def counted(spacing, period, points):  # a period may leave another distance at the seam
        return np.arange(points) * spacing

    chosen = given if kind == COORDINATES else counted
    return internal_njit(named(chosen, "coordinates_of", kind))


@once
def stencils_of(kind, order, accuracy, ends, followed, at_ends=None):
    """Make the function ``(spacing, period, points)`` that gives the stencils of an axis."""
    coordinates = coordinates_of(kind, ends)
    if kind == SCALAR:
        from_spacing = uniform_stencils(order, accuracy, ends, at_ends)

        def stencils(spacing, period, points):
            return from_spacing(spacing)

    elif kind == STRETCHED:
        from_coordinates = coordinates_stencils(order, accuracy, ends, followed, at_ends)
        from_spacing = uniform_stencils(order, accuracy, ends, at_ends)

        def stencils(spacing, period, points):
            if period == abs(spacing) * points and not followed:
                return from_spacing(spacing)
            return from_coordinates(coordinates(spacing, period, points), period)

    else:
        from_coordinates = coordinates_stencils(order, accuracy, ends, followed, at_ends)

        def stencils(spacing, period, points):
            return from_coordinates(coordinates(spacing, period, points), period)

    such = order, accuracy, *map(code_of, ends), kind, *marks(followed), *_or_nothing(at_ends)
    return internal_njit(named(stencils, "stencils", *such))


@once
def step_of(kind, accuracy, ends):
    """Make the function ``(spacing, period, points)`` like ``even_step``, of any spacing."""
    coordinates, seen = coordinates_of(kind, ends), even_step(accuracy, ends)

    def of_spacing(spacing, period, points):
        return spacing, True, period

    def of_coordinates(spacing, period, points):
        return seen(coordinates(spacing, period, points), period)

    def stretched(spacing, period, points):
        if period == abs(spacing) * points:
            return spacing, True, period
        return seen(coordinates(spacing, period, points), period)

    chosen = {SCALAR: of_spacing, STRETCHED: stretched, COORDINATES: of_coordinates}[kind]
    return internal_njit(named(chosen, "step_of", kind, accuracy, *map(code_of, ends)))
