"""The loops of ``gradient`` on a GPU.

As on the CPU, results are seen flat, in the order in which they lie in memory. A thread takes every
so many of the flat positions; neighbouring threads take neighbouring positions. For whatever axis,
then, the 32 threads of a warp at the positions p, p + 1, ..., p + 31 read the samples at

    p - stride, ..., p + 31 - stride    and    p + stride, ..., p + 31 + stride,

one contiguous run each, and write one: every access is coalesced, of all axes alike. All axes are
derived at a position before the next, so that a sample is fetched from memory once, and once more
from the caches for every other axis and neighbour.

The point on an axis follows from the flat position by one division a dimension. A GPU divides
integers slowly, and all divisors are known before: instead of dividing, it multiplies (see
`reciprocal`).
"""

from functools import cache

import numpy as np

from numgrad.fields import tables
from numgrad.fields.stencils import (
    OVERLOADS,
    UNIFORM_FIRST_WEIGHTS,
    UNIFORM_LAST_WEIGHTS,
    difference_quotient,
    distance,
    sum_between,
    weighted_sum,
    weights_between,
    weights_from_first,
    weights_from_last,
)
from numgrad.targets.cuda_compiler import Kernel, define, device
from numgrad.targets.cuda_device import loaded

cuda = loaded()  # as a global of this file, where the simulator looks for it

index = np.uint64  # a signed place would be tested for counting from the end
for function, typed in OVERLOADS.items():
    define(function, typed)

MOST_POSITIONS = 1 << 31  # of one launch

# What is known of an axis while its kernel is compiled, and what its spacing is a tuple of. The row
# is one of the table of spacings.
UNIFORM = "uniform"  # row
TABULATED = "tabulated"  # row, weights of the interior
VARYING = "varying"  # row, coordinates
MEASURED = "measured"  # row, whether it varies, coordinates, weights if there are few: on the GPU

# what is known of a dimension: three integers
LENGTH, MULTIPLIER, SHIFT = range(3)


def reciprocal(divisor):
    """Return the multiplier and the shift that divide every number below 2**31 by a divisor.

    For n < 2**31 and 2**(k - 1) < d <= 2**k the quotient of n and d is n * m >> (31 + k), where m
    is the least integer above 2**(31 + k) / d: T. Granlund and P. L. Montgomery, "Division by
    invariant integers using multiplication", PLDI (1994), theorem 4.2. The product stays below
    2**63.
    """
    shift = 31 + (divisor - 1).bit_length()
    return (1 << shift) // divisor + 1, shift


@cache
def point_of(count):
    """Return the function that takes a flat position apart into one place a dimension."""
    last = count - 1
    if count == 1:
        return device(lambda position, dimensions: (position,))
    outer = point_of(last)

    def point(position, dimensions):
        length = dimensions[last][LENGTH]
        row = (position * dimensions[last][MULTIPLIER]) >> dimensions[last][SHIFT]
        return outer(row, dimensions) + (position - row * length,)  # noqa: RUF005 - for Numba

    return device(point)


@cache
def offset_of(count, strided):
    """Return the function that gives the place of a point in memory."""
    last = count - 1
    if not strided:
        return device(lambda position, point, steps: position)
    if count == 1:
        return device(lambda position, point, steps: point[0] * steps[0])
    outer = offset_of(last, strided)
    return device(
        lambda position, point, steps: outer(position, point, steps) + point[last] * steps[last]
    )


@cache
def derivation_inside(kind):
    """Return the function that derives at a point between others."""

    def by_quotient(samples, at, step, i, spacing):
        return difference_quotient(
            samples[index(at + step)], samples[index(at - step)], spacing[0][tables.TWICE_SPACING]
        )

    def by_table(samples, at, step, i, spacing, table):
        inside = table.size // 3
        return weighted_sum(
            table[index(i - 1)],
            samples[index(at - step)],
            table[index(i - 1 + inside)],
            samples[index(at)],
            table[index(i - 1 + 2 * inside)],
            samples[index(at + step)],
        )

    def by_coordinates(samples, at, step, i, spacing, x):
        return sum_between(
            x[index(i - 1)],
            samples[index(at - step)],
            x[index(i)],
            samples[index(at)],
            x[index(i + 1)],
            samples[index(at + step)],
        )

    uniform = device(by_quotient)
    tabulated, varying = device(by_table), device(by_coordinates)

    def as_measured(samples, at, step, i, spacing):
        if spacing[1][0] == 0:
            return uniform(samples, at, step, i, spacing)
        if spacing[3].size > 0:
            return tabulated(samples, at, step, i, spacing, spacing[3])
        return varying(samples, at, step, i, spacing, spacing[2])

    return {
        UNIFORM: uniform,
        TABULATED: device(
            lambda samples, at, step, i, spacing: tabulated(
                samples, at, step, i, spacing, spacing[1]
            )
        ),
        VARYING: device(
            lambda samples, at, step, i, spacing: varying(samples, at, step, i, spacing, spacing[1])
        ),
        MEASURED: device(as_measured),
    }[kind]


