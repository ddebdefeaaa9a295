"""The loops over a field on the CPU, serial and parallel.

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

from numgrad.fields.kernels import tables
from numgrad.fields.kernels.addresses import array_at, call_at
from numgrad.fields.kernels.coefficients import (
    edge_choice,
    inner_coefficients,
    inner_weights,
    offsets_of,
    tabulated_weights,
)
from numgrad.fields.kernels.coordinates import TABLE_POINTS, measuring
from numgrad.fields.kernels.lanes import fence
from numgrad.fields.kernels.runs import (
    CONSTANT,
    TABULATED,
    WEIGHED,
    positions_of,
    run_of,
    stream_copy,
)
from numgrad.fields.kernels.strided import gather_neighbours, scatter
from numgrad.fields.kernels.together import derivation_in_turn
from numgrad.fields.kernels.unrolled import named
from numgrad.targets.cache import callback, kernel, parallel_kernel
from numgrad.targets.options import formula, internal_njit

table_dtype = np.dtype(np.int64)

BLOCK_BYTES = 1 << 14  # results that stay in the first-level cache until they are copied on


@formula
def block_range(number, field, axes):
    """Where the flat range of a block starts and stops.

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


@cache
def edge_derivation(scheme, streamed):
    """Make the function that derives a block at the edges of a slab from ``base`` on."""
    derive = run_of(scheme.edges[0], CONSTANT, streamed)
    choose, positions_at = edge_choice(scheme, formula), positions_of(len(scheme.edges[0].offsets))
    first, edges = len(scheme.first), len(scheme.edges)

    def derive_edges(samples, origin, step, results, shift, start, stop, base, slab, stride, row):
        for edge in range(edges):
            low = base + edge * stride
            if edge >= first:
                low = base + slab - (edges - edge) * stride
            low, high = max(start, low), min(stop, low + stride)
            if low < high:
                at, count, left = low - shift, high - low, low - origin
                offsets, weights = choose(edge, row)
                positions = positions_at(offsets, left, step)
                derive(samples, positions, results, at, count, weights)

    return formula(derive_edges)


@cache
def varying_interior(scheme, streamed):
    """Make the function that derives a block at the interior of an axis with coordinates."""
    stencil = scheme.varying
    offsets, first = offsets_of(stencil), len(scheme.first)
    by_table, by_points = run_of(stencil, TABULATED, streamed), run_of(stencil, WEIGHED, streamed)
    by_constants = run_of(stencil, CONSTANT, streamed)
    positions_at, columns = positions_of(len(offsets)), tuple(map(np.int64, range(len(offsets))))
    weights_from, weigh = tabulated_weights(scheme, formula), inner_weights(scheme, formula)

    def derive(samples, left, step, results, at, low, high, base, stride, inside, x, table):
        i, n = (low - base) // stride, high - low
        tabulated = table.size > 0
        if stride == 1:
            positions = positions_at(offsets, left, step)
            if tabulated:
                places = positions_at(columns, i - first, inside)
                by_table(samples, positions, results, at, n, (table, places))
            else:
                by_points(samples, positions, results, at, n, (x, positions_at(offsets, i, 1)))
            return
        while low < high:
            n = min(high, base + (i + 1) * stride) - low
            if tabulated:
                weights = weights_from(table, i - first, inside)
            else:
                weights = weigh(x, i)
            positions = positions_at(offsets, left, step)
            by_constants(samples, positions, results, at, n, weights)
            left, at, low, i = left + n, at + n, low + n, i + 1

    return formula(derive)


@cache
def block_derivation(scheme, streamed, varying):
    """Make the function that derives a block along one axis, into the cache or past it.

    It knows axes with coordinates only if ``varying``.
    """
    at_once = not streamed
    uniform_stencil = scheme.uniform
    derive_inside = run_of(uniform_stencil, CONSTANT, streamed)
    derive_edges = edge_derivation(scheme, streamed)
    derive_varying = varying_interior(scheme, streamed)
    offsets = offsets_of(uniform_stencil)
    before, after = max(0, -offsets[0]), max(0, offsets[-1])
    first, edges, last = len(scheme.first), len(scheme.edges), len(scheme.last)
    width, entries_a_point = scheme.columns[-1], len(scheme.varying.offsets)
    coefficients, positions_at = inner_coefficients(scheme, formula), positions_of(len(offsets))

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
        length, stride = axes[axis + tables.LENGTH], axes[axis + tables.STRIDE]
        slab = length * stride
        uniform = not varying or axes[axis + tables.UNIFORM] != 0
        row = spacings[spacing : spacing + width]
        inner = coefficients(row)
        if uniform and at_once:
            # the whole block, as if it had no edges: they are overwritten below
            low, high = max(start, before * stride), min(stop, field[tables.SIZE] - after * stride)
            if low < high:
                left, at, count = low - origin, low - shift, high - low
                positions = positions_at(offsets, left, step)
                derive_inside(samples, positions, results, at, count, inner)
        for base in range(start - start % slab, stop, slab):
            derive_edges(
                samples, origin, step, results, shift, start, stop, base, slab, stride, row
            )
            low, high = max(start, base + first * stride), min(stop, base + slab - last * stride)
            at, count, left = low - shift, high - low, low - origin
            if low < high and not (uniform and at_once):
                if uniform:
                    positions = positions_at(offsets, left, step)
                    derive_inside(samples, positions, results, at, count, inner)
                elif varying:
                    inside = length - edges
                    entries = entries_a_point * inside
                    if axes[axis + tables.WEIGHTS] == 0:
                        entries = 0
                    derive_varying(
                        samples,
                        left,
                        step,
                        results,
                        at,
                        low,
                        high,
                        base,
                        stride,
                        inside,
                        array_at(axes[axis + tables.COORDINATES], length, coordinates_dtype),
                        array_at(axes[axis + tables.WEIGHTS], entries, spacings.dtype),
                    )

    return formula(derive_block)


