"""The loops over fields for sums of differences of samples, whatever their stencils.

A field is seen as rows that are contiguous in memory. An output is a sum of terms, a term a sum
of weighted differences ``w (a - b)`` along one axis. For a row, or a piece of it, where all points
take their samples at the same offsets, the addresses of all samples are found first; one loop of
``pieces`` then goes along the row. Along the axis that a row itself lies on, points at its ends
have pieces of their own.

The differences are data to the compiled code, so that one function serves every order, accuracy,
boundary and operator.
"""

from functools import cache

import numpy as np
from numba import prange, types

from numgrad.fields.kernels import pieces, weighing
from numgrad.fields.kernels.addresses import array_at, call_at
from numgrad.fields.kernels.lanes import LINE_BYTES, fence
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.weights import ZERO
from numgrad.targets.cache import callback, kernel, parallel_kernel
from numgrad.targets.options import internal_njit

# What stands in which column of the tables, all of 64-bit integers. The head has one row.
ROWS = 0  # of the field
LENGTH = 1  # of a row, in numbers
TILE = 2  # numbers of a row that are derived at a time
UNIT = 3  # numbers between neighbours along the axis of a row
OUTER = 4  # how many axes the rows are counted by
OUTPUTS = 5
LENGTHS = 6  # address of the lengths of the outer axes
OUTPUT_TABLE = 7
TERM_TABLE = 8
MOST_SLOTS = 9  # of an output
TERMS = 10
ZEROS = 11  # address of a tile of zeros
TOGETHER = 12  # rows to derive one after another before the next output
ANY_FUNCTION = 13  # address of the function for pieces of any differences
STRIP = 14  # neighbouring rows that are derived at all places of the axes before them
STORES = 15  # how pieces store their results
BUFFER = 16  # rows that are gathered in the cache before they go past it, or 0
LONG = 17  # differences whose weights are made for a tile at a time
HEAD_COLUMNS = 18

# Pieces of a row that are found before they are derived.
MOST_PIECES = 24

# an output; behind these its strides along the outer axes, in bytes
OUTPUT_ADDRESS = 0
FIRST_TERM = 1
STOP_TERM = 2
ROW_INSIDE_FROM = 3  # where in a row the points between its ends begin
ROW_INSIDE_TO = 4
FUNCTION = 5  # address of the function for pieces with the stencils between the edges
EDGE_FUNCTION = 6  # and for those at the ends of rows, where no other axis has an edge
OUTPUT_COLUMNS = 7

# a term; behind these the strides along the outer axes of the samples, of the ghosts before and
# after, of the weights and of those at the edges
AXIS = 0  # which outer axis; -1: that of the rows
POINTS = 1
FIRST = 2
LAST = 3
SLOTS = 4
EDGE_SLOTS = 5
SAMPLES = 6
BEFORE = 7
BEFORE_COUNT = 8
AFTER = 9
OFFSETS = 10
EDGE_OFFSETS = 11
WEIGHTS = 12
WEIGHTS_STEP = 13  # bytes between the weights of two differences
WEIGHTS_VARY = 14  # whether they vary along a row
EDGE_WEIGHTS = 15
EDGE_WEIGHTS_STEP = 16
EDGE_WEIGHTS_VARY = 17
INSIDE_FROM = 18  # the points whose samples all lie in the field begin
INSIDE_TO = 19
WEIGHING = 20  # address of the function that makes its weights, or 0 where they are there
COORDINATES = 21  # address of the coordinate that the window of the first point begins at
FACTOR = 22  # address of what the weights are multiplied with
TERM_COLUMNS = 23
STRIDE_GROUPS = 5

table_dtype = np.dtype(np.int64)
CELL = table_dtype.itemsize


@internal_njit
def sample_address(term, at, outer, place, offset, q, unit, itemsize, zeros):
    """Find the sample at an offset from a point."""
    if offset == ZERO:
        return zeros
    axis, points, v = term[AXIS], term[POINTS], place + offset
    if axis < 0:
        # the piece may begin within a point of several numbers
        shift = (q + offset * unit) * itemsize
        if 0 <= v < points:
            return at + shift
        if v < 0:
            group, address = 1, term[BEFORE] + term[BEFORE_COUNT] * unit * itemsize + shift
        else:
            group, address = 2, term[AFTER] - points * unit * itemsize + shift
        for d in range(outer.size):
            address += outer[d] * term[TERM_COLUMNS + group * outer.size + d]
        return address
    if 0 <= v < points:
        return at + offset * term[TERM_COLUMNS + axis] + q * itemsize
    group = 1 if v < 0 else 2
    v += term[BEFORE_COUNT] if v < 0 else -points
    address = (term[BEFORE] if group == 1 else term[AFTER]) + q * itemsize
    for d in range(outer.size):
        stride = term[TERM_COLUMNS + group * outer.size + d]
        address += (v if d == axis else outer[d]) * stride
    return address


