"""The innermost loops of sums of differences: a piece of a few rows, all at the same offsets.

Every sample of the first row has been found, and so has how far the rows are apart. The loop goes
along a row, with all terms of an output in registers. There are two of them: one for any
differences, and one written out for those of an operator, for large fields. Both add up in the
same order.
"""

from functools import cache

import numpy as np
from numba import types

from numgrad.fields.kernels.addresses import array_at
from numgrad.fields.kernels.lanes import LINE_BYTES
from numgrad.fields.kernels.raw_memory import (
    block_at,
    block_of,
    number_at,
    prefetch_at,
    put,
    put_part,
    stream,
)
from numgrad.fields.kernels.unrolled import index, named, statements
from numgrad.targets.cache import callback
from numgrad.targets.options import internal_njit

table_dtype = np.dtype(np.int64)

# A piece, as a row of 64-bit integers.
OUTPUT = 0  # address of its first result
COUNT = 1  # of results in a row
OUTPUT_STEP = 2  # bytes between two rows
TERMS = 3
SLOTS = 4
TERM_STOPS = 5  # address of where the differences of each term end
VARY = 6  # address of whether the weights of each term vary along a row
FIRSTS = 7  # address of six integers a difference
STORES = 8  # how results are stored
SCRATCH = 9  # address of two columns of numbers
PIECE_COLUMNS = 10

# How results are stored: for small fields; for large ones, whose samples are asked for ahead, past
# the cache; and for these where somebody else will take them past it.
SMALL, PAST, LARGE = range(3)

COLUMN = 64  # rows that are derived at once where they are short

# A difference: the addresses of its samples and of its weight, and how far they go with each row.
FIRST, SECOND, WEIGHT, FIRST_STEP, SECOND_STEP, WEIGHT_STEP = range(6)
SLOT_COLUMNS = 6

BLOCK_BYTES = 2 * LINE_BYTES

# How far ahead samples are asked for: what the processor does by itself falls behind a stream of
# stores.
LINES_AHEAD = 64


