"""The entries of a pattern, collected row by row from what results depend on."""

import numpy as np

from numgrad.numbers.pattern import sets
from numgrad.numbers.pattern.seeds import MADE, word_of
from numgrad.numbers.pattern.type import BITS_A_WORD
from numgrad.numbers.words import lowest_bit
from numgrad.targets.options import internal_njit

FIRST_ROOM = 1024  # entries

# Entries are collected in arrays that are made anew where they are full, and a place: two integers,
# the row that comes next and the number of entries. Sets in memory are read once and give rows one
# after another. Bits are those of a part of the inputs each time, and give rows of these.


@internal_njit
def address_of(block):
    return block.ctypes.data


@internal_njit
def enlarged(array, least):
    """Return an array with the same beginning and more room."""
    larger = np.empty(max(2 * array.size, least), array.dtype)
    larger[: array.size] = array
    return larger


@internal_njit
def no_rows(rows, total):
    """Return what rows are collected in, of so many inputs."""
    starts = np.zeros(rows + 1, np.int64)
    seen = np.zeros(total, np.int32)
    return starts, np.empty(FIRST_ROOM + 2 * rows, np.int32), np.zeros(2, np.int64), seen


@internal_njit
def with_listed_rows(pattern, numbers, found):
    """Collect the rows of some numbers, whose sets are in memory."""
    starts, columns, place, seen = found
    row, count = place[0], place[1]
    for k in range(len(numbers)):
        inputs = word_of(pattern, numbers[k], 0)
        row += 1
        after = sets.gather(inputs, row, seen, columns, count)
        if after > columns.size:  # they were counted: once more, with another mark
            columns = enlarged(columns, after)
            sets.gather(inputs, -row, seen, columns, count)
        if not is_ascending(columns, count, after):
            columns[count:after].sort()
        count = starts[row] = after
    place[0], place[1] = row, count
    return starts, columns, place, seen


@internal_njit
def is_ascending(columns, first, last):
    ascending = True
    for k in range(first + 1, last):
        ascending &= columns[k - 1] < columns[k]
    return ascending


@internal_njit
def no_pairs():
    """Return what pairs of row and column are collected in."""
    return np.empty(FIRST_ROOM, np.int32), np.empty(FIRST_ROOM, np.int32), np.zeros(2, np.int64)


@internal_njit
def with_bits(pattern, numbers, words, start, found):
    """Collect the pairs of some numbers, whose bits are those of the inputs from one on."""
    rows, columns, place = found
    row, count = place[0], place[1]
    for k in range(len(numbers)):
        number = numbers[k]
        if count + BITS_A_WORD * words > rows.size:
            least = count + BITS_A_WORD * words
            rows, columns = enlarged(rows, least), enlarged(columns, least)
        for position in range(words):
            word = word_of(pattern, number, position)
            if position == 0:
                word &= ~MADE
            while word != 0:
                rows[count] = row
                columns[count] = start + position * BITS_A_WORD + lowest_bit(word) - MADE
                count += 1
                word &= word - 1
        row += 1
    place[0], place[1] = row, count
    return rows, columns, place


@internal_njit
def next_part(found):
    """Begin with the first row again."""
    found[2][0] = 0


@internal_njit
def by_rows(found):
    """Return the starts of rows, and their columns, of pairs whose columns ascend in each row."""
    rows, columns, place = found
    starts = np.zeros(place[0] + 2, np.int64)
    for k in range(place[1]):
        starts[rows[k] + 2] += 1
    for row in range(place[0]):
        starts[row + 2] += starts[row + 1]
    ordered = np.empty(place[1], np.int32)
    for k in range(place[1]):
        ordered[starts[rows[k] + 1]] = columns[k]
        starts[rows[k] + 1] += 1
    return starts[:-1], ordered
