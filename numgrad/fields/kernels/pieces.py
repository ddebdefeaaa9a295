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
BETWEEN = 10  # whether what lies between the rows of results may be written, and is derived later
PIECE_COLUMNS = 11

# How results are stored: for small fields; for large ones, whose samples are asked for ahead, past
# the cache; and for these where somebody else will take them past it.
SMALL, PAST, LARGE = range(3)

COLUMN = 64  # rows that are derived at once where they are short

# A difference: the addresses of its samples and of its weight, and how far they go with each row.
FIRST, SECOND, WEIGHT, FIRST_STEP, SECOND_STEP, WEIGHT_STEP = range(6)
SLOT_COLUMNS = 6

BLOCK_BYTES = 2 * LINE_BYTES

# How far ahead samples are asked for, of all components together: what the processor does by itself
# falls behind a stream of stores.
LINES_AHEAD = 128


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


@internal_njit
def are_one(slots, vary, samples_step):
    """Tell if rows that follow on each other have all samples and weights in one row of memory."""
    for k in range(0, slots.size, SLOT_COLUMNS):
        if slots[k + FIRST_STEP] != samples_step or slots[k + SECOND_STEP] != samples_step:
            return False
        if slots[k + WEIGHT_STEP] != 0:
            return False
    return not vary.any()


def _frame(derive_blocks, derive_short, samples_dtype, precision, *names):
    """Make the function that derives a piece: row by row, or short rows together."""
    itemsize, width = samples_dtype.itemsize, precision.itemsize
    block = BLOCK_BYTES // width

    def derive(address, begin, end):
        piece = array_at(address, PIECE_COLUMNS, table_dtype)
        terms, count = piece[TERMS], piece[COUNT]
        stops = array_at(piece[TERM_STOPS], terms, table_dtype)
        vary = array_at(piece[VARY], terms, table_dtype)
        slots = array_at(piece[FIRSTS], piece[SLOTS] * SLOT_COLUMNS, table_dtype)
        if count < block:
            derive_short(terms, stops, vary, slots, piece, begin, end)
            return
        if piece[BETWEEN] != 0 and end - begin > 1:
            apart = piece[OUTPUT_STEP] // width
            if are_one(slots, vary, apart * itemsize):
                count += (end - begin - 1) * apart
                end = begin + 1
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
            q = min(done, count - block)  # the last block ends with the row
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
            put(output + at, total)
            done = q + block

    codes = samples_dtype.char, precision.char
    blocks = internal_njit(named(derive, "blocks", *codes))
    return _frame(
        blocks, _by_columns(samples_dtype, precision), samples_dtype, precision, "piece", *codes
    )


def latest(names):
    """Write down the greatest of some numbers."""
    return names[0] if len(names) == 1 else f"max({', '.join(names)})"


def _bases(structure):
    """Write down where the samples and the weight of each difference lie in the first row.

    Those of the points derived at are given by the first difference that has them.
    """
    s, centers, bases = 0, {}, []
    for varies, component, ends_here in structure:
        for here in ends_here:
            center = centers.setdefault(component, s) if here else s
            bases.append((s, varies, component, center))
            s += 1
    return bases


def _sums(structure, sample, weight):
    """Write down the differences and their sum, from the text of a sample and of a weight."""
    bases, lines, known, sums, s = _bases(structure), [], set(), [], 0
    for _, _, ends_here in structure:
        parts = []
        for _ in ends_here:
            center = bases[s][3]
            if center not in known:
                known.add(center)
                lines.append(f"right{center} = {sample(f'b{center}')}")
            parts.append(f"{weight(s, bases[s][1])} * ({sample(f'a{s}')} - right{center})")
            s += 1
        sums.append(f"({' + '.join(parts)})")  # a zero before it changes no sum but that of zeros
    return [*lines, f"total = {' + '.join(['nothing', *sums])}"]


def _places(bases):
    """Give the text of where each sample and weight is, and how far that of the next row."""
    for s, _, _, center in bases:
        for name, column, step in (
            ("a", FIRST, FIRST_STEP),
            ("b", SECOND, SECOND_STEP),
            ("w", WEIGHT, WEIGHT_STEP),
        ):
            if name != "b" or center == s:
                slot = s * SLOT_COLUMNS
                yield name, s, f"slots[{slot + column}]", f"slots[{slot + step}]"


