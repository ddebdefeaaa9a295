"""Products of vectors and matrices some of whose elements are duals, and norms.

A float times a dual is one real product for the value and one for each partial, all in one vector
instruction, so the loops below are as many real products as there are columns to multiply.
"""

import operator

import numpy as np
from numba import types
from numba.extending import overload

from numgrad.arrays.definitions import are_arrays, common, define, itself
from numgrad.arrays.linalg.blas import check_lengths, is_for_blas, with_blas, with_blas_from_right
from numgrad.arrays.linalg.matrices import are_matrices, dot, lifted
from numgrad.arrays.outlined import define_outlined
from numgrad.numbers.carrier import is_carrier, is_complex, number_of
from numgrad.numbers.conversions import converted
from numgrad.numbers.layouts import line_of
from numgrad.targets.options import internal_njit


def check(kinds):
    """Return whether arguments are vectors and matrices."""
    return are_arrays(*kinds) and all(kind.ndim in (1, 2) for kind in kinds)


# Products, by the number of dimensions of their arguments


@internal_njit
def inner(zero, a, b):
    check_lengths(a.size, b.size)
    result = zero
    for k in range(a.size):
        result += a[k] * b[k]
    return result


@internal_njit
def conjugate_inner(zero, a, b):
    check_lengths(a.size, b.size)
    result = zero
    for k in range(a.size):
        result += np.conj(a[k]) * b[k]
    return result


@internal_njit
def matrix_by_vector(zero, a, b, out):
    check_lengths(a.shape[1], b.size)
    check_lengths(a.shape[0], out.size)
    for i in range(a.shape[0]):
        number = zero
        for k in range(b.size):
            number += a[i, k] * b[k]
        out[i] = number
    return out


@internal_njit
def vector_by_matrix(zero, a, b, out):
    check_lengths(a.size, b.shape[0])
    check_lengths(b.shape[1], out.size)
    for j in range(b.shape[1]):
        number = zero
        for k in range(a.size):
            number += a[k] * b[k, j]
        out[j] = number
    return out


@internal_njit
def matrix_by_matrix(zero, a, b, out):
    check_lengths(a.shape[1], b.shape[0])
    check_lengths(a.shape[0], out.shape[0])
    check_lengths(b.shape[1], out.shape[1])
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            number = zero
            for k in range(b.shape[0]):
                number += a[i, k] * b[k, j]
            out[i, j] = number
    return out


LOOPS = {(2, 1): matrix_by_vector, (1, 2): vector_by_matrix, (2, 2): matrix_by_matrix}


def shape_of_product(a, b):
    raise NotImplementedError("compiled code only")


@overload(shape_of_product, strict=False)
def _shape_of_product(a, b):
    if (a.ndim, b.ndim) == (2, 2):
        return lambda a, b: (a.shape[0], b.shape[1])
    if a.ndim == 2:
        return lambda a, b: (a.shape[0],)
    return lambda a, b: (b.shape[1],)


def product(a, b):
    """Return what Numba compiles for a product without an array to write to."""
    if not check((a, b)):
        return None
    number = common(a, b)
    record = number.record_of("product")
    if record is not None:
        return recorded(record, number, a.ndim, b.ndim)
    if (a.ndim, b.ndim) == (1, 1):
        return lambda a, b: inner(converted(0.0, number), a, b)
    loop = LOOPS[a.ndim, b.ndim]
    if is_for_blas(a, b, number):
        loop = with_blas(loop)
    elif is_for_blas(b, a, number):
        loop = with_blas_from_right(loop, a.ndim)

    def multiply(a, b):
        out = np.empty(shape_of_product(a, b), number)
        return loop(converted(0.0, number), a, b, out)

    return multiply


def recorded(record, number, *ranks):
    """Return the product of vectors and matrices that a carrier makes as a whole."""
    rows, columns = as_row if ranks[0] == 1 else itself, as_column if ranks[1] == 1 else itself

    def multiplied(a, b):
        left, right = rows(a), columns(b)
        check_lengths(left.shape[1], right.shape[0])
        out = np.empty((left.shape[0], right.shape[1]), number)
        record(number, left, right, out)
        return finish(out)

    finish = itself
    if 1 in ranks:
        finish = only if ranks == (1, 1) else line_of
    return multiplied