@cache
def derivation(
    scheme,
    samples_dtype,
    results_dtype,
    coordinates_dtype,
    spacings_dtype,
    varying,
    strided,
    direct,
    in_turn,
):
    """Make the function that derives a range of blocks along every axis by a scheme.

    It is compiled for the dtypes given; for axes with coordinates only if ``varying``; for samples
    and results in memory of any order only if ``strided``, otherwise for all of them contiguous in
    the same order. If ``direct``, each result goes straight past the cache, a few lines of each
    if ``in_turn``; otherwise into the cache, or through a buffer past it.
    """
    dtypes = samples_dtype, results_dtype, coordinates_dtype, spacings_dtype
    if in_turn:
        derive_block = block_derivation(scheme, False, False)
        return derivation_in_turn(scheme, *dtypes, derive_block, block_range)
    derive_block = block_derivation(scheme, direct, varying)
    width, reach = scheme.columns[-1], scheme.reach
    number_dtype = np.dtype(results_dtype.char.lower())
    numbers = results_dtype.itemsize // number_dtype.itemsize

    def derive(address, begin, end):
        field = array_at(address, tables.FIELD_COLUMNS, table_dtype)
        count, block = field[tables.AXIS_COUNT], field[tables.BLOCK]
        axes = array_at(field[tables.AXES], count * tables.AXIS_COLUMNS, table_dtype)
        spacings = array_at(field[tables.SPACINGS], count * width, spacings_dtype)
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
            window = np.empty((2 * reach + 1) * block, samples_dtype)
        for number in range(begin, end):
            start, stop = block_range(number, field, axes)
            for k in range(count):
                axis, spacing = k * tables.AXIS_COLUMNS, k * width
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
                        reach,
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
                    stream_copy(
                        array_at(buffer.ctypes.data, block * numbers, number_dtype),
                        array_at(axes[axis + tables.RESULT], span * numbers, number_dtype),
                        start * numbers,
                        (stop - start) * numbers,
                    )
        if streamed:
            fence()

    # machine code is known by its name: the same one in two caches on disk would be taken for equal
    codes = "".join(dtype.char for dtype in dtypes)
    flags = f"{varying:d}{strided:d}{direct:d}"
    return named(derive, "derive", scheme.name, codes, flags)


@cache
def compiled_derivation(*key):
    """Compile a derivation when first asked for; keep it, and its machine code with it."""
    return callback(types.void(types.int64, types.int64, types.int64), derivation(*key))


@internal_njit
def count_blocks(field, axes):
    """How many blocks there are."""
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


@internal_njit
def launch_measured(function, field, axes, spacings, table, points, samples, result):
    """Derive along an axis with coordinates: these and their weights live until the call ends."""
    launch_located(function, field, axes, spacings, samples, result)


@cache
def launching(scheme, coordinates_dtype):
    """Make the function that derives few contiguous samples along one axis with coordinates.

    It does all that a call needs at once: from Python, each call of a kernel takes as long.
    """
    measure = measuring(scheme, coordinates_dtype)
    edges, entries = len(scheme.edges), len(scheme.varying.offsets)

    def launch(function, field, axes, spacings, points, samples, result):
        row, columns = axes.copy(), spacings.copy()
        tabulated = len(points) - edges if len(points) <= TABLE_POINTS else 0
        table = np.empty(entries * tabulated, spacings.dtype)
        measure(points, 0, row, columns, table, False)
        launch_measured(function, field.copy(), row, columns, table, points, samples, result)

    return kernel(named(launch, "launch", scheme.name, coordinates_dtype.char))


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
