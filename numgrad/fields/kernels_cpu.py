"""The loops of ``gradient`` on the CPU, serial and parallel.

The results are seen flat, in the order in which they lie in memory. Along an axis of ``length``
points whose neighbours lie ``stride`` elements apart, a result stands at the flat position
``(outer * length + i) * stride + inner``: the view (outer, n, inner), for any rank and any axis.

All work is cut into blocks of consecutive results that fit the first-level cache. A block is derived
along every axis while its samples are near. It leaves its flat range only to read, so any order of
blocks is right, and so is any sharing of them among threads. Results too large for the cache leave
it through a buffer and non-temporal stores; samples and results that are not contiguous come and go
through buffers too.
"""

from functools import lru_cache

import numpy as np
from numba import prange, types

from numgrad.fields import tables
from numgrad.fields.stencils import (
    UNIFORM_FIRST_WEIGHTS,
    UNIFORM_LAST_WEIGHTS,
    difference_quotient,
    interior_weights,
    weighted_sum,
    weights_at_first,
    weights_at_last,
)
from numgrad.fields.stores import array_at, call_at, fence, stream
from numgrad.fields.strided import gather_neighbours, scatter
from numgrad.targets.jit import callback, formula, kernel, parallel_kernel, part

# An index that can't be negative needs no test for it, which lets a loop become vector code.
index = np.uintp

table_dtype = np.dtype(np.int64)

REACH = 2  # neighbours on each side that a formula may use


@part
def quotients(samples, left, right, results, at, count, spacing):
    """Derive a run of results by difference quotients."""
    left, right, at, count = index(left), index(right), index(at), index(count)
    for q in range(count):
        results[at + q] = difference_quotient(samples[right + q], samples[left + q], spacing)


@part
def weighted_sums(samples, left, step, results, at, count, a, b, c):
    """Derive a run of results by sums with the same three weights."""
    left, step, at, count = index(left), index(step), index(at), index(count)
    for q in range(count):
        p = left + q
        results[at + q] = weighted_sum(
            a, samples[p], b, samples[p + step], c, samples[p + step + step]
        )


@formula
def sums_with_own_weights(samples, left, step, results, at, count, weights, first, pitch):
    """Derive a run of results by sums with three weights each."""
    left, step, at, count = index(left), index(step), index(at), index(count)
    first, pitch = index(first), index(pitch)
    for q in range(count):
        p, w = left + q, first + q
        results[at + q] = weighted_sum(
            weights[w],
            samples[p],
            weights[w + pitch],
            samples[p + step],
            weights[w + pitch + pitch],
            samples[p + step + step],
        )


@part
def tabulate_weights(coordinates, first, count, weights):
    """Write the weights at ``count`` points: all a, all b, all c."""
    first, count = index(first), index(count)
    one, two = index(1), index(2)
    for i in range(count):
        x = coordinates[first + i]
        a, b, c = interior_weights(x - coordinates[first + i - one], coordinates[first + i + one] - x)
        weights[i], weights[count + i], weights[two * count + i] = a, b, c


@formula
def derive_interior(
    samples, origin, step, results, shift, low, high, base, stride, weights, first, pitch
):
    """Derive flat positions low to high inside of one outer slab, on a non-uniform axis.

    The weights at the point of ``low`` stand at ``first``.
    """
    if stride == 1:
        sums_with_own_weights(
            samples, low - origin - step, step, results, low - shift, high - low, weights, first, pitch
        )
        return
    while low < high:
        end = min(high, low + stride - (low - base) % stride)
        weighted_sums(
            samples,
            low - origin - step,
            step,
            results,
            low - shift,
            end - low,
            weights[first],
            weights[first + pitch],
            weights[first + 2 * pitch],
        )
        low = end
        first += 1


