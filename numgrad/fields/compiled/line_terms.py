"""A derivative along an axis inside compiled code, where each line has weights of its own.

So it is with scale factors, and where each line has its own grid.
"""

import math
from typing import NamedTuple

import numpy as np

from numgrad.fields.boundaries import CONSTANT, ONE_SIDED
from numgrad.fields.compiled.curved import (
    balance,
    chain_line,
    factors_vary,
    inner_and_outer,
    product_line,
    scaled_line,
)
from numgrad.fields.compiled.curved import with_ghosts as factors_with_ghosts
from numgrad.fields.compiled.lines import (
    COORDINATES,
    EDGE,
    LINES,
    SCALAR,
    beyond,
    code_of,
    conversion,
    coordinates_of,
    ghost_place,
    marks,
    once,
    stencils_of,
    step_of,
    varying_stencils,
    way_of,
)
from numgrad.fields.compiled.spreads import find_index, grid_of_lines, take_line
from numgrad.fields.compiled.terms import check_points, fewest_points, times
from numgrad.fields.kernels.missing import derive_point, room_for_weights
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.weights import ZERO, central_reach, points_needed
from numgrad.targets.options import formula, internal_njit


class Derivative(NamedTuple):
    """What is known of a derivative while its caller is compiled."""

    kind: str
    order: int
    accuracy: int
    at_ends: int | None
    ends: object
    is_flux: bool  # the derivative of a factor times the first derivative
    factors: int  # how many scale factors there are


@once
def taking(count):
    """Make the function that copies all scale factors along a line."""

    def take(factors, index, axis, h):
        for k in range(count):
            take_line(factors[k], index, axis, h[k])

    def none(factors, index, axis, h):
        pass

    return internal_njit(named(take if count else none, "take", count))


@once
def varying(count):
    """Make the function that tells if the factor that is derived with the samples varies."""
    if count:
        return factors_vary
    return internal_njit(named(lambda factors, role, own, of, axis: len(factors) > 0, "vary_not"))


@internal_njit
def count_behind(shape, axis):
    """Count the points that lie between neighbours along an axis."""
    behind = 1
    for d in range(axis + 1, len(shape)):
        behind *= shape[d]
    return behind


@once
def ghost_of(dtype, ends, followed):
    """Make the function ``(flat, start, step, points, place)`` that gives a sample beyond an end.

    It is nan where nothing is.
    """
    number = conversion(dtype, followed)
    first_way, last_way = (np.int64(way_of(end)) for end in ends)
    first_is_odd, last_is_odd = (np.int64(end.sign < 0) for end in ends)
    nothing = dtype.type(math.nan)
    first, last = (nothing if end.name == ONE_SIDED else dtype.type(end.value) for end in ends)
    # a boundary that has samples, and of those without their constant
    from_first, from_last = (end.name not in (CONSTANT, ONE_SIDED) for end in ends)

    def ghost(flat, start, step, points, place):
        if place < 0:
            if not from_first:
                return first
            sample = number(flat[start + ghost_place(first_way, -place, points, -1) * step])
            return -sample if first_is_odd else sample
        if not from_last:
            return last
        outward = place - points + 1
        sample = number(flat[start + ghost_place(last_way, outward, points, 1) * step])
        return -sample if last_is_odd else sample

    names = dtype.char, *map(code_of, ends), *marks(followed)
    return internal_njit(named(ghost, "ghost", *names))


@once
def adding_line(dtype, followed):
    """Make the function that adds the derivatives along a line of samples to an output."""
    multiply, zero = times(dtype, followed), dtype.type(0)
    real_dtype = np.dtype(dtype.char.lower())
    real = conversion(real_dtype, followed and real_dtype == np.float64)

    def add(line, samples, output, start, step):
        points, before = line.weights.shape[1], line.before
        for i in range(points):
            edge = -1
            if i < line.first:
                edge = i
            elif i >= points - line.last:
                edge = line.first + i - (points - line.last)
            count = line.edge_slots.shape[1] if edge >= 0 else line.slots.shape[0]
            total = zero
            for s in range(count):
                if edge >= 0:
                    a, b = line.edge_slots[edge, s, 0], line.edge_slots[edge, s, 1]
                    weight = real(line.edge_weights[s, edge])
                else:
                    a, b = line.slots[s, 0], line.slots[s, 1]
                    weight = real(line.weights[s, i])
                left = samples[i + a + before]
                right = zero if b == ZERO else samples[i + b + before]
                if a == ZERO:
                    left = zero
                total += multiply(weight, left - right)
            output[start + i * step] += total

    return internal_njit(named(add, "add_line", dtype.char, *marks(followed)))


