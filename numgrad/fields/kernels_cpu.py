"""The loops of ``gradient`` on the CPU, serial and parallel.

The results are seen flat, in the order in which they lie in memory. Along an axis of ``length``
points whose neighbours lie ``stride`` elements apart, a result stands at the flat position
``(outer * length + i) * stride + inner``: the view (outer, n, inner), for any rank and any axis.

All work is cut into blocks of consecutive results. A block is derived along every axis while its
samples are in the cache. It leaves its flat range only to read, so any order of blocks is right,
and so is any sharing of them among threads. Results too large for the cache go past it, straight
or through a buffer; samples and results that are not contiguous come and go through buffers too.
"""

from functools import cache

import numpy as np
from numba import prange, types

from numgrad.fields import runs, tables
from numgrad.fields.addresses import array_at, call_at
from numgrad.fields.lanes import fence
from numgrad.fields.runs import index
from numgrad.fields.stencils import (
    UNIFORM_FIRST_WEIGHTS,
    UNIFORM_LAST_WEIGHTS,
    interior_weights,
    weights_at_first,
    weights_at_last,
)
from numgrad.fields.strided import gather_neighbours, scatter
from numgrad.targets.cache import callback, kernel, parallel_kernel
from numgrad.targets.options import formula, internal_njit

table_dtype = np.dtype(np.int64)

BLOCK_BYTES = 1 << 14  # results that stay in the first-level cache until they are copied on
TABLE_POINTS = 1 << 13  # longest axis whose weights are tabulated
REACH = 2  # neighbours on each side that a formula may use: as many as the order of the edges


# the places on an axis, in the order of memory
FIRST_EDGE, INTERIOR, LAST_EDGE = range(3)


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
    axis = march * tables.AXIS_COLUMNS
    length, stride = axes[axis + tables.LENGTH], axes[axis + tables.STRIDE]
    blocks_in_row = (stride + block - 1) // block
    column, i = number // length, number % length
    outer, inner = column // blocks_in_row, column % blocks_in_row
    row = (outer * length + i) * stride
    return row + inner * block, row + min(inner * block + block, stride)


@formula
def place_range(place, base, slab, stride, start, stop):
    """Return which flat positions of a block lie at a place of the outer slab from ``base`` on."""
    low, high = base, base + stride
    if place == INTERIOR:
        low, high = high, base + slab - stride
    elif place == LAST_EDGE:
        low, high = base + slab - stride, base + slab
    return max(start, low), min(stop, high)


def block_derivation(streamed, varying):
    """Return the function that derives a block along one axis, into the cache or past it.

    It knows axes with coordinates only if ``varying``.
    """
    quotients = runs.stream_quotients if streamed else runs.quotients
    sums = runs.stream_sums if streamed else runs.sums
    tabulated_sums = runs.stream_tabulated_sums if streamed else runs.tabulated_sums
    weighed_sums = runs.stream_weighed_sums if streamed else runs.weighed_sums
    at_once = not streamed

    @formula
    def derive_varying_interior(
        samples, left, step, results, at, low, high, base, stride, inside, coordinates, table
    ):
        i = (low - base) // stride - 1
        tabulated = table.size > 0
        if stride == 1:
            if tabulated:
                tabulated_sums(samples, left, step, results, at, high - low, table, i, inside)
            else:
                weighed_sums(samples, left, step, results, at, high - low, coordinates, i)
            return
        while low < high:
            count = min(high, base + (i + 2) * stride) - low
            if tabulated:
                a, b, c = table[i], table[i + inside], table[i + 2 * inside]
            else:
                x = coordinates[i + 1]
                a, b, c = interior_weights(x - coordinates[i], coordinates[i + 2] - x)
            sums(samples, left, step, results, at, count, a, b, c)
            left, at, low, i = left + count, at + count, low + count, i + 1

    @formula
    def derive_block(
        samples,
        origin,
        step,
        results,
        shift,
        start,
        stop,
        axes,
        axis,
        spacings,
        spacing,
        coordinates_dtype,
        field,
    ):
        """Derive the flat positions start to stop.

        The sample at position p is ``samples[p - origin]``, its next neighbour along the axis lies
        ``step`` further; the result at position p is ``results[p - shift]``.
        """
        edge_order = field[tables.EDGE_ORDER]
        length, stride = axes[axis + tables.LENGTH], axes[axis + tables.STRIDE]
        slab = length * stride
        uniform = not varying or axes[axis + tables.UNIFORM] != 0
        if uniform and at_once:
            # the whole block, as if it had no edges: they are overwritten below
            low, high = max(start, stride), min(stop, field[tables.SIZE] - stride)
            if low < high:
                left, h = low - origin - step, spacings[spacing + INTERIOR]
                quotients(samples, left, left + 2 * step, results, low - shift, high - low, h)
        for base in range(start - start % slab, stop, slab):
            for place in range(3):
                interior = place == INTERIOR
                low, high = place_range(place, base, slab, stride, start, stop)
                if low >= high or (interior and uniform and at_once):
                    continue
                back, width = 1, 2
                if not interior:
                    back, width = place // LAST_EDGE * edge_order, edge_order
                at, count, left = low - shift, high - low, low - origin - back * step
                by_quotient = uniform if interior else edge_order == 1
                if by_quotient:
                    right, h = left + width * step, spacings[spacing + place]
                    quotients(samples, left, right, results, at, count, h)
                elif not interior:
                    w = spacing + tables.FIRST_WEIGHTS
                    if place == LAST_EDGE:
                        w = spacing + tables.LAST_WEIGHTS
                    a, b, c = spacings[w], spacings[w + 1], spacings[w + 2]
                    sums(samples, left, step, results, at, count, a, b, c)
                elif varying:
                    points, entries = axes[axis + tables.COORDINATES], 3 * (length - 2)
                    if axes[axis + tables.WEIGHTS] == 0:
                        entries = 0
                    derive_varying_interior(
                        samples,
                        left,
                        step,
                        results,
                        at,
                        low,
                        high,
                        base,
                        stride,
                        length - 2,
                        array_at(points, length, coordinates_dtype),
                        array_at(axes[axis + tables.WEIGHTS], entries, spacings.dtype),
                    )

    return derive_block