@formula
def derive_block(
    samples, origin, step, results, shift, start, stop, axes, axis, spacings, spacing, coordinates_dtype, room, field
):
    """Derive the flat positions start to stop along one axis.

    The sample at position p is ``samples[p - origin]``, its next neighbour along the axis lies
    ``step`` further; the result at position p is ``results[p - shift]``.
    """
    size, edge_order = field[tables.SIZE], field[tables.EDGE_ORDER]
    length, stride = axes[axis + tables.LENGTH], axes[axis + tables.STRIDE]
    uniform, tabulated = axes[axis + tables.UNIFORM] != 0, axes[axis + tables.WEIGHTS] != 0
    slab = length * stride
    if uniform:
        # the whole block by central differences, as if it had no edges: they are overwritten below
        low, high = max(start, stride), min(stop, size - stride)
        if low < high:
            at = low - origin
            quotients(
                samples,
                at - step,
                at + step,
                results,
                low - shift,
                high - low,
                spacings[spacing + tables.TWICE_SPACING],
            )
    for base in range(start - start % slab, stop, slab):
        low, high = max(start, base + stride), min(stop, base + slab - stride)
        if not uniform and low < high:
            i = (low - base) // stride - 1
            weights, first, pitch = room, 0, (high - 1 - base) // stride - i
            if tabulated:
                first, pitch = i, length - 2
                weights = array_at(axes[axis + tables.WEIGHTS], 3 * pitch, room.dtype)
            else:
                coordinates = array_at(axes[axis + tables.COORDINATES], length, coordinates_dtype)
                tabulate_weights(coordinates, i + 1, pitch, room)
            derive_interior(
                samples, origin, step, results, shift, low, high, base, stride, weights, first, pitch
            )
        for last in range(2):
            edge = base + last * (slab - stride)
            low, high = max(start, edge), min(stop, edge + stride)
            if low < high:
                left = low - origin - last * edge_order * step
                if edge_order == 1:
                    quotients(
                        samples,
                        left,
                        left + step,
                        results,
                        low - shift,
                        high - low,
                        spacings[spacing + tables.FIRST_SPACING + last],
                    )
                else:
                    w = spacing + tables.FIRST_WEIGHTS + 3 * last
                    weighted_sums(
                        samples,
                        left,
                        step,
                        results,
                        low - shift,
                        high - low,
                        spacings[w],
                        spacings[w + 1],
                        spacings[w + 2],
                    )


@formula
def block_range(number, field, axes):
    """Return where the flat range of a block starts and stops.

    Along an axis whose neighbours lie too far apart for the cache to keep them, blocks follow each
    other down that axis, so that a block finds its neighbours' samples there.
    """
    size, block, march = field[tables.SIZE], field[tables.BLOCK], field[tables.MARCH]
    if march < 0:
        start = number * block
        return start, min(start + block, size)
    length, stride = axes[march * tables.AXIS_COLUMNS + tables.LENGTH], axes[march * tables.AXIS_COLUMNS + tables.STRIDE]
    blocks_in_row = (stride + block - 1) // block
    column, i = number // length, number % length
    outer, inner = column // blocks_in_row, column % blocks_in_row
    row = (outer * length + i) * stride
    return row + inner * block, row + min(inner * block + block, stride)


@lru_cache
def derivation(samples_dtype, results_dtype, coordinates_dtype, spacings_dtype, strided):
    """Return the function that derives a range of blocks along every axis.

    It is compiled for the dtypes given, and for samples and results in memory of any order only if
    ``strided``, otherwise for all of them contiguous and in the same order.
    """

    def derive(address, begin, end):
        field = array_at(address, tables.FIELD_COLUMNS, table_dtype)
        count = field[tables.AXIS_COUNT]
        size, block = field[tables.SIZE], field[tables.BLOCK]
        streamed = field[tables.STREAMED] != 0
        axes = array_at(field[tables.AXES], count * tables.AXIS_COLUMNS, table_dtype)
        spacings = array_at(field[tables.SPACINGS], count * tables.SPACING_COLUMNS, spacings_dtype)
        memory = array_at(field[tables.SAMPLES], field[tables.SAMPLES_SPAN], samples_dtype)
        samples, first = memory, 0
        buffer = np.empty(block if streamed or strided else 0, results_dtype)
        room = np.empty(3 * block, spacings_dtype)
        if strided:
            dimensions = array_at(
                field[tables.DIMENSIONS],
                field[tables.DIMENSION_COUNT] * (tables.RESULT_STEP + count),
                table_dtype,
            ).reshape((field[tables.DIMENSION_COUNT], tables.RESULT_STEP + count))
            point = np.empty(len(dimensions), np.int64)
            window = np.empty((2 * REACH + 1) * block, samples_dtype)
        for number in range(begin, end):
            start, stop = block_range(number, field, axes)
            for k in range(count):
                axis, spacing = k * tables.AXIS_COLUMNS, k * tables.SPACING_COLUMNS
                step = axes[axis + tables.STRIDE]
                if strided and field[tables.GATHERED] != 0:
                    samples = window
                    first, step = gather_neighbours(
                        memory,
                        field[tables.SAMPLES_ORIGIN],
                        dimensions,
                        tables.SAMPLES_STEP,
                        point,
                        start,
                        stop,
                        step,
                        size,
                        REACH,
                        window,
                    )
                span = axes[axis + tables.RESULT_SPAN]
                result = array_at(axes[axis + tables.RESULT], span, results_dtype)
                scattered = strided and axes[axis + tables.SCATTERED] != 0
                target, shift = result, 0
                if streamed or scattered:
                    target, shift = buffer, start
                derive_block(
                    samples,
                    first,
                    step,
                    target,
                    shift,
                    start,
                    stop,
                    axes,
                    axis,
                    spacings,
                    spacing,
                    coordinates_dtype,
                    room,
                    field,
                )
                if strided and scattered:
                    scatter(
                        buffer,
                        result,
                        axes[axis + tables.RESULT_ORIGIN],
                        dimensions,
                        tables.RESULT_STEP + k,
                        point,
                        start,
                        stop,
                    )
                elif streamed:
                    stream(result, start, buffer, stop - start)
        if streamed:
            fence()

    return derive


