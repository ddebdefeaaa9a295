"""Products of a matrix of numbers and carriers by BLAS."""

import operator

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

from numgrad.numbers.carrier import complex_of_parts, complex_parts, is_complex, number_of, real_of
from numgrad.numbers.emitting import call
from numgrad.targets.options import internal_njit

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


@internal_njit
def numbers_in(matrix):
    """Return the numbers of a matrix of duals by row, column, part of a complex one, and partial.

    The value comes first, then the partials.
    """
    rows, columns = matrix.shape
    numbers, parts = rows_of_numbers(matrix), parts_of(matrix)
    return numbers.reshape((rows, columns, parts, numbers.shape[1] // (columns * parts)))


def parts_of(array):
    raise NotImplementedError("compiled code only")


@overload(parts_of, strict=False)
def _parts_of(array):
    """Return how many real numbers a number is."""
    count = 2 if is_complex(number_of(array.dtype)) else 1
    return lambda array: count


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
    """Return the product of duals and a matrix of floats, by a loop or by BLAS.

    One row is a product from the left. Of many, all values are multiplied at once, and all
    partials, in matrices one below the other.
    """

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
        right = np.ascontiguousarray(b)
        planes = planes_of(np.ascontiguousarray(a), right.dtype)
        put_planes(out, np.dot(planes, right))
        return out

    return internal_njit(multiply_vector if ndim == 1 else multiply_matrix)


@internal_njit
def planes_of(duals, number):
    """Return a matrix of the values, and below it one of each partial."""
    rows, columns = duals.shape
    numbers = numbers_in(duals)
    planes = np.empty((numbers.shape[3] * rows, columns), number)
    target = numbers_in(planes)
    for i in range(rows):
        for j in range(columns):
            for part in range(numbers.shape[2]):
                for k in range(numbers.shape[3]):
                    target[k * rows + i, j, part, 0] = numbers[i, j, part, k]
    return planes


@internal_njit
def put_planes(duals, planes):
    """Store the matrix of the values and those of the partials."""
    rows, columns = duals.shape
    source, numbers = numbers_in(planes), numbers_in(duals)
    for i in range(rows):
        for j in range(columns):
            for part in range(numbers.shape[2]):
                for k in range(numbers.shape[3]):
                    numbers[i, j, part, k] = source[k * rows + i, j, part, 0]


@internal_njit
def check_lengths(a, b):
    if a != b:
        raise ValueError("incompatible array sizes for a product")