@internal_njit
def find(term, outer, place, q, unit, itemsize, width, zeros, slots, at_slot):
    """Write down the differences of a term for a piece of some rows from its slot on.

    Return where its slots end, and whether its weights vary along a row.
    """
    axis, points, edge = term[AXIS], term[POINTS], -1
    if place < term[FIRST]:
        edge = place
    elif place >= points - term[LAST]:
        edge = term[FIRST] + place - (points - term[LAST])
    if edge >= 0:
        count = term[EDGE_SLOTS]
        offsets = array_at(term[EDGE_OFFSETS] + edge * count * 16, 2 * count, table_dtype)
        weight, step = term[EDGE_WEIGHTS], term[EDGE_WEIGHTS_STEP]
        varies, group = term[EDGE_WEIGHTS_VARY], 4
        if axis < 0:
            weight += (edge - place) * unit * width
    else:
        count = term[SLOTS]
        offsets = array_at(term[OFFSETS], 2 * count, table_dtype)
        weight, step = term[WEIGHTS], term[WEIGHTS_STEP]
        varies, group = term[WEIGHTS_VARY], 3
    size, weight_step = outer.size, 0
    at = term[SAMPLES]
    for d in range(size):
        at += outer[d] * term[TERM_COLUMNS + d]
        row = edge if d == axis and edge >= 0 else outer[d]
        weight += row * term[TERM_COLUMNS + group * size + d]
    if size > 0:
        weight_step = term[TERM_COLUMNS + group * size + size - 1]
    if varies != 0:
        weight += q * width
    for s in range(count):
        k = (at_slot + s) * pieces.SLOT_COLUMNS
        for side in range(2):
            offset = offsets[2 * s + side]
            slots[k + side] = sample_address(
                term, at, outer, place, offset, q, unit, itemsize, zeros
            )
            row_step = 0
            if offset != ZERO and size > 0:
                v, group = place + offset, 0
                if v < 0:
                    group = 1
                elif v >= points:
                    group = 2
                row_step = term[TERM_COLUMNS + group * size + size - 1]
            slots[k + pieces.FIRST_STEP + side] = row_step
        slots[k + pieces.WEIGHT] = weight + s * step
        slots[k + pieces.WEIGHT_STEP] = weight_step
    return at_slot + count, varies