@once
def stencils_of_lines(derivative, followed):
    """Make the function that gives the stencils of a line with its factors."""
    kind, order, accuracy, _, ends, flux, _ = derivative
    first = varying_stencils(1, accuracy + 1, ends) if flux else None
    even_flux = accuracy % 2 == 0 and kind != LINES and flux
    balanced = balance(accuracy, ends) if even_flux else None
    is_followed_grid = followed and kind != SCALAR

    def of_slope(base, x, step, even, period, varies, inner, outer):
        if not varies:
            return scaled_line(base, outer)
        around = factors_with_ghosts(inner, base.before, base.after, first_way, last_way)
        return product_line(base, around, outer)

    def of_uneven_flux(base, x, step, even, period, varies, inner, outer):
        if not varies:
            return scaled_line(base, outer)
        around = factors_with_ghosts(inner, base.before, base.after, first_way, last_way)
        return chain_line(base, first(x, period), around, outer)

    def of_flux(base, x, step, even, period, varies, inner, outer):
        if varies and even:
            if is_followed_grid:
                raise ValueError(
                    "derivatives go through a Laplacian with scale factors where the spacing is a "
                    "number, or distances are uneven; pass the spacing"
                )
            return balanced(step, inner, outer)
        return of_uneven(base, x, step, even, period, varies, inner, outer)

    def of_uniform_flux(base, x, step, even, period, varies, inner, outer):
        if varies:
            return balanced(step, inner, outer)
        return scaled_line(base, outer)

    first_way, last_way = (np.int64(way_of(end)) for end in ends)
    such = order, accuracy, kind, flux, *map(code_of, ends), *marks(followed)
    if not flux:
        chosen = of_slope
    elif kind == SCALAR:
        chosen = of_uniform_flux
    else:
        of_uneven = internal_njit(named(of_uneven_flux, "of_uneven_flux", *such))
        chosen = of_flux if even_flux else of_uneven_flux
    return internal_njit(named(chosen, "stencils_of_line", *such))


@once
def preparing(derivative, followed):
    """Make the function that gives what is the same for all lines.

    That are the stencils without factors, coordinates, their distance, whether all are equal, and
    the period with its sign; those of each line by itself are given for its coordinates.
    """
    kind, order, accuracy = derivative.kind, derivative.order, derivative.accuracy
    ends, at_ends = derivative.ends, derivative.at_ends
    names = kind, order, accuracy, *map(code_of, ends), at_ends, *marks(followed)
    if kind == LINES:
        of_line = varying_stencils(order, accuracy, ends, None, at_ends)

        def prepared(x, spacing, period, points):
            return of_line(x, period), x, 0.0, False, period

        return internal_njit(named(prepared, "prepared_line", *names))
    make = stencils_of(kind, order, accuracy, ends, followed, at_ends)
    seen, coordinates = step_of(kind, accuracy, ends), coordinates_of(kind, ends)
    if kind == SCALAR:

        def of_axis(x, spacing, period, points):
            return make(spacing, period, points), x, spacing, True, period

    else:

        def of_axis(x, spacing, period, points):
            step, even, signed = seen(spacing, period, points)
            x = coordinates(spacing, period, points)
            return make(spacing, period, points), x, step, even, signed

    return internal_njit(named(of_axis, "prepared_axis", *names))


@internal_njit
def period_of_lines(x, axis, shape, period):
    """Give the period with the sign of the direction that all lines take."""
    values, step = x.values, x.steps[axis]
    far, all_fall = (shape[axis] - 1) * step, True
    for p in range(len(values)):
        if p // step % shape[axis] == 0:
            span = values[p + far] - values[p]
            if abs(span) >= period:
                raise ValueError(
                    "the coordinates span as much as the period or more: the first point must not "
                    "come again at the end"
                )
            all_fall = all_fall and span < 0
    return -period if all_fall else period


def spacing_of(kind, wraps, axis, followed):
    """Make the function ``(spacing, period, shape)`` that gives both as the loops take them."""
    if kind == LINES:
        grid = grid_of_lines()
        if wraps:

            def of_lines(spacing, period, shape):
                x = grid(spacing, shape)
                return x, period_of_lines(x, axis, shape, period)

            return formula(named(of_lines, "wrapped_lines", axis))
        return formula(lambda spacing, period, shape: (grid(spacing, shape), period))
    if kind == COORDINATES:
        return formula(lambda spacing, period, shape: (spacing, period))
    distance = conversion(np.dtype(np.float64), followed)
    return formula(lambda spacing, period, shape: (distance(spacing), period))