@cache
def streaming_copy(precision):
    """Make the function that copies so many numbers past the cache.

    Where they go to, lines of the cache begin at the same places as where they come from.
    """
    width = precision.itemsize
    block = BLOCK_BYTES // width

    def copy(source, target, count):
        q = min(count, (-target % LINE_BYTES) // width)
        for k in range(q):
            put(target + k * width, number_at(source + k * width, precision))
        while q + block <= count:
            stream(target + q * width, block_at(source + q * width, precision))
            q += block
        for k in range(q, count):
            put(target + k * width, number_at(source + k * width, precision))

    return internal_njit(named(copy, "streaming_copy", precision.char))


@internal_njit
def next_block(done, start, count, block):
    """Give the block that comes after so many numbers, and which of its numbers are to be stored.

    Blocks begin at ``start``, where lines of the cache do. Of the one before, and of the last,
    which ends with the row, only a part is stored.
    """
    if done < start:
        return done, index(0), start
    if done + block > count:
        return count - block, done + block - count, block
    return done, index(0), block


@cache
def _by_columns(samples_dtype, precision):
    """Make the function that derives short rows: for each number of them, all rows at once."""
    itemsize, width = samples_dtype.itemsize, precision.itemsize
    zero = precision.type(0)

    def derive(terms, stops, vary, slots, piece, begin, end):
        parts = array_at(piece[SCRATCH], COLUMN, precision)
        totals = array_at(piece[SCRATCH] + COLUMN * width, COLUMN, precision)
        for first in range(begin, end, COLUMN):
            rows = min(COLUMN, end - first)
            for q in range(piece[COUNT]):
                for r in range(rows):
                    totals[r] = zero
                s = 0
                for t in range(terms):
                    for r in range(rows):
                        parts[r] = zero
                    for slot in range(s, stops[t]):
                        k = slot * SLOT_COLUMNS
                        a_step, b_step = slots[k + FIRST_STEP], slots[k + SECOND_STEP]
                        weight_step = slots[k + WEIGHT_STEP]
                        a = slots[k + FIRST] + first * a_step + q * itemsize
                        b = slots[k + SECOND] + first * b_step + q * itemsize
                        weight = slots[k + WEIGHT] + first * weight_step
                        if vary[t] != 0:
                            weight += q * width
                        for r in range(rows):
                            difference = number_at(a, samples_dtype) - number_at(b, samples_dtype)
                            parts[r] += number_at(weight, precision) * difference
                            a += a_step
                            b += b_step
                            weight += weight_step
                    s = stops[t]
                    for r in range(rows):
                        totals[r] += parts[r]
                output = piece[OUTPUT] + first * piece[OUTPUT_STEP] + q * width
                for r in range(rows):
                    put(output, totals[r])
                    output += piece[OUTPUT_STEP]

    return internal_njit(named(derive, "columns", samples_dtype.char, precision.char))


def _frame(derive_blocks, by_columns, precision, *names):
    """Make the function that derives a piece: whole blocks, and what is left, row by row."""
    width = precision.itemsize
    block = BLOCK_BYTES // width

    def derive(address, begin, end):
        piece = array_at(address, PIECE_COLUMNS, table_dtype)
        terms, count = piece[TERMS], piece[COUNT]
        stops = array_at(piece[TERM_STOPS], terms, table_dtype)
        vary = array_at(piece[VARY], terms, table_dtype)
        slots = array_at(piece[FIRSTS], piece[SLOTS] * SLOT_COLUMNS, table_dtype)
        if count < block:
            by_columns(terms, stops, vary, slots, piece, begin, end)
            return
        for row in range(begin, end):
            output = piece[OUTPUT] + row * piece[OUTPUT_STEP]
            start = (-output % LINE_BYTES) // width
            derive_blocks(terms, stops, vary, slots, row, output, start, count, piece[STORES])

    signature = types.void(types.int64, types.int64, types.int64)
    return callback(signature, named(derive, *names))


@cache
def any_piece(samples_dtype, precision):
    """Compile the loop for any differences."""
    itemsize, width = index(samples_dtype.itemsize), index(precision.itemsize)
    block = index(BLOCK_BYTES // precision.itemsize)
    zero = precision.type(0)

    def derive(terms, stops, vary, slots, row, output, start, count, stores):
        done, count = index(0), index(count)
        while done < count:
            q, low, high = next_block(done, index(start), count, block)
            samples_at, at = q * itemsize, q * width
            total = block_of(zero)
            s = 0
            for t in range(terms):
                part = block_of(zero)
                for slot in range(s, stops[t]):
                    k = index(slot * SLOT_COLUMNS)
                    a = slots[k + index(FIRST)] + row * slots[k + index(FIRST_STEP)]
                    b = slots[k + index(SECOND)] + row * slots[k + index(SECOND_STEP)]
                    weight = slots[k + index(WEIGHT)] + row * slots[k + index(WEIGHT_STEP)]
                    difference = block_at(a + samples_at, samples_dtype) - block_at(
                        b + samples_at, samples_dtype
                    )
                    if vary[t] != 0:
                        part = part + block_at(weight + at, precision) * difference
                    else:
                        part = part + block_of(number_at(weight, precision)) * difference
                s = stops[t]
                total = total + part
            if high - low < block:
                put_part(output + at, total, low, high)
            else:
                put(output + at, total)
            done = q + high

    codes = samples_dtype.char, precision.char
    blocks = internal_njit(named(derive, "blocks", *codes))
    return _frame(blocks, _by_columns(samples_dtype, precision), precision, "piece", *codes)


def latest(names):
    """Write down the greatest of some numbers."""
    return names[0] if len(names) == 1 else f"max({', '.join(names)})"


@cache
def written_piece(samples_dtype, precision, structure):
    """Compile the loop for the differences of an operator, written out.

    ``structure`` is, for each term, whether its weights vary along a row, which component it is
    of, and of each of its differences whether the second sample is that at the point derived at.
    """
    itemsize, width = samples_dtype.itemsize, precision.itemsize
    head, body, centers, s, sums = [], [], {}, 0, []
    firsts = {}  # of each component, the addresses of samples
    for varies, component, ends_here in structure:
        parts = []
        for here in ends_here:
            k = s * SLOT_COLUMNS
            head.append(f"a{s} = slots[{k + FIRST}] + row * slots[{k + FIRST_STEP}]")
            at = f"slots[{k + SECOND}] + row * slots[{k + SECOND_STEP}]"
            firsts.setdefault(component, []).append(f"a{s}")
            if not here:
                head.append(f"b{s} = {at}")
                body.append(f"right{s} = block_at(b{s} + samples_at, samples_dtype)")
                right = f"right{s}"
            elif component in centers:
                right = centers[component]
            else:
                head.append(f"center{s} = {at}")
                right = centers[component] = f"middle{s}"
                body.append(f"{right} = block_at(center{s} + samples_at, samples_dtype)")
            head.append(f"w{s} = slots[{k + WEIGHT}] + row * slots[{k + WEIGHT_STEP}]")
            if varies:
                weight = f"block_at(w{s} + at, precision)"
            else:
                head.append(f"v{s} = block_of(number_at(w{s}, precision))")
                weight = f"v{s}"
            left = f"block_at(a{s} + samples_at, samples_dtype)"
            parts.append(f"{weight} * ({left} - {right})")
            s += 1
        sums.append(f"({' + '.join(parts)})")  # a zero before it changes no sum but that of zeros
    lines = [
        *head,
        *(f"lead{c} = {latest(names)} + {LINES_AHEAD * LINE_BYTES}" for c, names in firsts.items()),
        "nothing = block_of(zero)",
        f"ahead, streamed = stores != {SMALL}, stores == {PAST}",
        "done, count = index(0), index(count)",
        "while done < count:",
        "    q, low, high = next_block(done, index(start), count, block)",
        "    samples_at, at = q * itemsize, q * width",
        *("    " + line for line in body),
        f"    total = {' + '.join(['nothing', *sums])}",
        "    if high - low < block:",
        "        put_part(output + at, total, low, high)",
        "    else:",
        "        if ahead:",
        *(
            f"            prefetch_at(lead{k} + samples_at + {line})"
            for k in firsts
            for line in (0, LINE_BYTES)
        ),
        "        if streamed:",
        "            stream(output + at, total)",
        "        else:",
        "            put(output + at, total)",
        "    done = q + high",
    ]
    code = "_".join(
        f"{varies:d}{component}" + "".join(f"{here:d}" for here in ends_here)
        for varies, component, ends_here in structure
    )
    names = samples_dtype.char, precision.char, code
    blocks = statements(
        lambda function: internal_njit(named(function, "written_blocks", *names)),
        "terms, stops, vary, slots, row, output, start, count, stores",
        lines,
        index=index,
        itemsize=index(itemsize),
        width=index(width),
        block=index(BLOCK_BYTES // width),
        zero=precision.type(0),
        samples_dtype=samples_dtype,
        precision=precision,
        block_at=block_at,
        block_of=block_of,
        number_at=number_at,
        put=put,
        put_part=put_part,
        stream=stream,
        prefetch_at=prefetch_at,
        next_block=next_block,
    )
    by_columns = _by_columns(samples_dtype, precision)
    return _frame(blocks, by_columns, precision, "written_piece", *names)