@cache
def derivation(
    samples_dtype, results_dtype, coordinates_dtype, spacings_dtype, varying, strided, direct
):
    """Return the function that derives a range of blocks along every axis.

    It is compiled for the dtypes given; for axes with coordinates only if ``varying``; for samples
    and results in memory of any order only if ``strided``, otherwise for all of them contiguous in
    the same order. If ``direct``, each result goes straight past the cache; otherwise into the
    cache, or through a buffer past it.
    """
    derive_block = block_derivation(direct, varying)
    number_dtype = np.dtype(results_dtype.char.lower())
    numbers = results_dtype.itemsize // number_dtype.itemsize

    def derive(address, begin, end):
        field = array_at(address, tables.FIELD_COLUMNS, table_dtype)
        count, block = field[tables.AXIS_COUNT], field[tables.BLOCK]
        axes = array_at(field[tables.AXES], count * tables.AXIS_COLUMNS, table_dtype)
        spacings = array_at(field[tables.SPACINGS], count * tables.SPACING_COLUMNS, spacings_dtype)
        memory = array_at(field[tables.SAMPLES], field[tables.SAMPLES_SPAN], samples_dtype)
        samples, origin = memory, 0
        streamed = field[tables.STREAMED] != 0
        if not direct:
            buffer = np.empty(block if streamed or strided else 0, results_dtype)
        if strided:
            columns = tables.RESULT_STEP + count
            dimensions = array_at(
                field[tables.DIMENSIONS], field[tables.DIMENSION_COUNT] * columns, table_dtype
            ).reshape((field[tables.DIMENSION_COUNT], columns))
            point = np.empty(len(dimensions), np.int64)
            window = np.empty((2 * REACH + 1) * block, samples_dtype)
        for number in range(begin, end):
            start, stop = block_range(number, field, axes)
            for k in range(count):
                axis, spacing = k * tables.AXIS_COLUMNS, k * tables.SPACING_COLUMNS
                step = axes[axis + tables.STRIDE]
                if strided and field[tables.GATHERED] != 0:
                    samples = window
                    origin, step = gather_neighbours(
                        memory,
                        field[tables.SAMPLES_ORIGIN],
                        dimensions,
                        tables.SAMPLES_STEP,
                        point,
                        start,
                        stop,
                        step,
                        field[tables.SIZE],
                        field[tables.EDGE_ORDER],
                        window,
                    )
                span = axes[axis + tables.RESULT_SPAN]
                result = array_at(axes[axis + tables.RESULT], span, results_dtype)
                target, shift = result, 0
                scattered = axes[axis + tables.SCATTERED] != 0
                if not direct and (streamed or scattered):
                    target, shift = buffer, start
                derive_block(
                    samples,
                    origin,
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
                    field,
                )
                if strided:  # noqa: SIM102 - known while compiling, unlike the next
                    if scattered:
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
                if not direct and streamed and not scattered:
                    runs.stream_copy(
                        array_at(buffer.ctypes.data, block * numbers, number_dtype),
                        array_at(axes[axis + tables.RESULT], span * numbers, number_dtype),
                        start * numbers,
                        (stop - start) * numbers,
                    )
        if streamed:
            fence()

    # machine code is known by its name: the same one in two caches on disk would be taken for equal
    codes = "".join(
        dtype.char for dtype in (samples_dtype, results_dtype, coordinates_dtype, spacings_dtype)
    )
    derive.__name__ = derive.__qualname__ = f"derive_{codes}_{varying:d}{strided:d}{direct:d}"
    return derive