@once
def line_term(results_dtype, derivative, followed):
    """Make the function that adds a derivative along an axis to an output.

    Samples and output are contiguous and seen as one dimension. Which factors stand where is said
    by numbers: functions are compiled once for all axes and operators.
    """
    kind, order, accuracy, at_ends, ends, _, count = derivative
    fewest = fewest_points(kind, order, accuracy, ends, at_ends)
    prepare, add = preparing(derivative, followed), adding_line(results_dtype, followed)
    make = stencils_of_lines(derivative, followed)
    ghost = ghost_of(results_dtype, ends, followed)
    number = conversion(results_dtype, followed)
    take, vary, count = taking(count), varying(count), np.int64(count)
    of_lines = kind == LINES

    def derive(flat, shape, axis, spacing, period, factors, role, own, of, sign, output):
        points = shape[axis]
        check_points(points, fewest)
        if flat.size == 0:
            return
        behind, index = count_behind(shape, axis), np.zeros(len(shape), np.int64)
        x, h = np.empty(points), np.empty((count, points))
        inner, outer = np.empty(points), np.empty(points)
        varies = vary(factors, role, own, of, axis)
        if of_lines:
            take_line(spacing, index, axis, x)
        base, x, step, even, period = prepare(x, spacing, period, points)
        for n in range(flat.size // points):
            start = n // behind * behind * points + n % behind
            find_index(start, shape, index)
            if of_lines:
                take_line(spacing, index, axis, x)
                base = prepare(x, spacing, period, points)[0]
            take(factors, index, axis, h)
            inner_and_outer(h, role, own, of, sign, varies, inner, outer)
            line = make(base, x, step, even, period, varies, inner, outer)
            samples = np.empty(line.before + points + line.after, results_dtype)
            for i in range(len(samples)):
                place = i - line.before
                if 0 <= place < points:
                    samples[i] = number(flat[start + place * behind])
                else:
                    samples[i] = ghost(flat, start, behind, points, place)
            add(line, samples, output, start, behind)

    names = derivative_names(results_dtype, derivative, followed)
    return internal_njit(named(derive, "derive_lines", *names))


def derivative_names(dtype, derivative, followed):
    """Give what tells a derivative in the names of functions."""
    kind, order, accuracy, at_ends, ends, is_flux, count = derivative
    such = kind, order, accuracy, at_ends, *map(code_of, ends), is_flux, count
    return dtype.char, *such, *marks(followed)


@once
def adding_where_missing(results_dtype, derivative, followed):
    """Make the function that adds a derivative to the totals of points with missing neighbours."""
    kind, order, accuracy, _, ends, is_flux, count = derivative
    dtype = np.result_type(results_dtype, np.float64)
    ghost, number = ghost_of(dtype, ends, followed), conversion(dtype, followed)
    prepare = preparing(derivative, followed)
    take, vary, count = taking(count), varying(count), np.int64(count)
    size = np.int64(points_needed(order, accuracy))
    reach, even_reach = np.int64(size - 1), np.int64(central_reach(order, accuracy))
    width, nothing, zero = np.int64(2 * size - 1), dtype.type(math.nan), dtype.type(0)
    first_way, last_way = (np.int64(way_of(end)) for end in ends)
    far_ways = (np.int64(EDGE if end.name in (CONSTANT, ONE_SIDED) else way_of(end))
                for end in ends)  # fmt: skip
    first_far, last_far = far_ways
    order, of_lines = np.int64(order), kind == LINES

    def add(flat, shape, axis, spacing, period, factors, role, own, of, sign, lost, totals):
        points = shape[axis]
        behind, index = count_behind(shape, axis), np.zeros(len(shape), np.int64)
        x, h = np.empty(points), np.empty((count, points))
        inner, outer = np.empty(points), np.empty(points)
        varies = vary(factors, role, own, of, axis)
        if of_lines:
            take_line(spacing, index, axis, x)
        _, x, step, even, period = prepare(x, spacing, period, points)
        samples, around = np.empty(width, dtype), np.empty(width)
        distances, room = np.empty(width), room_for_weights(width, order)
        twice = varies and is_flux
        left = even_reach if even else (size - 1) // 2
        right = even_reach if even else size // 2
        for r in range(len(lost)):
            find_index(lost[r], shape, index)
            middle, start = index[axis], lost[r] - index[axis] * behind
            if of_lines:
                take_line(spacing, index, axis, x)
            take(factors, index, axis, h)
            inner_and_outer(h, role, own, of, sign, varies, inner, outer)
            for j in range(width):
                place = middle + j - reach
                around[j] = 1.0
                if 0 <= place < points:
                    samples[j] = number(flat[start + place * behind])
                    around[j] = inner[place]
                    if not even:
                        distances[j] = x[place]
                elif place < 0:
                    samples[j] = ghost(flat, start, behind, points, place)
                    around[j] = inner[ghost_place(first_way, -place, points, -1)]
                    if not even:
                        distances[j] = beyond(x, first_far, -place, period, -1)
                else:
                    outward = place - points + 1
                    samples[j] = ghost(flat, start, behind, points, place)
                    around[j] = inner[ghost_place(last_way, outward, points, 1)]
                    if not even:
                        distances[j] = beyond(x, last_far, outward, period, 1)
                if even:
                    distances[j] = (j - reach) * step
            found, total = derive_point(
                samples, distances, around, order, twice, left, right, size, zero, room
            )
            if found:
                totals[r] += outer[middle] * total
            else:
                totals[r] = nothing

    names = derivative_names(results_dtype, derivative, followed)
    return internal_njit(named(add, "add_where_missing", *names))
