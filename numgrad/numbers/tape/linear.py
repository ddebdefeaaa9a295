"""Linear functions of matrices as records: those that a matrix of plain numbers stands for.

    Y = L X:    X' += L^T Y'

for the adjoints. The record has the indices of the operand, and what L is made of: a matrix of
numbers, such as triangular factors, and a whole number for each row, such as their order.
"""

from functools import cache, partial

import numpy as np
from numba import types

from numgrad.numbers.carrier import number_of
from numgrad.numbers.conversions import primal_of
from numgrad.numbers.dual.parts import value_at
from numgrad.numbers.tape.nodes import index_of, noded
from numgrad.numbers.tape.products import hand_back
from numgrad.numbers.tape.records import (
    HEADER,
    adjoints_in,
    begin_record,
    end_record,
    indices_in,
    numbers_in,
)
from numgrad.numbers.tape.statements import partial_type
from numgrad.numbers.tape.streams import streams_of
from numgrad.numbers.tape.type import TapeNumber
from numgrad.targets.options import internal_njit


@cache
def linear_of(node, apply, transposed):
    """Make the function that applies a linear function to a matrix of nodes in place.

    Both ``apply`` and ``transposed`` take the matrix, the order and a matrix of numbers, which they
    replace.
    """
    primal = number_of(partial_type(node.value))  # may be of a higher precision than the node's
    is_nothing = are_zeros if isinstance(partial_type(node.value), types.Float) else may_be_anything

    def pullback(node, streams, end, first):
        header = indices_in(node, streams, end - HEADER, HEADER)
        rows, columns = np.int64(header[0]), np.int64(header[1])
        start = end - np.int64(header[-1])
        count, size = rows * columns, np.int64(header[2]) * np.int64(header[3])
        shape = np.int64(header[2]), np.int64(header[3])
        adjoints = adjoints_in(node, streams, first, count).reshape((rows, columns))
        matrix = np.empty(shape, primal)
        stored = numbers_in(node, streams, start + count, size).reshape(shape)
        order = indices_in(node, streams, start + count, rows)
        for i in range(shape[0]):
            for j in range(shape[1]):
                matrix[i, j] = primal_of(stored[i, j])
        handed = adjoints.copy()
        for i in range(rows):
            for j in range(columns):
                adjoints[i, j] = 0.0
        transposed(matrix, order, handed)
        hand_back(node, streams, start, handed)

    pull = internal_njit(pullback)

    def run(matrix, order, x):
        rows, columns = x.shape
        count, size = rows * columns, matrix.size
        if count == 0:
            return
        places = begin_record(node, count + size, count)
        streams = streams_of(node)
        first_slot, first_result, _ = places
        indices = indices_in(node, streams, first_slot, count).reshape((rows, columns))
        values = numbers_in(node, streams, first_slot, count).reshape((rows, columns)).copy()
        for i in range(rows):
            for j in range(columns):
                values[i, j] = value_at(node, x[i, j])
                indices[i, j] = index_of(node, x[i, j], 0)
        stored = numbers_in(node, streams, first_slot + count, size).reshape(matrix.shape)
        kept = indices_in(node, streams, first_slot + count, rows)
        for i in range(rows):
            kept[i] = order[i]
        for i in range(matrix.shape[0]):
            for j in range(matrix.shape[1]):
                stored[i, j] = matrix[i, j]
        if not is_nothing(values):
            apply(matrix.astype(primal), order, values)
        for i in range(rows):
            for j in range(columns):
                x[i, j] = noded(node, values[i, j], first_result + i * columns + j)
        end_record(node, streams, pull, places, count, (rows, columns, *matrix.shape, 0, -count))

    return internal_njit(run)


@internal_njit
def are_zeros(values):
    """Whether a matrix is 0: that of a correction is, which carries derivatives alone."""
    return not np.any(values)


@internal_njit
def may_be_anything(values):
    return False


TapeNumber.records["linear"] = lambda node: partial(linear_of, node)
