"""Products of vectors and matrices some of whose elements are duals, and norms.

A float times a dual is one real product for the value and one for each partial, all in one vector
instruction, so the loops below are as many real products as there are columns to multiply.
"""

import operator

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

from numgrad.arrays.definitions import are_arrays, common, define, is_given
from numgrad.numbers.carrier import (
    complex_of_parts,
    complex_parts,
    is_carrier,
    is_complex,
    number_of,
    real_of,
)
from numgrad.numbers.conversions import converted
from numgrad.numbers.emitting import call
from numgrad.numbers.layouts import line_of
from numgrad.targets.options import internal_njit


def check(kinds):
    """Return whether arguments are vectors and matrices."""
    return are_arrays(*kinds) and all(kind.ndim in (1, 2) for kind in kinds)


@internal_njit
def check_lengths(a, b):
    if a != b:
        raise ValueError("incompatible array sizes for a product")


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


# A dual lies in memory as floats, its value and its partials, so an array of them is a matrix of
# floats; a matrix of floats times that one is the product of values and all partials. A complex
# dual is the same twice, for its two parts: with A = R + I i, A b = R b + I (i b) is the product
# of floats [R I] with b above i b.

LARGE = 256  # numbers, from where on BLAS is worth its call


def is_for_blas(plain, duals, number):
    """Return whether BLAS can multiply a matrix of plain numbers and duals in rows."""
    if not number.is_row_of_floats:
        return False
    is_plain = plain.ndim == 2 and plain.layout in "CF" and plain.dtype == number_of(number)
    return is_plain and duals.dtype == number


