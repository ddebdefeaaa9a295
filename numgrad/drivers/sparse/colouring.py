"""Colourings: columns, or rows, of a matrix in groups that one direction can compress.

Columns of one colour have no row in common, so that the product with the sum of their unit vectors
has each entry of theirs in a row of its own. For symmetric matrices less is needed, since an entry
has two places: in a *star colouring* neighbours differ, and so do two of any four in a path. See
A. H. Gebremedhin, F. Manne and A. Pothen, "What color is your Jacobian?", SIAM Review 47 (2005).

Both are greedy: each column takes the first colour that it may. Of the colours that a column must
not take, every row keeps a set of bits, so that one column costs as many words as it has entries,
and a colouring is linear in the number of entries. Several orders are tried, one of them SciPy's.
"""

import numpy as np

from numgrad.numbers.words import lowest_bit
from numgrad.targets.cache import kernel
from numgrad.targets.options import internal_njit

MOST_BYTES = 1 << 30  # of the sets of bits: beyond, each column has a colour of its own


@kernel
def transposed(starts, columns, count):
    """Return the entries column by column: where each begins, and their rows."""
    first = np.zeros(count + 2, np.int64)
    for column in columns:
        first[column + 2] += 1
    for column in range(count):
        first[column + 2] += first[column + 1]
    rows = np.empty(columns.size, np.int32)
    for row in range(starts.size - 1):
        for k in range(starts[row], starts[row + 1]):
            rows[first[columns[k] + 1]] = row
            first[columns[k] + 1] += 1
    return first[:-1], rows


@internal_njit
def first_fit(first, rows, row_count, order, words):
    """Colour columns in some order; return the colours, and how many, or 0: more words are needed.

    ``first`` and ``rows`` have the entries column by column.
    """
    colours = np.zeros(first.size - 1, np.int32)
    used = np.zeros((row_count, words), np.int64)
    count = 0
    for column in order:
        begin, end = first[column], first[column + 1]
        colour = -1
        for word in range(words):
            taken = 0
            for k in range(begin, end):
                taken |= used[rows[k], word]
            if taken != -1:
                bit = lowest_bit(~taken)
                colour = 64 * word + bit
                for k in range(begin, end):
                    used[rows[k], word] |= 1 << bit
                break
        if colour < 0:
            return colours, 0
        colours[column] = colour
        count = max(count, colour + 1)
    return colours, count


@kernel
def columns_first_fit(first, rows, row_count, order, words):
    """Call `first_fit` from Python."""
    return first_fit(first, rows, row_count, order, words)


@kernel
def star_first_fit(starts, columns, order, words):
    """Colour a symmetric matrix by stars; return the colours, and how many, or 0 for more words.

    Of each column, in bits: the colours ``near`` it; those that ``twice`` or more neighbours have;
    and those of neighbours that are the ``centre`` of a star of which the column is one of several
    leaves. A column must differ from its neighbours and from the centres beside them. Of two
    neighbours of one colour it becomes the centre, and must differ from all that is near to them.
    """
    size = starts.size - 1
    colours = np.full(size, -1, np.int32)
    near, twice = np.zeros((size, words), np.int64), np.zeros((size, words), np.int64)
    centre = np.zeros((size, words), np.int64)
    holder = np.full(64 * words, -1, np.int64)  # the first neighbour of a colour
    taken = np.zeros(words, np.int64)
    count = 0
    for column in order:
        begin, end = starts[column], starts[column + 1]
        taken[:] = 0
        for k in range(begin, end):
            other = columns[k]
            colour = colours[other]
            if colour < 0 or other == column:
                continue
            taken[colour >> 6] |= 1 << (colour & 63)
            taken |= centre[other]
            if holder[colour] < 0:
                holder[colour] = other
            else:
                taken |= near[other]
                taken |= near[holder[colour]]
        for k in range(begin, end):
            if colours[columns[k]] >= 0:
                holder[colours[columns[k]]] = -1
        own = -1
        for word in range(words):
            if taken[word] != -1:
                own = 64 * word + lowest_bit(~taken[word])
                break
        if own < 0:
            return colours, 0
        colours[column] = own
        count = max(count, own + 1)
        word, bit = own >> 6, 1 << (own & 63)
        for k in range(begin, end):
            other = columns[k]
            if other == column:
                continue
            colour = colours[other]
            if colour >= 0 and near[other, word] & bit:  # it is a centre now, with this leaf
                centre[column, colour >> 6] |= 1 << (colour & 63)
                if not twice[other, word] & bit:
                    twice[other, word] |= bit
                    for j in range(starts[other], starts[other + 1]):
                        leaf = columns[j]
                        if leaf != column and leaf != other and colours[leaf] == own:
                            centre[leaf, colour >> 6] |= 1 << (colour & 63)
            elif near[other, word] & bit:
                twice[other, word] |= bit
            near[other, word] |= bit
        for k in range(begin, end):  # this column is the centre of those that share a colour
            other = columns[k]
            colour = colours[other]
            if colour < 0 or other == column:
                continue
            if holder[colour] < 0:
                holder[colour] = other
            else:
                centre[other, word] |= bit
                centre[holder[colour], word] |= bit
        for k in range(begin, end):
            if colours[columns[k]] >= 0:
                holder[colours[columns[k]]] = -1
    return colours, count


