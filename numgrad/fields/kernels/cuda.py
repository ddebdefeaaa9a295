"""The loops over a field on a GPU.

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

from numgrad.fields.kernels.coefficients import (
    edge_choice,
    inner_coefficients,
    inner_weights,
    offsets_of,
    tabulated_weights,
    uniform_filling,
    varying_filling,
)
from numgrad.fields.kernels.formulas import OVERLOADS, derivative, distance
from numgrad.fields.kernels.unrolled import expression, index, tuple_of
from numgrad.targets.cuda_compiler import Kernel, define, device
from numgrad.targets.cuda_device import loaded

cuda = loaded()  # as a global of this file, where the simulator looks for it

for function, typed in OVERLOADS.items():
    define(function, typed)

AS_NUMBER = "number({})"  # how coordinates are read: those on a GPU may be integers

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
    """Give the multiplier and the shift that divide every number below 2**31 by a divisor.

    For n < 2**31 and 2**(k - 1) < d <= 2**k the quotient of n and d is n * m >> (31 + k), where m
    is the least integer above 2**(31 + k) / d: T. Granlund and P. L. Montgomery, "Division by
    invariant integers using multiplication", PLDI (1994), theorem 4.2. The product stays below
    2**63.
    """
    shift = 31 + (divisor - 1).bit_length()
    return (1 << shift) // divisor + 1, shift


@cache
def point_of(count):
    """Make the function that takes a flat position apart into one place a dimension."""
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
    """Make the function that gives the place of a point in memory."""
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
def samples_at(count):
    """Make the function ``(samples, at, step, offsets)`` that fetches a stencil's samples."""
    items = [f"samples[index(at + offsets[{k}] * step)]" for k in range(count)]
    return expression(device, "samples, at, step, offsets", tuple_of(items), index=index)


@cache
def derivation_inside(kind, scheme):
    """Make the function that derives at a point between the edges."""
    stencil = scheme.uniform
    offsets, fetch = offsets_of(stencil), samples_at(len(stencil.offsets))
    derive, coefficients = derivative(stencil), inner_coefficients(scheme, device)

    def by_row(samples, at, step, i, spacing):
        return derive(fetch(samples, at, step, offsets), coefficients(spacing[0]))

    first, stencil = len(scheme.first), scheme.varying
    width = len(stencil.offsets)
    varying_offsets, fetch_varying = offsets_of(stencil), samples_at(width)
    derive_varying = derivative(stencil)
    tabulated, weigh = tabulated_weights(scheme, device), inner_weights(scheme, device, AS_NUMBER)

    def by_table(samples, at, step, i, spacing, table):
        weights = tabulated(table, i - first, table.size // width)
        return derive_varying(fetch_varying(samples, at, step, varying_offsets), weights)

    def by_coordinates(samples, at, step, i, spacing, x):
        return derive_varying(fetch_varying(samples, at, step, varying_offsets), weigh(x, i))

    uniform = device(by_row)
    tabulated_at, varying_at = device(by_table), device(by_coordinates)

    def as_measured(samples, at, step, i, spacing):
        if spacing[1][0] == 0:
            return uniform(samples, at, step, i, spacing)
        if spacing[3].size > 0:
            return tabulated_at(samples, at, step, i, spacing, spacing[3])
        return varying_at(samples, at, step, i, spacing, spacing[2])

    return {
        UNIFORM: uniform,
        TABULATED: device(
            lambda samples, at, step, i, spacing: tabulated_at(
                samples, at, step, i, spacing, spacing[1]
            )
        ),
        VARYING: device(
            lambda samples, at, step, i, spacing: varying_at(
                samples, at, step, i, spacing, spacing[1]
            )
        ),
        MEASURED: device(as_measured),
    }[kind]


@cache
def derivation_along(kind, scheme):
    """Make the function that derives at a point of an axis."""
    inside, edge = derivation_inside(kind, scheme), scheme.edges[0]
    derive_edge, fetch = derivative(edge), samples_at(len(edge.offsets))
    choose = edge_choice(scheme, device)
    first, last, edges = len(scheme.first), len(scheme.last), len(scheme.edges)

    def derive(samples, at, step, i, length, spacing):
        if first <= i < length - last:
            return inside(samples, at, step, i, spacing)
        number = i if i < first else i + edges - length
        offsets, coefficients = choose(number, spacing[0])
        return derive_edge(fetch(samples, at, step, offsets), coefficients)

    return device(derive)


@cache
def derivation_of_all(axes, kinds, scheme, strided, count):
    """Make the function that derives at a point along all axes.

    Each axis is a dimension; ``count`` is how many dimensions there are.
    """
    k, axis = len(axes) - 1, axes[-1]
    derive, place = derivation_along(kinds[-1], scheme), offset_of(count, strided)

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
    before = derivation_of_all(axes[:-1], kinds[:-1], scheme, strided, count)
    derive_last = device(derive_last)

    def derive_all(samples, at, steps, results, position, point, first, dimensions, spacings):
        before(samples, at, steps, results, position, point, first, dimensions, spacings)
        derive_last(samples, at, steps, results, position, point, first, dimensions, spacings)

    return device(derive_all)


@cache
def gradient_kernel(axes, kinds, scheme, strided, count):
    """Make the kernel that derives along some axes.

    Its samples and each of its results are memory of one dimension, the place in it of position 0,
    and the steps of all dimensions. Its positions are those of the launch: the first of them lies
    at the place ``first`` of dimension 0.
    """
    point_at, place = point_of(count), offset_of(count, strided)
    derive = derivation_of_all(axes, kinds, scheme, strided, count)

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
def measuring_kernels(scheme, dtype):
    """Make the kernels that measure coordinates, to be launched in turn."""
    fill_uniform = uniform_filling(scheme, dtype.type, device)
    fill_varying = varying_filling(scheme, device, AS_NUMBER)
    weigh = inner_weights(scheme, device, AS_NUMBER)
    first, width = len(scheme.first), len(scheme.varying.offsets)

    def begin(x, row, varies, table):
        if cuda.grid(1) == 0:
            varies[0] = 0

    def compare(x, row, varies, table):
        inside = table.size // width
        spacing = distance(x[1], x[0])
        for i in range(cuda.grid(1), x.size - 1, cuda.gridsize(1)):
            if distance(x[i + 1], x[i]) != spacing:
                varies[0] = 1
            if first <= i < first + inside:
                weights = weigh(x, i)
                for j in range(width):
                    table[i - first + j * inside] = weights[j]

    def finish(x, row, varies, table):
        if cuda.grid(1) > 0:
            return
        if varies[0] == 0:
            fill_uniform(distance(x[1], x[0]), row)
        else:
            fill_varying(x, row)

    return Kernel(begin), Kernel(compare), Kernel(finish)