@intrinsic
def rows_of_numbers(typingctx, duals):
    """Return the memory of an array of duals as rows of floats."""
    numbers = types.Array(number_of(real_of(duals.dtype)), 2, "C")

    def codegen(context, builder, sig, arguments):
        source = context.make_array(duals)(context, builder, arguments[0])
        result = context.make_array(numbers)(context, builder)
        data_type = context.get_data_type(numbers.dtype)
        size = context.get_constant(types.intp, context.get_abi_sizeof(data_type))
        rows, *columns = cgutils.unpack_tuple(builder, source.shape, duals.ndim)
        width = builder.sdiv(source.itemsize, size)
        for count in columns:
            width = builder.mul(width, count)
        context.populate_array(
            result,
            data=builder.bitcast(source.data, data_type.as_pointer()),
            shape=[rows, width],
            strides=[builder.mul(width, size), size],
            itemsize=size,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return impl_ret_borrowed(context, builder, numbers, result._getvalue())

    return numbers(duals), codegen


def in_floats(matrix):
    raise NotImplementedError("compiled code only")


@overload(in_floats, strict=False)
def _in_floats(matrix):
    """Return a matrix as one of floats: the real parts, and beside them the imaginary parts."""
    if not is_complex(matrix.dtype):
        return lambda matrix: matrix
    number = matrix.dtype.underlying_float

    def side_by_side(matrix):
        rows, columns = matrix.shape
        result = np.empty((rows, 2 * columns), number)
        for i in range(rows):
            for k in range(columns):
                result[i, k] = matrix[i, k].real
                result[i, columns + k] = matrix[i, k].imag
        return result

    return side_by_side


def to_multiply(duals):
    raise NotImplementedError("compiled code only")


@overload(to_multiply, strict=False)
def _to_multiply(duals):
    """Return what a matrix of floats is multiplied by: duals, and below them duals times i."""
    if not is_complex(number_of(duals.dtype)):
        return lambda duals: rows_of_numbers(duals)
    stack = stacked_numbers if duals.ndim == 1 else stacked_rows
    number = duals.dtype
    return lambda duals: rows_of_numbers(stack(duals, number))


@internal_njit
def stacked_numbers(duals, number):
    count = duals.size
    result = np.empty(2 * count, number)
    for k in range(count):
        result[k] = duals[k]
        result[count + k] = times_i(duals[k])
    return result


@internal_njit
def stacked_rows(duals, number):
    rows, columns = duals.shape
    result = np.empty((2 * rows, columns), number)
    for i in range(rows):
        for j in range(columns):
            result[i, j] = duals[i, j]
            result[rows + i, j] = times_i(duals[i, j])
    return result


@intrinsic
def times_i(typingctx, number):
    """Return a complex number times i: its parts change places, and one its sign."""

    def codegen(context, builder, sig, arguments):
        real, imag = complex_parts(builder, number, arguments[0])
        kind = real_of(number)
        _, negative = call(context, builder, operator.neg, [kind], [imag])
        return complex_of_parts(builder, number, [negative, real])

    return number(number), codegen


def with_blas(loop):
    """Return the product of a matrix of floats and duals: by a loop, or by BLAS if it is large."""

    def multiply(zero, a, b, out):
        if a.size < LARGE:
            return loop(zero, a, b, out)
        check_lengths(a.shape[1], b.shape[0])
        np.dot(in_floats(a), to_multiply(np.ascontiguousarray(b)), rows_of_numbers(out))
        return out

    return internal_njit(multiply)


def with_blas_from_right(loop, ndim):
    """Return the product of duals and a matrix of floats: each row is a product from the left."""

    def multiply_vector(zero, a, b, out):
        if b.size < LARGE:
            return loop(zero, a, b, out)
        check_lengths(a.size, b.shape[0])
        np.dot(in_floats(b.T), to_multiply(np.ascontiguousarray(a)), rows_of_numbers(out))
        return out

    def multiply_matrix(zero, a, b, out):
        if b.size < LARGE:
            return loop(zero, a, b, out)
        check_lengths(a.shape[1], b.shape[0])
        check_lengths(a.shape[0], out.shape[0])
        matrix, rows = in_floats(b.T), np.ascontiguousarray(a)
        for i in range(a.shape[0]):
            np.dot(matrix, to_multiply(rows[i]), rows_of_numbers(out[i]))
        return out

    return internal_njit(multiply_vector if ndim == 1 else multiply_matrix)


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


@internal_njit
def trace(zero, a, offset):
    result = zero
    row, column = max(-offset, 0), max(offset, 0)
    for k in range(min(a.shape[0] - row, a.shape[1] - column)):
        result += a[row + k, column + k]
    return result


@define(np.trace)
def _trace(a, offset=0):
    if not are_arrays(a) or a.ndim != 2:
        return None
    number = a.dtype
    return lambda a, offset=0: trace(converted(0.0, number), a, offset)


# Norms. At the origin every slope is 0.


@internal_njit
def length(zero, line):
    """Return the Euclidean norm: by hypot where squares overflow, or vanish."""
    result = zero
    for k in range(line.size):
        size = np.abs(line[k])
        result += size * size
    if np.isfinite(result) and result > 1e-280:
        return np.sqrt(result)
    result = zero
    for k in range(line.size):
        result = np.hypot(result, np.abs(line[k]))
    return result


@internal_njit
def extreme_size(zero, line, sign):
    """Return the largest absolute value, or the smallest if the sign is negative; or nan."""
    result = zero + np.abs(line[0])
    for k in range(1, line.size):
        size = np.abs(line[k])
        if sign * size > sign * result or np.isnan(size):
            result = zero + size
    return result


@internal_njit
def sum_of_sizes(zero, line):
    result = zero
    for k in range(line.size):
        result += np.abs(line[k])
    return result


@internal_njit
def sum_of_powers(zero, line, order):
    result = zero
    for k in range(line.size):
        result += np.abs(line[k]) ** order
    return result


@internal_njit
def vector_norm(zero, line, order):
    if line.size == 0:
        return zero
    if order == 2:
        return length(zero, line)
    if order == 1:
        return sum_of_sizes(zero, line)
    if np.isinf(order):
        return extreme_size(zero, line, np.sign(order))
    if order == 0:
        return zero + np.count_nonzero(line)
    return sum_of_powers(zero, line, order) ** (1.0 / order)


@internal_njit
def extreme_sum(zero, rows, sign):
    """Return the largest sum of absolute values in a row, or the smallest; or nan."""
    result = sum_of_sizes(zero, rows[0])
    for k in range(1, len(rows)):
        size = sum_of_sizes(zero, rows[k])
        if sign * size > sign * result or np.isnan(size):
            result = size
    return result


@internal_njit
def matrix_norm(zero, matrix, order):
    if matrix.size == 0:
        return zero
    if np.isinf(order):
        return extreme_sum(zero, matrix, np.sign(order))
    if abs(order) == 1:
        return extreme_sum(zero, matrix.T, order)
    if abs(order) == 2:
        return singular_values(matrix)[0 if order > 0 else -1]
    raise ValueError("Invalid norm order for matrices.")


def singular_values(matrix):
    """Stand for what is among the decompositions."""
    raise NotImplementedError("compiled code only")


@define(np.linalg.norm)
def _norm(x, ord=None):
    if not check((x,)):
        return None
    number = x.dtype
    if not is_given(ord):
        return lambda x, ord=None: length(np.real(converted(0.0, number)), line_of(x))
    if not isinstance(ord, types.Number):
        return None
    norm = vector_norm if x.ndim == 1 else matrix_norm
    return lambda x, ord=None: norm(np.real(converted(0.0, number)), x, ord)