@internal_njit
def as_row(vector):
    return np.ascontiguousarray(vector).reshape((1, vector.size))


@internal_njit
def as_column(vector):
    return np.ascontiguousarray(vector).reshape((vector.size, 1))


@internal_njit
def only(matrix):
    return matrix[0, 0]


@define(operator.matmul)
def _matmul(a, b):
    return product(a, b)


@define(np.dot)
def _dot(a, b):
    return product(a, b)


@define(np.dot)
def _dot_into(a, b, out):
    if not check((a, b)) or not are_arrays(out) or not is_carrier(out.dtype):
        return None
    number, loop = common(a, b), LOOPS.get((a.ndim, b.ndim))
    if loop is None:
        return None
    return lambda a, b, out: loop(converted(0.0, number), a, b, out)


@define(np.vdot)
def _vdot(a, b):
    if not are_arrays(a, b) or (a.ndim, b.ndim) != (1, 1):
        return None
    number = common(a, b)
    loop = conjugate_inner if is_complex(number_of(number)) else inner
    return lambda a, b: loop(converted(0.0, number), a, b)


@define(np.cross)
def _cross(a, b):
    if not check((a, b)):
        return None
    number = common(a, b)
    if (a.ndim, b.ndim) == (1, 1):
        return lambda a, b: cross(converted(0.0, number), a, b, np.empty(3, number))
    left, right = (row_of if kind.ndim == 2 else only_row for kind in (a, b))
    lengths = count_of_rows if a.ndim == 2 else count_of_other_rows

    def rows(a, b):
        result = np.empty((lengths(a, b), 3), number)
        for k in range(result.shape[0]):
            cross(converted(0.0, number), left(a, k), right(b, k), result[k])
        return result

    return rows


@internal_njit
def count_of_rows(a, b):
    if b.ndim == 2:
        check_lengths(a.shape[0], b.shape[0])
    return a.shape[0]


@internal_njit
def count_of_other_rows(a, b):
    return b.shape[0]


@internal_njit
def row_of(matrix, k):
    return matrix[k]


@internal_njit
def only_row(vector, k):
    return vector


@internal_njit
def cross(zero, a, b, out):
    """Store a cross product; a vector in the plane has no third component."""
    if a.size not in (2, 3) or b.size not in (2, 3) or a.size + b.size == 4:
        raise ValueError("incompatible dimensions for a cross product: 3, or 3 and 2")
    a2 = zero + a[2] if a.size == 3 else zero
    b2 = zero + b[2] if b.size == 3 else zero
    out[0] = a[1] * b2 - a2 * b[1]
    out[1] = a2 * b[0] - a[0] * b2
    out[2] = a[0] * b[1] - a[1] * b[0]
    return out


# Powers


@define_outlined(np.linalg.matrix_power)
def _matrix_power(a, n):
    if not are_matrices(a) or not isinstance(n, types.Integer):
        return None
    number = a.dtype

    def matrix_power(a, n):
        if a.shape[0] != a.shape[1]:
            raise ValueError("input must be a square array")
        factor = lifted(np.linalg.inv(a) if n < 0 else a, number)
        result = np.zeros(a.shape, number)
        for k in range(a.shape[0]):
            result[k, k] = 1
        exponent, is_one = abs(n), True
        while exponent > 0:
            if exponent % 2 == 1:
                result = factor if is_one else dot(result, factor)
                is_one = False
            exponent //= 2
            if exponent > 0:
                factor = dot(factor, factor)
        return result

    return matrix_power


# Products of all pairs. Numba's own stores them in an array of what the first argument holds.


@define(np.kron)
def _kron(a, b):
    if not are_arrays(a, b) or a.dtype == b.dtype:
        return None
    number = common(a, b)
    return lambda a, b: np.kron(lifted(a, number), lifted(b, number))