@cache
def derivation_along(kind, edge_order):
    """Return the function that derives at a point of an axis."""
    inside = derivation_inside(kind)
    first_order = edge_order == 1
    first, last = tables.FIRST_WEIGHTS, tables.LAST_WEIGHTS

    def derive(samples, at, step, i, length, spacing):
        row = spacing[0]
        if 0 < i < length - 1:
            return inside(samples, at, step, i, spacing)
        if first_order:
            if i == 0:
                return difference_quotient(
                    samples[index(at + step)], samples[index(at)], row[tables.FIRST_SPACING]
                )
            return difference_quotient(
                samples[index(at)], samples[index(at - step)], row[tables.LAST_SPACING]
            )
        if i == 0:
            return weighted_sum(
                row[first],
                samples[index(at)],
                row[first + 1],
                samples[index(at + step)],
                row[first + 2],
                samples[index(at + 2 * step)],
            )
        return weighted_sum(
            row[last],
            samples[index(at - 2 * step)],
            row[last + 1],
            samples[index(at - step)],
            row[last + 2],
            samples[index(at)],
        )

    return device(derive)


@cache
def derivation_of_all(axes, kinds, edge_order, strided, count):
    """Return the function that derives at a point along all axes.

    Each axis is a dimension; ``count`` is how many dimensions there are.
    """
    k, axis = len(axes) - 1, axes[-1]
    derive, place = derivation_along(kinds[-1], edge_order), offset_of(count, strided)

    def derive_last(samples, at, steps, results, position, point, first, dimensions, spacings):
        i = point[axis]
        if axis == 0:
            i += first
        to = results[k][1] + place(position, point, results[k][2])
        results[k][0][index(to)] = derive(
            samples, at, steps[axis], i, dimensions[axis][LENGTH], spacings[k]
        )

    if k == 0:
        return device(derive_last)
    before = derivation_of_all(axes[:-1], kinds[:-1], edge_order, strided, count)
    derive_last = device(derive_last)

    def derive_all(samples, at, steps, results, position, point, first, dimensions, spacings):
        before(samples, at, steps, results, position, point, first, dimensions, spacings)
        derive_last(samples, at, steps, results, position, point, first, dimensions, spacings)

    return device(derive_all)


@cache
def gradient_kernel(axes, kinds, edge_order, strided, count):
    """Return the kernel that derives along some axes.

    Its samples and each of its results are memory of one dimension, the place in it of position 0,
    and the steps of all dimensions. Its positions are those of the launch: the first of them lies
    at the place ``first`` of dimension 0.
    """
    point_at, place = point_of(count), offset_of(count, strided)
    derive = derivation_of_all(axes, kinds, edge_order, strided, count)

    def gradient(samples, results, positions, first, dimensions, spacings):
        memory, origin, steps = samples
        for position in range(cuda.grid(1), positions, cuda.gridsize(1)):
            point = point_at(position, dimensions)
            at = origin + place(position, point, steps)
            derive(memory, at, steps, results, position, point, first, dimensions, spacings)

    simple = len(axes) <= 3 and not strided and MEASURED not in kinds
    # which leaves a thread 80 registers, and the others as many as there are: none spills any
    return Kernel(gradient, resident=3 if simple else 1)


# Coordinates that lie on the GPU are measured there: the host need not wait for them.


@cache
def measuring_kernels(dtype):
    """Return the kernels that measure coordinates, to be launched in turn."""
    number = dtype.type
    two = number(2)
    first_weights = tuple(number(weight) for weight in UNIFORM_FIRST_WEIGHTS)
    last_weights = tuple(number(weight) for weight in UNIFORM_LAST_WEIGHTS)
    first, last = tables.FIRST_WEIGHTS, tables.LAST_WEIGHTS

    def begin(x, row, varies, table):
        if cuda.grid(1) == 0:
            varies[0] = 0

    def compare(x, row, varies, table):
        inside = table.size // 3
        spacing = distance(x[1], x[0])
        for i in range(cuda.grid(1), x.size - 1, cuda.gridsize(1)):
            if distance(x[i + 1], x[i]) != spacing:
                varies[0] = 1
            if 0 < i <= inside:
                a, b, c = weights_between(x[i - 1], x[i], x[i + 1])
                table[i - 1] = a
                table[i - 1 + inside] = b
                table[i - 1 + 2 * inside] = c

    def finish(x, row, varies, table):
        if cuda.grid(1) > 0:
            return
        n = x.size
        spacing = distance(x[1], x[0])
        row[tables.TWICE_SPACING] = two * spacing
        row[tables.FIRST_SPACING] = spacing
        row[tables.LAST_SPACING] = distance(x[n - 1], x[n - 2])
        if varies[0] == 0:
            for j in range(3):
                row[first + j] = first_weights[j] / spacing
                row[last + j] = last_weights[j] / spacing
        elif n > 2:
            a, b, c = weights_from_first(x[0], x[1], x[2], two)
            row[first] = a
            row[first + 1] = b
            row[first + 2] = c
            a, b, c = weights_from_last(x[n - 3], x[n - 2], x[n - 1], two)
            row[last] = a
            row[last + 1] = b
            row[last + 2] = c

    return Kernel(begin), Kernel(compare), Kernel(finish)
