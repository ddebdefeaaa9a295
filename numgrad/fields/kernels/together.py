"""Results along several axes that go straight past the cache, a few lines of each in turn.

A processor can have only so many lines on their way to memory. It computes meanwhile if they are
few, and waits if they are many. Where the stencils of all axes are those
between the edges, the derivatives along all of them are derived at once; elsewhere, axis by axis.
"""

from functools import cache

import numpy as np

from numgrad.fields.kernels import tables
from numgrad.fields.kernels.addresses import array_at
from numgrad.fields.kernels.coefficients import inner_coefficients, offsets_of
from numgrad.fields.kernels.lanes import (
    LINE_BYTES,
    fence,
    is_line_start,
    lanes_in_line,
    prefetch,
    stream_lanes,
)
from numgrad.fields.kernels.runs import lanes_by_constants, positions_of, stream_copy
from numgrad.fields.kernels.unrolled import index, named
from numgrad.targets.options import formula, internal_njit

table_dtype = np.dtype(np.int64)

# As many as a processor keeps on their way to memory, and how far ahead samples are asked for.
LINES_IN_TURN = 8
LINES_AHEAD = 64

# How many numbers are derived at a time where an axis has an edge.
NUMBERS_WITH_EDGES = 512


@internal_njit
def begin_alike(axes, count):
    """Tell if lines of the cache begin at the same places of all results."""
    place = axes[tables.RESULT] % LINE_BYTES
    for k in range(1, count):
        if axes[k * tables.AXIS_COLUMNS + tables.RESULT] % LINE_BYTES != place:
            return False
    return True


@internal_njit
def farthest_axis(axes, count):
    """Give the axis whose neighbours lie the farthest apart."""
    farthest = 0
    for k in range(count):
        if (
            axes[k * tables.AXIS_COLUMNS + tables.STRIDE]
            > axes[farthest * tables.AXIS_COLUMNS + tables.STRIDE]
        ):
            farthest = k
    return farthest


@internal_njit
def axis_of_neighbours(axes, count):
    """Give the axis along which neighbours lie side by side, or -1."""
    for k in range(count):
        if axes[k * tables.AXIS_COLUMNS + tables.STRIDE] == 1:
            return k
    return -1


@internal_njit
def next_edge(axes, count, first, last, at):
    """Give where, from a place on, an axis has an edge next, but for that of neighbours."""
    edge = np.int64(np.iinfo(np.int64).max)
    for k in range(count):
        axis = k * tables.AXIS_COLUMNS
        length, stride = axes[axis + tables.LENGTH], axes[axis + tables.STRIDE]
        if stride == 1:
            continue
        i = at // stride
        slab = i - i % length
        if i - slab < first:
            return at
        edge = min(edge, (slab + length - last) * stride)
    return max(edge, at)


@cache
def lines_in_turn(scheme, samples_dtype, results_dtype, spacings_dtype):
    """Make the function that derives so many lines along all axes, between the edges."""
    stencil, width = scheme.uniform, scheme.columns[-1]
    offsets = offsets_of(stencil)
    positions_at, coefficients = positions_of(len(offsets)), inner_coefficients(scheme, formula)
    derive_lanes, last = lanes_by_constants(stencil), len(offsets) - 1

    def derive_in_turn(samples, axes, spacings, count, left_out, farthest, start, lines):
        for k in range(count):
            if k == left_out:
                continue
            axis, row = k * tables.AXIS_COLUMNS, k * width
            span = axes[axis + tables.RESULT_SPAN]
            result = array_at(axes[axis + tables.RESULT], span, results_dtype)
            line = index(lanes_in_line(result))
            positions = positions_at(offsets, start, axes[axis + tables.STRIDE])
            inner = coefficients(spacings[row : row + width])
            for place in range(index(lines)):
                at = place * line
                if k == farthest:
                    prefetch(samples, positions[last] + at + LINES_AHEAD * line)
                lanes = derive_lanes(samples, positions, at, result, inner)
                stream_lanes(result, index(start) + at, lanes)

    codes = "".join(dtype.char for dtype in (samples_dtype, results_dtype, spacings_dtype))
    return internal_njit(named(derive_in_turn, "lines_in_turn", scheme.name, codes))