@lru_cache
def derivation_address(*dtypes):
    """Return the address of the machine code of a derivation, compiled when first asked for."""
    return callback(types.void(types.int64, types.int64, types.int64), derivation(*dtypes)).address


@kernel
def launch(function, field, axes, spacings, dimensions, blocks):
    """Derive everything on this thread."""
    field[tables.AXES], field[tables.SPACINGS] = axes.ctypes.data, spacings.ctypes.data
    field[tables.DIMENSIONS] = dimensions.ctypes.data
    call_at(function, field.ctypes.data, 0, blocks)


@parallel_kernel
def launch_in_parallel(function, field, axes, spacings, dimensions, blocks, threads):
    """Derive everything, each thread its own consecutive blocks."""
    field[tables.AXES], field[tables.SPACINGS] = axes.ctypes.data, spacings.ctypes.data
    field[tables.DIMENSIONS] = dimensions.ctypes.data
    address = field.ctypes.data
    for thread in prange(threads):
        call_at(function, address, blocks * thread // threads, blocks * (thread + 1) // threads)


@kernel
def locate(array, row, column):
    """Write down the address of an array of bytes."""
    row[column] = array.ctypes.data


@part
def is_uniform(coordinates):
    """Return whether all differences of neighbours are equal."""
    spacing = coordinates[1] - coordinates[0]
    one, chunk, count = index(1), index(1024), index(len(coordinates) - 1)
    for start in range(index(0), count, chunk):
        others = 0
        for i in range(start, min(start + chunk, count)):
            others += coordinates[i + one] - coordinates[i] != spacing
        if others > 0:
            return False
    return True


@kernel
def measure(coordinates, axis, spacings, table):
    """Fill in the row of an axis and its spacings; tabulate the weights if there is a table."""
    number = coordinates.dtype.type
    two = number(2)
    n = len(coordinates)
    h1, h2 = coordinates[1] - coordinates[0], coordinates[n - 1] - coordinates[n - 2]
    uniform = is_uniform(coordinates)
    axis[tables.UNIFORM] = uniform
    axis[tables.COORDINATES] = coordinates.ctypes.data
    spacings[tables.TWICE_SPACING] = two * h1
    spacings[tables.FIRST_SPACING] = h1
    spacings[tables.LAST_SPACING] = h2
    f, l = tables.FIRST_WEIGHTS, tables.LAST_WEIGHTS
    if uniform:
        for j in range(3):
            spacings[f + j] = number(UNIFORM_FIRST_WEIGHTS[j]) / h1
            spacings[l + j] = number(UNIFORM_LAST_WEIGHTS[j]) / h1
    elif n >= 3:
        spacings[f], spacings[f + 1], spacings[f + 2] = weights_at_first(
            h1, coordinates[2] - coordinates[1], two
        )
        spacings[l], spacings[l + 1], spacings[l + 2] = weights_at_last(
            coordinates[n - 2] - coordinates[n - 3], h2, two
        )
        if len(table) > 0:
            axis[tables.WEIGHTS] = table.ctypes.data
            tabulate_weights(coordinates, 1, n - 2, table)
