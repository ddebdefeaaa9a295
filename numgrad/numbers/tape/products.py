"""Products of matrices as records.

    C = A B:    A' += C' B^T,  B' += A^T C'

for the adjoints (M. Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation", 2008). The record has the numbers and the indices of operands with
derivatives. Of a constant it has a copy, or its address where its memory lasts.
"""

from functools import cache

import numpy as np
from numba import types
from numba.extending import overload

from numgrad.numbers.carrier import is_active, is_carrier
from numgrad.numbers.dual.parts import value_at
from numgrad.numbers.tape.blas import multiplied
from numgrad.numbers.tape.lasting import address_if_lasting
from numgrad.numbers.tape.nodes import index_of, noded
from numgrad.numbers.tape.records import (
    HEADER,
    address_of_slot,
    adjoints_in,
    begin_record,
    end_record,
    indices_in,
    matrix_at,
    numbers_in,
    set_word,
    word_in,
)
from numgrad.numbers.tape.streams import streams_of
from numgrad.numbers.tape.type import TapeNumber
from numgrad.targets.options import INTERNAL, internal_njit

# What an operand is to a record: numbers with derivatives; numbers that carry others; plain
# numbers, which lie by rows or by columns.
ACTIVE, CARRYING, ROWS, COLUMNS = "active", "carrying", "rows", "columns"


def form_of(node, matrix):
    if is_active(matrix.dtype, node):
        return ACTIVE
    if is_carrier(matrix.dtype):
        return CARRYING
    return COLUMNS if matrix.layout == "F" else ROWS


def product(node, a, b, out):
    """Store the product of two matrices of numbers, some of which are nodes."""
    raise NotImplementedError("compiled code only")


@overload(product, jit_options=INTERNAL, strict=False)
def _product(node, a, b, out):
    forms = [form_of(node.instance_type, matrix) for matrix in (a, b)]
    by_left, by_right = (form == ACTIVE for form in forms)
    pullback = pullback_of(node.instance_type, *forms)

    def record(node, a, b, out):
        (rows, inner), columns = a.shape, b.shape[1]
        results = rows * columns
        if results == 0:
            return
        of_left, of_right = slots_for(node, a), slots_for(node, b)
        places = begin_record(node, of_left + of_right, results)
        streams = streams_of(node)
        first_slot, first_result, room = places
        header = first_slot + room - HEADER
        left = kept(node, streams, first_slot, of_left, header, a)
        right = kept(node, streams, first_slot + of_left, of_right, header + 1, b)
        values = multiplied(left, right)
        for i in range(rows):
            for j in range(columns):
                out[i, j] = noded(node, values[i, j], first_result + i * columns + j)
        first, count = (0 if by_left else of_left), (of_left if by_left else 0)
        count += of_right if by_right else 0
        details = rows, columns, of_left, inner, first, -count
        end_record(node, streams, pullback, places, results, details)

    return record


@cache
def pullback_of(node, left_form, right_form):
    """Make the function that hands the adjoints of a product back to its operands."""
    to_left, to_right = giver(left_form), giver(right_form)
    left_matrix, right_matrix = matrix_of(left_form), matrix_of(right_form)

    def pull_product(node, streams, end, first):
        header = indices_in(node, streams, end - HEADER, HEADER)
        rows, columns = np.int64(header[0]), np.int64(header[1])
        of_left, inner = np.int64(header[2]), np.int64(header[3])
        start = end - np.int64(header[-1])
        adjoints = adjoints_in(node, streams, first, rows * columns).reshape((rows, columns))
        left = left_matrix(node, streams, start, end - HEADER, (rows, inner))
        right = right_matrix(node, streams, start + of_left, end - HEADER + 1, (inner, columns))
        to_left(node, streams, start, adjoints, right.T)
        to_right(node, streams, start + of_left, left.T, adjoints)
        for i in range(rows):
            for j in range(columns):
                adjoints[i, j] = 0.0

    return internal_njit(pull_product)


