"""A derivative along an axis inside compiled code, where all lines have the same weights."""

import numpy as np

from numgrad.fields.boundaries import ONE_SIDED
from numgrad.fields.compiled.lines import (
    CONSTANT_WAY,
    COORDINATES,
    SCALAR,
    code_of,
    conversion,
    ghost_place,
    marks,
    once,
    stencils_of,
    way_of,
)
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.weights import points_needed
from numgrad.targets.options import formula, internal_njit


@internal_njit
def check_points(points, fewest):
    """Raise if an axis has too few points."""
    if points < fewest:
        raise ValueError(
            "an axis has too few points for a derivative of this order and accuracy; pass a lower "
            "accuracy, or a boundary that tells what lies beyond the ends"
        )


def fewest_points(kind, order, accuracy, ends, at_ends=None):
    """Give how many points an axis must have."""
    if any(end.name == ONE_SIDED for end in ends):
        return points_needed(order, max(accuracy, at_ends or accuracy))
    return 1 if kind == SCALAR else 2


@once
def times(dtype, followed):
    """Make the function that multiplies a difference of samples with a real weight."""
    if dtype.kind == "c" and not followed:
        return formula(lambda weight, d: complex(weight * d.real, weight * d.imag))
    return formula(lambda weight, d: weight * d)


@once
def planes_of(dtype, followed):
    """Make the function that gives ``count`` samples beyond an end, in the order of their places.

    ``way`` says what they are, ``odd`` whether their sign is changed.
    """
    number = conversion(dtype, followed)

    def planes(f, count, way, odd, value, side):
        outer, points, inner = f.shape
        result = np.empty((outer, count, inner), dtype)
        for o in range(outer):
            for k in range(count):
                outward = count - k if side < 0 else k + 1
                place = ghost_place(way, outward, points, side)
                for q in range(inner):
                    if way == CONSTANT_WAY:
                        result[o, k, q] = value
                    elif odd:
                        result[o, k, q] = -number(f[o, place, q])
                    else:
                        result[o, k, q] = number(f[o, place, q])
        return result

    return internal_njit(named(planes, "planes", dtype.char, *marks(followed)))


@once
def adding(dtype, followed):
    """Make the function that adds the derivatives along an axis, times a sign, to an output."""
    multiply, number = times(dtype, followed), conversion(dtype, followed)
    real_dtype = np.dtype(dtype.char.lower())
    real = conversion(real_dtype, followed and real_dtype == np.float64)
    plain = real_dtype.type

    def sample(f, before, after, o, v, q):
        if v < 0:
            return before[o, v + before.shape[1], q]
        if v >= f.shape[1]:
            return after[o, v - f.shape[1], q]
        return number(f[o, v, q])

    at = internal_njit(named(sample, "sample", dtype.char, *marks(followed)))
    zero = dtype.type(0)

    def add(f, line, before, after, output, sign):
        factor = plain(sign)
        outer, points, inner = f.shape
        varies = line.weights.shape[1] > 1
        part = np.empty(inner, dtype)
        for o in range(outer):
            for i in range(points):
                edge = -1
                if i < line.first:
                    edge = i
                elif i >= points - line.last:
                    edge = line.first + i - (points - line.last)
                count = line.edge_slots.shape[1] if edge >= 0 else line.slots.shape[0]
                for q in range(inner):
                    part[q] = zero
                for s in range(count):
                    if edge >= 0:
                        a, b = line.edge_slots[edge, s, 0], line.edge_slots[edge, s, 1]
                        weight = factor * real(line.edge_weights[s, edge])
                    else:
                        a, b = line.slots[s, 0], line.slots[s, 1]
                        weight = factor * real(line.weights[s, i if varies else 0])
                    u, v = i + a, i + b
                    if 0 <= u < points and 0 <= v < points:
                        for q in range(inner):
                            difference = number(f[o, u, q]) - number(f[o, v, q])
                            part[q] += multiply(weight, difference)
                    else:
                        for q in range(inner):
                            difference = at(f, before, after, o, u, q) - at(
                                f, before, after, o, v, q
                            )
                            part[q] += multiply(weight, difference)
                for q in range(inner):
                    output[o, i, q] += part[q]

    return internal_njit(named(add, "add", dtype.char, *marks(followed)))


@internal_njit
def slabs(flat, shape, axis):
    """See a contiguous field as what is before, along and after an axis."""
    outer = inner = 1
    for d in range(axis):
        outer *= shape[d]
    for d in range(axis + 1, len(shape)):
        inner *= shape[d]
    return flat.reshape((outer, shape[axis], inner))


@once
def term(dtype, results_dtype, kind, order, accuracy, ends, followed):
    """Make the function ``(f, spacing, period, output, sign)`` that adds a derivative to an output.

    Both are seen as what is before, along and after the axis.
    """
    add = adding(results_dtype, followed)
    planes = planes_of(results_dtype, followed)
    distance = conversion(np.dtype(np.float64), followed)
    # NumPy's integers: by those of Python a function is compiled for each
    first_way, last_way = (np.int64(way_of(end)) for end in ends)
    first_is_odd, last_is_odd = (np.int64(end.sign < 0) for end in ends)
    to_first, to_last = np.int64(-1), np.int64(1)
    first_value, last_value = (results_dtype.type(end.value) for end in ends)
    fewest = fewest_points(kind, order, accuracy, ends)
    make = stencils_of(kind, order, accuracy, ends, followed)
    of_axis = formula(lambda spacing: spacing) if kind == COORDINATES else distance
    names = "_".join(map(code_of, ends))
    such = order, accuracy, names, kind, *marks(followed)

    def derive(samples, spacing, period, output, sign):
        check_points(samples.shape[1], fewest)
        if samples.size == 0:
            return
        line = make(of_axis(spacing), period, samples.shape[1])
        before = planes(samples, line.before, first_way, first_is_odd, first_value, to_first)
        after = planes(samples, line.after, last_way, last_is_odd, last_value, to_last)
        add(samples, line, before, after, output, sign)

    return internal_njit(named(derive, "derive", dtype.char, *such))
