"""Acyclic colourings of symmetric matrices, and the substitutions that find their entries.

Neighbours differ, and each cycle has three colours or more, so that the columns of any two colours
are trees. Where a column is a leaf of such a tree, its entry is alone of its colour in its row. It
is subtracted where the matrix has it once more, and the tree has a leaf less. This takes fewer
colours than a star colouring, whose trees are stars, and no entry needs another there. See
A. H. Gebremedhin, A. Tarafdar, F. Manne and A. Pothen, "New acyclic and star coloring algorithms
with application to computing Hessians", SIAM Journal on Scientific Computing 29 (2007).

The trees are disjoint sets, whose elements are a column and another colour: that tree of these two
colours which the column is in. A colouring costs as many steps an entry as there are colours.
"""

import numpy as np

from numgrad.drivers.forward.widths import FEWEST
from numgrad.drivers.sparse.colouring import MOST_BYTES, orders
from numgrad.targets.cache import kernel
from numgrad.targets.options import internal_njit

MOST_COLOURS = 256  # beyond, trees cost more than the passes that they save
MOST_LOSS = 1000.0  # by which sums may be larger than what is left of them, of the largest in a row


@internal_njit
def root_of(parents, node):
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@kernel
def acyclic_first_fit(starts, columns, order, most):
    """Colour a symmetric matrix acyclicly; return the colours, and how many, or 0: more than most.

    A column must differ from its neighbours, and must not be the second way from one to another
    neighbour of the same colour, which a tree joins already.
    """
    size = starts.size - 1
    colours = np.full(size, -1, np.int32)
    parents, visitors = np.full(size * most, -1, np.int32), np.full(size * most, -1, np.int32)
    taken, times = np.full(most, -1, np.int32), np.zeros(most, np.int32)
    count = 0
    for column in order:
        begin, end = starts[column], starts[column + 1]
        for k in range(begin, end):
            colour = colours[columns[k]]
            if colour >= 0:
                taken[colour] = column
                times[colour] += 1
        for k in range(begin, end):
            other = columns[k]
            if colours[other] < 0 or times[colours[other]] == 1:
                continue
            for colour in range(count):
                node = other * most + colour
                if taken[colour] != column and parents[node] >= 0:
                    root = root_of(parents, node)
                    if visitors[root] == column:
                        taken[colour] = column
                    visitors[root] = column
        own = 0
        while own < most and taken[own] == column:
            own += 1
        if own == most:
            return colours, 0
        for k in range(begin, end):
            other = columns[k]
            colour = colours[other]
            if colour < 0:
                continue
            times[colour] = 0
            here, there = column * most + colour, other * most + own
            if parents[there] < 0:
                parents[there] = there
            if parents[here] < 0:
                parents[here] = there
            else:
                parents[root_of(parents, there)] = root_of(parents, here)
        colours[column] = own
        count = max(count, own + 1)
    return colours, count


@kernel
def substitutions(starts, columns, colours):
    """Find where the entries are in what is compressed, and what is subtracted in which order.

    Returns the row and the colour of each entry, -1 for those that are known when the other one is
    found; of each of these its position, that of the other one, and that of the entry which is
    found from what is left, or -1; and whether all are found.
    """
    count = columns.size
    other, group = np.empty(count, np.int32), np.full(count, -1, np.int32)
    row_of = np.empty(count, np.int32)
    left, joined = np.zeros(count, np.int32), np.zeros(count, np.int32)  # of a row and a colour
    rows, lanes = np.full(count, -1, np.int32), np.full(count, -1, np.int32)
    following = starts[:-1].copy()
    last, first = np.full(colours.size, -1, np.int64), np.zeros(colours.size, np.int64)
    for row in range(starts.size - 1):
        for k in range(starts[row], starts[row + 1]):
            column = columns[k]
            row_of[k] = row
            other[k] = following[column]
            following[column] += 1
            colour = colours[column]
            if column == row:
                rows[k], lanes[k] = row, colour
                continue
            if last[colour] != row:
                last[colour], first[colour] = row, k
            group[k] = first[colour]
            left[first[colour]] += 1
            joined[first[colour]] ^= k
        if last[colours[row]] == row:
            return rows, lanes, np.empty((0, 3), np.int32), False
    leaves, end = np.empty(count, np.int32), 0
    for k in range(count):
        if left[k] == 1:
            leaves[end] = k
            end += 1
    alone, position, step = end, 0, 0  # so many are alone from the beginning
    steps = np.empty((count // 2, 3), np.int32)
    found = np.full(count, -1, np.int32)  # the last entry of a row and a colour
    while position < end:
        leaf = leaves[position]
        position += 1
        if left[leaf] == 0:  # the middle of a tree, with nothing left
            continue
        k = joined[leaf]
        centre = group[other[k]]
        rows[k], lanes[k] = row_of[k], colours[columns[k]]
        if position <= alone:
            rows[other[k]], lanes[other[k]] = rows[k], lanes[k]
        steps[step] = k, other[k], centre
        step += 1
        found[leaf] = k
        left[leaf] = 0
        left[centre] -= 1
        joined[centre] ^= other[k]
        if left[centre] == 1:
            leaves[end] = centre
            end += 1
    kept = 0
    for k in range(step):
        entry, again, centre = steps[k]
        if found[centre] >= 0 or rows[again] < 0:
            steps[kept] = entry, again, found[centre]
            kept += 1
    return rows, lanes, steps[:kept].copy(), not left.any()


@internal_njit
def substitute(steps, starts, rows, columns, data, subtracted):
    """Find the entries that are what is left of sums; return whether rounding left their digits.

    What is subtracted has an error of its size, which may be all of a small entry; what isn't
    finite is lost with all that it was added to.
    """
    total = 0.0
    subtracted[:] = 0.0
    for k in range(steps.shape[0]):
        entry, other, rest = steps[k, 0], steps[k, 1], steps[k, 2]
        found = data[entry]
        size = abs(found) + subtracted[entry]
        data[other] = found
        total += size
        if rest >= 0:
            data[rest] -= found
            subtracted[rest] += size
    if not np.isfinite(total):
        return False
    for k in range(steps.shape[0]):
        entry = steps[k, 0]
        error = subtracted[entry] / MOST_LOSS
        if error > abs(data[entry]) and (
            error > largest_in(rows[entry], starts, data)
            or error > largest_in(columns[entry], starts, data)
        ):
            return False
    return True


@internal_njit
def largest_in(row, starts, data):
    largest = 0.0
    for k in range(starts[row], starts[row + 1]):
        largest = max(largest, abs(data[k]))
    return largest


def fewer_by_a_pass(count):
    """The most colours that take a pass less than so many, with the direction that checks."""
    return count // FEWEST * FEWEST - 1


def acyclic_colours(starts, columns, most):
    """Return an acyclic colouring of at most so many colours, the best of several, or None."""
    best, size = None, starts.size - 1
    for order in orders(np.diff(starts)):
        if most < 2 or most > MOST_COLOURS or 8 * most * size > MOST_BYTES:
            break
        colours, found = acyclic_first_fit(starts, columns, order, most)
        if found:
            best, most = colours, found - 1
    return best