@cache
def derivation_in_turn(
    scheme, samples_dtype, results_dtype, coordinates_dtype, spacings_dtype, derive_block, block_at
):
    """Make the function that derives a range of blocks along all axes, past the cache.

    ``derive_block`` derives a block along one axis; ``block_at`` says where one starts and stops.
    """
    in_turn = lines_in_turn(scheme, samples_dtype, results_dtype, spacings_dtype)
    width, first, last = scheme.columns[-1], len(scheme.first), len(scheme.last)
    codes = "".join(
        dtype.char for dtype in (samples_dtype, results_dtype, coordinates_dtype, spacings_dtype)
    )

    def with_edges(samples, axes, spacings, field, begin, end, scratch, start, stop):
        for k in range(begin, end):
            axis = k * tables.AXIS_COLUMNS
            derive_block(
                samples, 0, axes[axis + tables.STRIDE], scratch, start, start, stop,
                axes, axis, spacings, k * width, coordinates_dtype, field,
            )  # fmt: skip
            span = axes[axis + tables.RESULT_SPAN]
            result = array_at(axes[axis + tables.RESULT], span, results_dtype)
            stream_copy(scratch, result, start, stop - start)

    with_edges = internal_njit(named(with_edges, "with_edges", scheme.name, codes))

    def derive(address, begin, end):
        field = array_at(address, tables.FIELD_COLUMNS, table_dtype)
        count = field[tables.AXIS_COUNT]
        axes = array_at(field[tables.AXES], count * tables.AXIS_COLUMNS, table_dtype)
        spacings = array_at(field[tables.SPACINGS], count * width, spacings_dtype)
        samples = array_at(field[tables.SAMPLES], field[tables.SAMPLES_SPAN], samples_dtype)
        room = np.empty(NUMBERS_WITH_EDGES, results_dtype)
        # by its address: counting who refers to an array would wait for all that is on its way
        # past the cache
        scratch = array_at(room.ctypes.data, NUMBERS_WITH_EDGES, results_dtype)
        result = array_at(axes[tables.RESULT], axes[tables.RESULT_SPAN], results_dtype)
        line = lanes_in_line(result)
        alike, farthest = begin_alike(axes, count), farthest_axis(axes, count)
        near = axis_of_neighbours(axes, count)
        length = axes[max(0, near) * tables.AXIS_COLUMNS + tables.LENGTH]
        for number in range(begin, end):
            q, stop = block_at(number, field, axes)
            edge = q
            while q < stop:
                if q >= edge:
                    edge = next_edge(axes, count, first, last, q)
                lines = 0
                if alike and is_line_start(result, index(q)):
                    lines = min(LINES_IN_TURN, (min(edge, stop) - q) // line)
                if lines > 0:
                    to, left_out = q + lines * line, -1
                    if near >= 0:
                        i = q % length
                        if i < first or i + to - q > length - last:
                            left_out = near
                    in_turn(samples, axes, spacings, count, left_out, farthest, q, lines)
                    if left_out >= 0:
                        with_edges(
                            samples, axes, spacings, field, near, near + 1, scratch, q, to
                        )  # fmt: skip
                    q = to
                    continue
                to = q + 1
                while to < stop and not is_line_start(result, index(to)):
                    to += 1
                if not alike or next_edge(axes, count, first, last, to) == to:
                    to = min(stop, to + NUMBERS_WITH_EDGES - line)
                with_edges(samples, axes, spacings, field, 0, count, scratch, q, to)
                q = to
        fence()
        room[:0] = 0  # Numba frees an array after its last use, whoever has its address

    return named(derive, "derive_in_turn", scheme.name, codes)