def _written_blocks(structure):
    """Write down how a row is derived block by block.

    The first block and the last overlap with those between, which begin where lines of the cache
    do: what both derive is stored twice, unless it goes past the cache.
    """
    bases, block = _bases(structure), "index(block)"
    leads = {}
    for s, _, component, _ in bases:
        leads.setdefault(component, []).append(f"a{s}")
    ahead = LINES_AHEAD // len(leads) * LINE_BYTES
    return [
        *(f"{name}{s} = {place} + row * {step}" for name, s, place, step in _places(bases)),
        *(f"v{s} = block_of(number_at(w{s}, precision))" for s, varies, *_ in bases if not varies),
        *(f"lead{c} = {latest(a)} + {ahead}" for c, a in leads.items()),
        "nothing = block_of(zero)",
        f"ahead, streamed = stores != {SMALL}, stores == {PAST}",
        "start, count = index(start), index(count)",
        f"done, whole = start, count - {block}",
        "for part in range(3):",
        "    if part == 1:",
        "        q, last = start, whole",
        "    elif part == 0 and start > index(0):",
        "        q, last = index(0), index(0)",
        "    elif part == 2 and done < count:",
        "        q, last = whole, whole",
        "    else:",
        "        continue",
        "    while q <= last:",
        "        samples_at, at = q * itemsize, q * width",
        *(
            f"        {line}"
            for line in _sums(
                structure,
                "block_at({} + samples_at, samples_dtype)".format,
                lambda s, varies: f"block_at(w{s} + at, precision)" if varies else f"v{s}",
            )
        ),
        "        if ahead:",
        *(
            f"            prefetch_at(lead{k} + samples_at + {line})"
            for k in leads
            for line in (0, LINE_BYTES)
        ),
        "        if not streamed:",
        "            put(output + at, total)",
        "        elif part == 1:",
        "            stream(output + at, total)",
        "        elif part == 0:",
        "            put_part(output + at, total, index(0), start)",
        "        else:",
        f"            put_part(output + at, total, done - whole, {block})",
        f"        q += {block}",
        "    if part == 1:",
        "        done = q",
    ]


def _written_short(structure):
    """Write down how short rows are derived, number by number."""
    bases = _bases(structure)
    return [
        *(
            f"{name}{s}, {name}_step{s} = {place}, {step}"
            for name, s, place, step in _places(bases)
        ),
        "nothing = zero",
        "for row in range(begin, end):",
        "    output = piece[OUTPUT] + row * piece[OUTPUT_STEP]",
        "    for q in range(piece[COUNT]):",
        *(
            f"        {line}"
            for line in _sums(
                structure,
                lambda name: (
                    f"number_at({name} + row * {name[0]}_step{name[1:]} + q * itemsize,"
                    " samples_dtype)"
                ),
                lambda s, varies: (
                    f"number_at(w{s} + row * w_step{s}{' + q * width' * varies}, precision)"
                ),
            )
        ),
        "        put(output + q * width, total)",
    ]


@cache
def written_piece(samples_dtype, precision, structure):
    """Compile the loops for the differences of an operator, written out.

    ``structure`` is, for each term, whether its weights vary along a row, which component it is
    of, and of each of its differences whether the second sample is that at the point derived at.
    """
    code = "_".join(
        f"{varies:d}{component}" + "".join(f"{here:d}" for here in ends_here)
        for varies, component, ends_here in structure
    )
    names = samples_dtype.char, precision.char, code
    itemsize, width = samples_dtype.itemsize, precision.itemsize
    known = {
        "zero": precision.type(0),
        "samples_dtype": samples_dtype,
        "precision": precision,
        "number_at": number_at,
        "put": put,
    }
    blocks = statements(
        lambda function: internal_njit(named(function, "written_blocks", *names)),
        "terms, stops, vary, slots, row, output, start, count, stores",
        _written_blocks(structure),
        index=index,
        itemsize=index(itemsize),
        width=index(width),
        block=BLOCK_BYTES // width,
        block_at=block_at,
        block_of=block_of,
        put_part=put_part,
        stream=stream,
        prefetch_at=prefetch_at,
        **known,
    )
    short = statements(
        lambda function: internal_njit(named(function, "written_short", *names)),
        "terms, stops, vary, slots, piece, begin, end",
        _written_short(structure),
        itemsize=itemsize,
        width=width,
        OUTPUT=OUTPUT,
        OUTPUT_STEP=OUTPUT_STEP,
        COUNT=COUNT,
        **known,
    )
    return _frame(blocks, short, samples_dtype, precision, "written_piece", *names)