@cache
def compiled_derivation(*key):
    """Return a derivation compiled when first asked for; kept, and its machine code with it."""
    return callback(types.void(types.int64, types.int64, types.int64), derivation(*key))


@internal_njit
def count_blocks(field, axes):
    """Return how many blocks there are."""
    size, block, march = field[tables.SIZE], field[tables.BLOCK], field[tables.MARCH]
    if march < 0:
        return (size + block - 1) // block
    stride = axes[march * tables.AXIS_COLUMNS + tables.STRIDE]
    return size // stride * ((stride + block - 1) // block)


@kernel
def launch(function, field, axes, spacings, dimensions):
    """Derive everything on this thread."""
    field[tables.AXES], field[tables.SPACINGS] = axes.ctypes.data, spacings.ctypes.data
    field[tables.DIMENSIONS] = dimensions.ctypes.data
    call_at(function, field.ctypes.data, 0, count_blocks(field, axes))


@internal_njit
def launch_located(function, field, axes, spacings, samples, result):
    """Derive from samples to a result, whose addresses are still to be written down."""
    field[tables.AXES], field[tables.SPACINGS] = axes.ctypes.data, spacings.ctypes.data
    field[tables.SAMPLES], axes[tables.RESULT] = samples.ctypes.data, result.ctypes.data
    call_at(function, field.ctypes.data, 0, count_blocks(field, axes))


@kernel
def launch_one(function, field, axes, spacings, samples, result):
    """Derive contiguous samples along one uniform axis on this thread.

    The tables are templates that stay as they are. Their copies are arguments of a call, so that
    they live until it ends: their addresses alone don't keep them.
    """
    launch_located(function, field.copy(), axes.copy(), spacings, samples, result)


@parallel_kernel
def launch_in_parallel(function, field, axes, spacings, dimensions, threads):
    """Derive everything, each thread its own consecutive blocks."""
    field[tables.AXES], field[tables.SPACINGS] = axes.ctypes.data, spacings.ctypes.data
    field[tables.DIMENSIONS] = dimensions.ctypes.data
    address, blocks = field.ctypes.data, count_blocks(field, axes)
    for thread in prange(threads):
        call_at(function, address, blocks * thread // threads, blocks * (thread + 1) // threads)


@kernel
def locate(array, row, column):
    """Write down the address of an array of bytes."""
    row[column] = array.ctypes.data


@internal_njit
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
def measure(coordinates, row, axes, spacings, table):
    """Fill in the rows of an axis and its spacings; tabulate the weights if there is a table."""
    number = coordinates.dtype.type
    two, n = number(2), len(coordinates)
    axis, spacing = row * tables.AXIS_COLUMNS, spacings[row]
    uniform = is_uniform(coordinates)
    axes[axis + tables.UNIFORM] = uniform
    axes[axis + tables.COORDINATES] = coordinates.ctypes.data
    h_first, h_last = coordinates[1] - coordinates[0], coordinates[n - 1] - coordinates[n - 2]
    spacing[tables.TWICE_SPACING] = two * h_first
    spacing[tables.FIRST_SPACING], spacing[tables.LAST_SPACING] = h_first, h_last
    first = spacing[tables.FIRST_WEIGHTS : tables.FIRST_WEIGHTS + 3]
    last = spacing[tables.LAST_WEIGHTS : tables.LAST_WEIGHTS + 3]
    if uniform:
        for j in range(3):
            first[j] = number(UNIFORM_FIRST_WEIGHTS[j]) / h_first
            last[j] = number(UNIFORM_LAST_WEIGHTS[j]) / h_first
    elif n > 2:
        h = coordinates[2] - coordinates[1]
        first[0], first[1], first[2] = weights_at_first(h_first, h, two)
        h = coordinates[n - 2] - coordinates[n - 3]
        last[0], last[1], last[2] = weights_at_last(h, h_last, two)
    if len(table) > 0 and not uniform:
        axes[axis + tables.WEIGHTS] = table.ctypes.data
        for i in range(n - 2):
            x, inside = coordinates[i + 1], n - 2
            table[i], table[inside + i], table[2 * inside + i] = interior_weights(
                x - coordinates[i], coordinates[i + 2] - x
            )
