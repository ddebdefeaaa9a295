"""Products of matrices as records.

    C = A B:    A' += C' B^T,  B' += A^T C'

for the adjoints (M. Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation", 2008). The record has the numbers and the indices of both operands.
"""

from functools import cache
from types import FunctionType

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.carrier import is_active
from numgrad.numbers.dual.parts import value_at
from numgrad.numbers.tape.nodes import index_of, noded
from numgrad.numbers.tape.records import (
    HEADER,
    adjoints_in,
    begin_record,
    end_record,
    indices_in,
    numbers_in,
)
from numgrad.numbers.tape.streams import streams_of
from numgrad.numbers.tape.type import TapeNumber
from numgrad.targets.options import internal_njit


@cache
def product_of(node):
    """Make the function that records products of matrices with a type of nodes.

    Each type has its own: that of nodes whose values are nodes calls the one for these.
    """
    pullback = internal_njit(copied(pull_product))

    def product(node, a, b, out):
        """Store the product of two matrices of numbers, some of which are nodes."""
        rows, inner = a.shape
        columns = b.shape[1]
        size, results = rows * inner, rows * columns
        if results == 0:
            return
        by_left, by_right = is_active_in(node, a), is_active_in(node, b)
        places = begin_record(node, size + inner * columns, results)
        streams = streams_of(node)
        first_slot, first_result, _ = places
        left = operand(node, streams, first_slot, a, by_left)
        right = operand(node, streams, first_slot + size, b, by_right)
        values = np.dot(left, right)
        for i in range(rows):
            for j in range(columns):
                out[i, j] = noded(node, values[i, j], first_result + i * columns + j)
        details = rows, columns, by_left + 2 * by_right, inner
        end_record(node, streams, pullback, places, results, details)

    return internal_njit(product)


def copied(function):
    """Return another function with the same code."""
    return FunctionType(function.__code__, function.__globals__, function.__name__)


@intrinsic
def is_active_in(typingctx, node, matrix):
    """Whether an array is one of nodes."""
    active = is_active(matrix.dtype, node.instance_type)

    def codegen(context, builder, sig, arguments):
        return cgutils.true_bit if active else cgutils.false_bit

    return types.boolean(types.TypeRef(node.instance_type), matrix), codegen


@internal_njit
def operand(node, streams, first, matrix, is_active):
    """Write the numbers and the indices of a matrix into slots; return the numbers."""
    rows, columns = matrix.shape
    numbers = numbers_in(node, streams, first, rows * columns).reshape((rows, columns))
    for i in range(rows):
        for j in range(columns):
            numbers[i, j] = value_at(node, matrix[i, j])
    if is_active:
        indices = indices_in(node, streams, first, rows * columns).reshape((rows, columns))
        for i in range(rows):
            for j in range(columns):
                indices[i, j] = index_of(node, matrix[i, j], 0)
    return numbers


def pull_product(node, streams, end, first):
    header = indices_in(node, streams, end - HEADER, HEADER)
    rows, columns, active = np.int64(header[0]), np.int64(header[1]), header[2]
    inner, start = np.int64(header[3]), end - np.int64(header[-1])
    size = rows * inner
    adjoints = adjoints_in(node, streams, first, rows * columns).reshape((rows, columns))
    left = numbers_in(node, streams, start, size).reshape((rows, inner))
    right = numbers_in(node, streams, start + size, inner * columns).reshape((inner, columns))
    if active & 1:
        hand_back(node, streams, start, np.dot(adjoints, right.T))
    if active & 2:
        hand_back(node, streams, start + size, np.dot(left.T, adjoints))
    for i in range(rows):
        for j in range(columns):
            adjoints[i, j] = 0.0


@internal_njit
def hand_back(node, streams, start, matrix):
    """Add numbers to the adjoints of the indices in slots."""
    rows, columns = matrix.shape
    indices = indices_in(node, streams, start, rows * columns)
    for i in range(rows):
        for j in range(columns):
            index = np.int64(indices[i * columns + j])
            place = adjoints_in(node, streams, index, 1)
            place[0] = place[0] + matrix[i, j]


TapeNumber.records["product"] = product_of