@internal_njit
def rows_together(terms, term_columns, outer, most):
    """Count the rows from here on in which all samples are found in the same way."""
    last = outer.size - 1
    for t in range(terms.size // term_columns):
        term = terms[t * term_columns : (t + 1) * term_columns]
        if term[AXIS] == last:
            place = outer[last]
            if place < term[INSIDE_FROM] or place >= term[INSIDE_TO]:
                return 1
            most = min(most, term[INSIDE_TO] - place)
    return most


@internal_njit
def place_in_strips(row, strip, rows, lengths, outer):
    """Find the place of a row, and how many rows come after it in its strip."""
    last = lengths.size - 1
    before = rows // lengths[last]
    first = row // (strip * before) * strip
    width = min(strip, lengths[last] - first)
    row -= first * before
    outer[last] = first + row % width
    left = width - row % width
    row //= width
    for d in range(last - 1, -1, -1):
        outer[d] = row % lengths[d]
        row //= lengths[d]
    return left


@cache
def weighing_tiles(precision):
    """Make the function that makes the weights of long axes for a tile, in place of a table."""
    width = precision.itemsize
    real, same = precision.type, precision == weighing.precision

    def weigh(terms, term_columns, low, high, tile, made, kept):
        row = np.empty(weighing.WEIGHING_COLUMNS, np.int64)
        row[weighing.STEP] = tile * weighing.WIDTH
        at = 0
        for t in range(terms.size // term_columns):
            term = terms[t * term_columns : (t + 1) * term_columns]
            if term[WEIGHING] == 0:
                continue
            first, last = max(low, term[FIRST]), min(high, term[POINTS] - term[LAST])
            row[weighing.COORDINATES] = term[COORDINATES]
            row[weighing.WEIGHTS] = made.ctypes.data + (at * tile + first - low) * weighing.WIDTH
            if first < last:
                call_at(term[WEIGHING], row.ctypes.data, first, last)
            factor = array_at(term[FACTOR], 1, weighing.precision)[0]
            stop = at + term[SLOTS]
            if same and factor == 1.0:
                term[WEIGHTS] = made.ctypes.data + (at * tile - low) * width
            else:
                term[WEIGHTS] = kept.ctypes.data + (at * tile - low) * width
                source, goal = made[at * tile : stop * tile], kept[at * tile : stop * tile]
                for k in range(goal.size):
                    goal[k] = real(factor * source[k])
            at = stop

    return internal_njit(named(weigh, "weigh_tile", precision.char))


@cache
def derivation(samples_dtype, precision):
    """Make the function that derives a range of tiles into all outputs."""
    itemsize, width = samples_dtype.itemsize, precision.itemsize
    copy_past_cache = pieces.streaming_copy(precision)
    weigh_tile = weighing_tiles(precision)

    def derive_tiles(address, begin, end):
        head = array_at(address, HEAD_COLUMNS, table_dtype)
        count, unit, length = head[OUTER], head[UNIT], head[LENGTH]
        lengths = array_at(head[LENGTHS], count, table_dtype)
        output_columns = OUTPUT_COLUMNS + count
        term_columns = TERM_COLUMNS + STRIDE_GROUPS * count
        outputs = array_at(head[OUTPUT_TABLE], head[OUTPUTS] * output_columns, table_dtype)
        terms = array_at(head[TERM_TABLE], head[TERMS] * term_columns, table_dtype)
        # by their addresses: counting who refers to an array would wait for all that is on its way
        # past the cache
        sizes = (
            MOST_PIECES * head[MOST_SLOTS] * pieces.SLOT_COLUMNS,
            2 * MOST_PIECES * head[TERMS],
            MOST_PIECES * pieces.PIECE_COLUMNS,
            MOST_PIECES,
            count,
        )
        memory = np.empty(sizes[0] + sizes[1] + sizes[2] + sizes[3] + sizes[4], np.int64)
        at = memory.ctypes.data
        slots = array_at(at, sizes[0], table_dtype)
        at += sizes[0] * CELL
        sums = array_at(at, sizes[1], table_dtype)
        at += sizes[1] * CELL
        row_pieces = array_at(at, sizes[2], table_dtype)
        at += sizes[2] * CELL
        functions = array_at(at, sizes[3], table_dtype)
        outer = array_at(at + sizes[3] * CELL, sizes[4], table_dtype)
        scratch = np.empty(2 * pieces.COLUMN, precision)
        group = head[BUFFER]
        buffer = np.empty(group * length + LINE_BYTES, precision)
        made = np.zeros(head[LONG] * head[TILE])
        kept = np.empty(head[LONG] * head[TILE], precision)
        room, scratch_at = buffer.ctypes.data, scratch.ctypes.data
        room += -room % LINE_BYTES
        weighed = -1
        if head[LONG] > 0:
            terms = terms.copy()
        number = begin
        while number < end:
            tile, row = number // head[ROWS], number % head[ROWS]
            together = 1
            if count > 0:
                left = place_in_strips(row, head[STRIP], head[ROWS], lengths, outer)
                most = min(min(end - number, left), head[TOGETHER])
                together = rows_together(terms, term_columns, outer, most)
            low = tile * head[TILE]
            high = min(length, low + head[TILE])
            if head[LONG] > 0 and weighed != tile:
                weigh_tile(terms, term_columns, low, high, head[TILE], made, kept)
                weighed = tile
            for o in range(head[OUTPUTS]):
                output = outputs[o * output_columns : (o + 1) * output_columns]
                target, step = output[OUTPUT_ADDRESS], 0
                for d in range(count):
                    target += outer[d] * output[OUTPUT_COLUMNS + d]
                if count > 0:
                    step = output[OUTPUT_COLUMNS + count - 1]
                q = low
                while q < high:
                    begins = q == 0
                    # as many pieces of the row as there is room for, all rows of each
                    found, slot, sum_at, longest, width_of_longest = 0, 0, 0, 0, 0
                    while q < high and found < MOST_PIECES:
                        inside = output[ROW_INSIDE_FROM] <= q < output[ROW_INSIDE_TO]
                        if inside:
                            stop = min(high, output[ROW_INSIDE_TO])
                        else:
                            stop = min(high, (q // unit + 1) * unit)
                        piece = row_pieces[found * pieces.PIECE_COLUMNS :]
                        stops, vary = sums[sum_at:], sums[sum_at + head[TERMS] :]
                        own = slots[slot * pieces.SLOT_COLUMNS :]
                        k, s, regular, along, edges = 0, 0, True, 0, 0
                        for t in range(output[FIRST_TERM], output[STOP_TERM]):
                            term = terms[t * term_columns : (t + 1) * term_columns]
                            place = outer[term[AXIS]] if term[AXIS] >= 0 else q // unit
                            edge = place < term[FIRST] or place >= term[POINTS] - term[LAST]
                            if term[AXIS] < 0:
                                along, edges = along + 1, edges + edge
                            elif edge:
                                regular = False
                            s, vary[k] = find(
                                term, outer, place, q, unit, itemsize, width, head[ZEROS], own, s
                            )  # fmt: skip
                            stops[k] = s
                            k += 1
                        piece[pieces.OUTPUT], piece[pieces.OUTPUT_STEP] = q * width, step
                        piece[pieces.COUNT], piece[pieces.TERMS] = stop - q, k
                        piece[pieces.SLOTS], piece[pieces.FIRSTS] = s, own.ctypes.data
                        piece[pieces.TERM_STOPS] = stops.ctypes.data
                        piece[pieces.VARY] = vary.ctypes.data
                        piece[pieces.SCRATCH] = scratch_at
                        piece[pieces.STORES], piece[pieces.BETWEEN] = head[STORES], False
                        functions[found] = head[ANY_FUNCTION]
                        if regular and edges == 0:
                            functions[found] = output[FUNCTION]
                        elif regular and edges == along:
                            functions[found] = output[EDGE_FUNCTION]
                        if stop - q > width_of_longest:
                            longest, width_of_longest = found, stop - q
                        slot, sum_at = slot + s, sum_at + 2 * head[TERMS]
                        found, q = found + 1, stop
                    if (
                        begins
                        and q == length
                        and head[STORES] != pieces.PAST
                        and step == length * width
                    ):
                        row_pieces[longest * pieces.PIECE_COLUMNS + pieces.BETWEEN] = True
                    first = 0
                    while first < together:
                        last, results = together, target
                        if group > 0:
                            last = min(together, first + group)
                            results = room + (target + first * step) % LINE_BYTES - first * step
                        # the longest first, which asks for the samples of the others too
                        for turn in range(found):
                            k = longest if turn == 0 else turn - 1 if turn <= longest else turn
                            piece = row_pieces[k * pieces.PIECE_COLUMNS :]
                            offset = piece[pieces.OUTPUT]
                            piece[pieces.OUTPUT] = results + offset
                            call_at(functions[k], piece.ctypes.data, first, last)
                            piece[pieces.OUTPUT] = offset
                        if group > 0:
                            past = target + first * step
                            copy_past_cache(results + first * step, past, (last - first) * length)
                        first = last
            number += together
        fence()
        # Numba frees an array after its last use, whoever has its address
        memory[:0], buffer[:0], scratch[:0] = 0, 0, 0

    return named(derive_tiles, "derive_tiles", samples_dtype.char, precision.char)


@cache
def compiled_derivation(samples_dtype, precision):
    """Compile a derivation when first asked for; keep it, and its machine code with it."""
    signature = types.void(types.int64, types.int64, types.int64)
    return callback(signature, derivation(samples_dtype, precision))


@kernel
def launch(function, head, tiles):
    """Derive everything on this thread."""
    call_at(function, head.ctypes.data, 0, tiles)


@parallel_kernel
def launch_in_parallel(function, head, tiles, threads):
    """Derive everything, each thread its own consecutive tiles."""
    address = head.ctypes.data
    for thread in prange(threads):
        call_at(function, address, tiles * thread // threads, tiles * (thread + 1) // threads)