# Operands while the tape is written


def slots_for(node, matrix):
    """Return how many slots an operand takes."""
    raise NotImplementedError("compiled code only")


@overload(slots_for, jit_options=INTERNAL, strict=False)
def _slots_for(node, matrix):
    if is_referable(node.instance_type, matrix):
        return lambda node, matrix: 0 if address_if_lasting(node, matrix) != 0 else matrix.size
    return lambda node, matrix: matrix.size


def is_referable(node, matrix):
    """Whether a matrix is one of floats as the tape has them, without gaps."""
    is_plain = matrix.dtype == types.float64 and node.number == types.float64
    return is_plain and matrix.layout in "CF"


def kept(node, streams, first, slots, header, matrix):
    """Keep an operand in slots, or where it lasts its address; return its numbers."""
    raise NotImplementedError("compiled code only")


@overload(kept, jit_options=INTERNAL, strict=False)
def _kept(node, streams, first, slots, header, matrix):
    form = form_of(node.instance_type, matrix)
    if form == ACTIVE:
        return keep_nodes
    if form == CARRYING:
        return keep_numbers
    if is_referable(node.instance_type, matrix):
        return keep_floats if form == ROWS else keep_columns
    return keep_copy


def keep_nodes(node, streams, first, slots, header, matrix):
    rows, columns = matrix.shape
    numbers = numbers_in(node, streams, first, rows * columns).reshape((rows, columns))
    indices = indices_in(node, streams, first, rows * columns).reshape((rows, columns))
    for i in range(rows):
        for j in range(columns):
            numbers[i, j] = value_at(node, matrix[i, j])
            indices[i, j] = index_of(node, matrix[i, j], 0)
    return numbers


def keep_numbers(node, streams, first, slots, header, matrix):
    numbers = numbers_in(node, streams, first, matrix.size).reshape(matrix.shape)
    return copy_to(numbers, matrix)


def keep_floats(node, streams, first, slots, header, matrix):
    address = address_if_lasting(node, matrix) if slots == 0 else 0
    set_word(node, streams, header, address)
    if slots > 0:
        copy_to(matrix_at(address_of_slot(node, streams, first), matrix.shape), matrix)
    return matrix


def keep_columns(node, streams, first, slots, header, matrix):
    keep_by_rows(node, streams, first, slots, header, matrix.T)
    return matrix


keep_by_rows = internal_njit(keep_floats)


def keep_copy(node, streams, first, slots, header, matrix):
    set_word(node, streams, header, 0)
    return copy_to(matrix_at(address_of_slot(node, streams, first), matrix.shape), matrix)


@internal_njit
def copy_to(target, matrix):
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            target[i, j] = matrix[i, j]
    return target


# Operands in the sweep


@internal_njit
def stored_matrix(node, streams, first, header, shape):
    return numbers_in(node, streams, first, shape[0] * shape[1]).reshape(shape)


@internal_njit
def rows_at(node, streams, first, header, shape):
    address = word_in(node, streams, header)
    return matrix_at(address if address != 0 else address_of_slot(node, streams, first), shape)


@internal_njit
def columns_at(node, streams, first, header, shape):
    return rows_at(node, streams, first, header, (shape[1], shape[0])).T


def matrix_of(form):
    """The function that finds the numbers of an operand in the sweep."""
    return {ROWS: rows_at, COLUMNS: columns_at}.get(form, stored_matrix)


def giver(form):
    """The function that hands a product of matrices back to an operand."""
    return hand_back_product if form == ACTIVE else hand_nothing_back


@internal_njit
def hand_back_product(node, streams, start, left, right):
    hand_back(node, streams, start, multiplied(left, right))


@internal_njit
def hand_nothing_back(node, streams, start, left, right):
    """Leave an operand without derivatives alone."""


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


TapeNumber.records["product"] = lambda node: product
