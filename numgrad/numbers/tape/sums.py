"""Sums of arrays as records, of all elements or of all so far.

    s = x_1 + ... + x_n:        x_k' += s'
    s_k = x_1 + ... + x_k:      x_k' += s_k' + ... + s_n'

for the adjoints. Where the indices of the elements are consecutive the record has the first one and
no slots, and the sweep adds up vectors.
"""

from functools import cache

import numpy as np

from numgrad.numbers.carrier import is_carrier
from numgrad.numbers.dual.parts import value_at
from numgrad.numbers.tape.nodes import index_of, noded
from numgrad.numbers.tape.records import (
    HEADER,
    adjoints_in,
    begin_record,
    end_record,
    indices_in,
)
from numgrad.numbers.tape.streams import streams_of
from numgrad.numbers.tape.sweeping import is_nothing
from numgrad.numbers.tape.type import TapeNumber
from numgrad.targets.options import internal_njit

FEWEST = 16  # elements, below which statements are as good, and may be swept in lanes


@cache
def sum_of(node, by_statements):
    """Make the function that adds up the elements of a row of nodes."""
    add_up = sum_of_carriers if is_carrier(node.value) else sum_of_floats

    def recorded_sum(line, zero):
        if line.size < FEWEST:
            return by_statements(line, zero)
        value = add_up(node, line, value_at(node, zero))
        places, first = begin_of(node, line, 1)
        details = first, line.size, 0, 0, first, line.size if first > 0 else -line.size
        end_record(node, streams_of(node), pull_sum, places, 1, details)
        return noded(node, value, places[1])

    return internal_njit(recorded_sum)


@cache
def running_sum_of(node, by_statements):
    """Make the function that adds up the elements so far, for each of a row of nodes."""
    fill = fill_with_carriers if is_carrier(node.value) else fill_with_floats

    def recorded_sums(line, zero):
        if line.size < FEWEST:
            return by_statements(line, zero)
        places, first = begin_of(node, line, line.size)
        result = np.empty(line.size, node)
        fill(node, line, value_at(node, zero), result, places[1])
        details = first, line.size, 0, 0, first, line.size if first > 0 else -line.size
        end_record(node, streams_of(node), pull_sums, places, line.size, details)
        return result

    return internal_njit(recorded_sums)


@internal_njit
def begin_of(node, line, results):
    """Begin the record of a row; return the first of consecutive indices, or 0: all have slots."""
    first = index_of(node, line[0], 0)
    if first > 0 and are_consecutive(node, line, first):
        return begin_record(node, 0, results), first
    places = begin_record(node, line.size, results)
    indices = indices_in(node, streams_of(node), places[0], line.size)
    for k in range(line.size):
        indices[k] = index_of(node, line[k], 0)
    return places, 0


@internal_njit
def are_consecutive(node, line, first):
    k = 1
    while k < line.size and index_of(node, line[k], 0) == first + k:
        k += 1
    return k == line.size


# Values: those that carry something are added up as numbers of their own


@internal_njit
def sum_of_floats(node, line, zero):
    result = zero
    for k in range(line.size):
        result += value_at(node, line[k])
    return result


@internal_njit
def sum_of_carriers(node, line, zero):
    return np.sum(values_of_row(node, line, zero))


@internal_njit
def values_of_row(node, line, zero):
    values = np.full(line.size, zero)
    for k in range(line.size):
        values[k] = value_at(node, line[k])
    return values


@internal_njit
def fill_with_floats(node, line, zero, result, first):
    so_far = zero
    for k in range(line.size):
        so_far += value_at(node, line[k])
        result[k] = noded(node, so_far, first + k)


@internal_njit
def fill_with_carriers(node, line, zero, result, first):
    sums = np.cumsum(values_of_row(node, line, zero))
    for k in range(line.size):
        result[k] = noded(node, sums[k], first + k)


# In the sweep


@internal_njit
def pull_sum(node, streams, end, first):
    header = indices_in(node, streams, end - HEADER, HEADER)
    start, size = np.int64(header[0]), np.int64(header[1])
    own = adjoints_in(node, streams, first, 1)
    adjoint = own[0]
    own[0] = 0.0
    if is_nothing(node, adjoint):
        return
    if start > 0:
        targets = adjoints_in(node, streams, start, size)
        for k in range(size):
            targets[k] = targets[k] + adjoint
        return
    indices = indices_in(node, streams, end - np.int64(header[-1]), size)
    for k in range(size):
        target = adjoints_in(node, streams, np.int64(indices[k]), 1)
        target[0] = target[0] + adjoint


@internal_njit
def pull_sums(node, streams, end, first):
    header = indices_in(node, streams, end - HEADER, HEADER)
    start, size = np.int64(header[0]), np.int64(header[1])
    own = adjoints_in(node, streams, first, size)
    for k in range(size - 1, 0, -1):
        own[k - 1] = own[k - 1] + own[k]
    if start > 0:
        targets = adjoints_in(node, streams, start, size)
        for k in range(size):
            targets[k] = targets[k] + own[k]
            own[k] = 0.0
        return
    indices = indices_in(node, streams, end - np.int64(header[-1]), size)
    for k in range(size):
        target = adjoints_in(node, streams, np.int64(indices[k]), 1)
        target[0] = target[0] + own[k]
        own[k] = 0.0


TapeNumber.records["sum"] = lambda node: lambda statements: sum_of(node, statements)
TapeNumber.records["running sum"] = lambda node: lambda statements: running_sum_of(node, statements)
