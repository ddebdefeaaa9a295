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
    put,
    put_part,
)
from numgrad.fields.kernels.unrolled import index, named, statements
from numgrad.targets.cache import callback
from numgrad.targets.options import internal_njit

table_dtype = np.dtype(np.int64)

# A piece, as a row of 64-bit integers.
OUTPUT = 0  # address of its first result
COUNT = 1  # of results in a row
ROWS = 2
OUTPUT_STEP = 3  # bytes between two rows
TERMS = 4
SLOTS = 5
TERM_STOPS = 6  # address of where the differences of each term end
VARY = 7  # address of whether the weights of each term vary along a row
FIRSTS = 8  # address of six integers a difference
PIECE_COLUMNS = 9

# A difference: the addresses of its samples and of its weight, and how far they go with each row.
FIRST, SECOND, WEIGHT, FIRST_STEP, SECOND_STEP, WEIGHT_STEP = range(6)
SLOT_COLUMNS = 6

BLOCK_BYTES = 2 * LINE_BYTES


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
def _by_numbers(samples_dtype, precision):
    """Make the function that derives some numbers of a row one by one."""
    itemsize, width = index(samples_dtype.itemsize), index(precision.itemsize)
    zero, one = precision.type(0), index(1)

    def derive(terms, stops, vary, slots, row, output, start, stop):
        q, stop = index(start), index(stop)
        while q < stop:
            total, s = zero, 0
            for t in range(terms):
                part = zero
                for slot in range(s, stops[t]):
                    k = slot * SLOT_COLUMNS
                    a = slots[k + FIRST] + row * slots[k + FIRST_STEP]
                    b = slots[k + SECOND] + row * slots[k + SECOND_STEP]
                    weight = slots[k + WEIGHT] + row * slots[k + WEIGHT_STEP]
                    if vary[t] != 0:
                        weight += q * width
                    difference = number_at(a + q * itemsize, samples_dtype) - number_at(
                        b + q * itemsize, samples_dtype
                    )
                    part += number_at(weight, precision) * difference
                s = stops[t]
                total += part
            put(output + q * width, total)
            q += one

    return internal_njit(named(derive, "numbers", samples_dtype.char, precision.char))


def _frame(derive_blocks, by_numbers, precision, *names):
    """Make the function that derives a piece: whole blocks, and what is left, row by row."""
    width = precision.itemsize
    block = BLOCK_BYTES // width

    def derive(address, begin, end):
        piece = array_at(address, PIECE_COLUMNS, table_dtype)
        terms, count = piece[TERMS], piece[COUNT]
        stops = array_at(piece[TERM_STOPS], terms, table_dtype)
        vary = array_at(piece[VARY], terms, table_dtype)
        slots = array_at(piece[FIRSTS], piece[SLOTS] * SLOT_COLUMNS, table_dtype)
        for row in range(piece[ROWS]):
            output = piece[OUTPUT] + row * piece[OUTPUT_STEP]
            if count < block:
                by_numbers(terms, stops, vary, slots, row, output, 0, count)
                continue
            start = (-output % LINE_BYTES) // width
            derive_blocks(terms, stops, vary, slots, row, output, start, count)

    signature = types.void(types.int64, types.int64, types.int64)
    return callback(signature, named(derive, *names))


@cache
def any_piece(samples_dtype, precision):
    """Compile the loop for any differences."""
    itemsize, width = index(samples_dtype.itemsize), index(precision.itemsize)
    block = index(BLOCK_BYTES // precision.itemsize)
    zero = precision.type(0)

    def derive(terms, stops, vary, slots, row, output, start, count):
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
    return _frame(blocks, _by_numbers(samples_dtype, precision), precision, "piece", *codes)


@cache
def written_piece(samples_dtype, precision, structure):
    """Compile the loop for the differences of an operator, written out.

    ``structure`` is, for each term, whether its weights vary along a row, and for each of its
    differences, which sample the second one is: those of the same number are the same, and None is
    one of its own.
    """
    itemsize, width = samples_dtype.itemsize, precision.itemsize
    head, body, centers, s, sums = [], [], {}, 0, []
    for varies, seconds in structure:
        parts = []
        for second in seconds:
            k = s * SLOT_COLUMNS
            head.append(f"a{s} = slots[{k + FIRST}] + row * slots[{k + FIRST_STEP}]")
            at = f"slots[{k + SECOND}] + row * slots[{k + SECOND_STEP}]"
            if second is None:
                head.append(f"b{s} = {at}")
                body.append(f"right{s} = block_at(b{s} + samples_at, samples_dtype)")
                right = f"right{s}"
            elif second in centers:
                right = centers[second]
            else:
                head.append(f"center{s} = {at}")
                right = centers[second] = f"middle{s}"
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
        "nothing = block_of(zero)",
        "done, count = index(0), index(count)",
        "while done < count:",
        "    q, low, high = next_block(done, index(start), count, block)",
        "    samples_at, at = q * itemsize, q * width",
        *("    " + line for line in body),
        f"    total = {' + '.join(['nothing', *sums])}",
        "    if high - low < block:",
        "        put_part(output + at, total, low, high)",
        "    else:",
        "        put(output + at, total)",
        "    done = q + high",
    ]
    code = "_".join(
        f"{varies:d}" + "".join("n" if second is None else str(second) for second in seconds)
        for varies, seconds in structure
    )
    names = samples_dtype.char, precision.char, code
    blocks = statements(
        lambda function: internal_njit(named(function, "written_blocks", *names)),
        "terms, stops, vary, slots, row, output, start, count",
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
        next_block=next_block,
    )
    by_numbers = _by_numbers(samples_dtype, precision)
    return _frame(blocks, by_numbers, precision, "written_piece", *names)