@kernel
def places_of_entries(starts, columns, colours):
    """Find where the entries of a symmetric matrix are in what is compressed: rows and colours.

    An entry is alone of its colour in its row, or it is where the matrix has it once more. Returns
    whether each of them is.
    """
    alone = np.zeros(columns.size, np.bool_)
    last, times = np.full(colours.size, -1, np.int64), np.zeros(colours.size, np.int64)
    for row in range(starts.size - 1):
        for k in range(starts[row], starts[row + 1]):
            colour = colours[columns[k]]
            times[colour] = times[colour] + 1 if last[colour] == row else 1
            last[colour] = row
        for k in range(starts[row], starts[row + 1]):
            alone[k] = times[colours[columns[k]]] == 1
    rows, lanes = np.empty(columns.size, np.int32), np.empty(columns.size, np.int32)
    for row in range(starts.size - 1):
        for k in range(starts[row], starts[row + 1]):
            column = columns[k]
            rows[k], lanes[k] = row, colours[column]
            if alone[k]:
                continue
            low, high = starts[column], starts[column + 1]
            while low < high:
                middle = (low + high) // 2
                if columns[middle] < row:
                    low = middle + 1
                else:
                    high = middle
            if low >= starts[column + 1] or columns[low] != row or not alone[low]:
                return rows, lanes, False
            rows[k], lanes[k] = column, colours[row]
    return rows, lanes, True


def orders(degrees):
    """The orders in which columns are coloured: as they come, SciPy's, the longest ones first."""
    yield np.arange(degrees.size)
    yield np.random.RandomState(0).permutation(degrees.size)
    yield np.argsort(-degrees, kind="stable")


def fewest(colour, degrees, least, rows, words):
    """Return the best colouring over all orders, of a function of order and words."""
    best, count = np.arange(degrees.size, dtype=np.int32), degrees.size
    if count == 0:
        return best
    for order in orders(degrees):
        while 8 * words * rows <= MOST_BYTES:
            colours, found = colour(order, words)
            if found:
                break
            words *= 2
        else:
            break
        if found < count:
            best, count = colours, found
        if count <= least:
            break
    return best


def column_colours(starts, columns, count):
    """Colour columns such that no two of one colour have a row in common."""
    least = int(np.diff(starts).max(initial=1))
    first, rows = transposed(starts, columns, count)

    def colour(order, words):
        return columns_first_fit(first, rows, starts.size - 1, order, words)

    return fewest(colour, np.diff(first), least, starts.size - 1, 1 + least // 64)


def star_colours(starts, columns):
    """Colour a symmetric matrix by stars."""

    def colour(order, words):
        return star_first_fit(starts, columns, order, words)

    found = fewest(colour, np.diff(starts), 2, 3 * (starts.size - 1), 1)
    *_, are_told = places_of_entries(starts, columns, found)
    return found if are_told else np.arange(found.size, dtype=np.int32)
