"""Matrices of duals taken apart into numbers and what carries derivatives, and put together."""

import numpy as np
from numba import types
from numba.extending import overload
from numba.np.numpy_support import as_dtype

from numgrad.arrays.definitions import are_arrays
from numgrad.arrays.linalg.blas import rows_of_numbers
from numgrad.arrays.outlined import outlined, overload_outlined
from numgrad.numbers.carrier import is_carrier, is_complex, number_of
from numgrad.numbers.conversions import converted_like, primal_of, set_primal, with_primal
from numgrad.numbers.layouts import line_of
from numgrad.rules import special
from numgrad.targets.options import internal_njit

FLOATING = types.Float | types.Complex


def are_matrices(*kinds):
    """Return whether arguments are matrices of one kind of number, with or without derivatives."""
    numbers = {number_of(kind.dtype) for kind in kinds if isinstance(kind, types.Array)}
    return (
        are_arrays(*kinds)
        and all(kind.ndim == 2 for kind in kinds)
        and len(numbers) == 1
        and isinstance(*numbers, FLOATING)
    )


def more_steps(number):
    """Return how many steps follow the first."""
    return number.order - 1 if is_carrier(number) else 0


def linear_record(number):
    """Return how linear functions of matrices of such numbers are recorded, or None."""
    return number.record_of("linear") if is_carrier(number) else None


def precision_of(number):
    """Return the distance from 1 to the next number."""
    return float(np.finfo(as_dtype(number_of(number))).eps)


BLOCK = 32  # rows, beyond which products with all others go through BLAS


# Between matrices of duals and of numbers


def values(array):
    raise NotImplementedError("compiled code only")


@overload_outlined(values)
def _values(array):
    """Return the numbers without derivatives, in C order; the memory may be the array's own."""
    if not is_carrier(array.dtype):
        return lambda array: np.ascontiguousarray(array)
    number = number_of(array.dtype)

    def numbers(array):
        result = np.empty(array.shape, number)
        if array.size > 0:
            source, target = line_of(np.ascontiguousarray(array)), line_of(result)
            for k in range(target.size):
                target[k] = primal_of(source[k])
        return result

    return numbers


@outlined
def lifted(array, number):
    """Return a new array in C order with the elements as another type."""
    result = np.empty(array.shape, number)
    if array.size > 0:
        source, target = line_of(np.ascontiguousarray(array)), line_of(result)
        for k in range(target.size):
            target[k] = source[k]
    return result


@outlined
def set_values(array, numbers):
    """Give duals other values, their derivatives stay."""
    if array.size > 0:
        target, source = line_of(array), line_of(numbers)
        for k in range(source.size):
            set_primal(target, k, source[k])
    return array


@outlined
def clear_values(array):
    """Leave of duals only what carries derivatives."""
    if array.size > 0:
        target = line_of(array)
        for k in range(target.size):
            set_primal(target, k, 0)
    return array


@outlined
def difference(a, b, number):
    """Return what carries derivatives in the difference of two arrays."""
    result = np.empty(b.shape, number)
    if b.size > 0:
        left, right = line_of(np.ascontiguousarray(a)), line_of(np.ascontiguousarray(b))
        target = line_of(result)
        for k in range(target.size):
            target[k] = left[k] - right[k]
    return clear_values(result)


@outlined
def add(array, other):
    """Add an array to another in place, both in C order."""
    if array.size > 0:
        target, source = line_of(array), line_of(other)
        for k in range(target.size):
            target[k] += source[k]
    return array


@outlined
def subtract(array, other):
    """Subtract an array from another in place, both in C order."""
    if array.size > 0:
        target, source = line_of(array), line_of(other)
        for k in range(target.size):
            target[k] -= source[k]
    return array


def conjugate_transpose(matrix):
    raise NotImplementedError("compiled code only")


@overload_outlined(conjugate_transpose)
def _conjugate_transpose(matrix):
    """Return the conjugate transpose, in C order."""
    number = matrix.dtype
    if not is_complex(number_of(number)):
        return lambda matrix: np.ascontiguousarray(matrix.T)

    def conjugate(matrix):
        rows, columns = matrix.shape
        result = np.empty((columns, rows), number)
        for i in range(rows):
            for j in range(columns):
                result[j, i] = np.conj(matrix[i, j])
        return result

    return conjugate


@internal_njit
def undefined(number):
    """Return zero with the derivatives of a number, of which none exists."""
    none = converted_like(number, special.undefined(number))
    return with_primal(none, converted_like(primal_of(number), 0))


@outlined
def undefined_sum(matrix, zero):
    """Return zero with derivatives by all elements, of which none exists."""
    result = zero
    for index in np.ndindex(matrix.shape):
        result += undefined(matrix[index])
    return result


@internal_njit
def check_square(a):
    if a.shape[0] != a.shape[1]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square.")


def is_made_of_floats(number):
    """Return whether a type is that of carriers made of floats."""
    return is_carrier(number) and number.is_made_of_floats


def rows_of(array):
    raise NotImplementedError("compiled code only")


@overload(rows_of, strict=False)
def _rows_of(array):
    """Return an array as rows of numbers, one a row of it: of floats, if it is made of them."""
    if is_made_of_floats(array.dtype):
        return lambda array: rows_of_numbers(array)
    if array.ndim == 1:
        return lambda array: array.reshape((array.size, 1))
    return lambda array: array


def columns_of(array):
    raise NotImplementedError("compiled code only")


@overload(columns_of, strict=False)
def _columns_of(array):
    """Return an array as a matrix whose columns can be scaled and added by themselves.

    Those are of numbers where the factors are real; a complex factor needs both parts of a number.
    """
    if not is_carrier(array.dtype) or (
        is_made_of_floats(array.dtype) and not is_complex(number_of(array.dtype))
    ):
        return lambda array: rows_of(array)
    if array.ndim == 1:
        return lambda array: array.reshape((array.size, 1))
    return lambda array: array


@outlined
def dot(a, b):
    return np.dot(a, b)


@outlined
def inverse_of(numbers):
    """Return the inverse of a matrix of numbers, in C order."""
    return np.ascontiguousarray(np.linalg.inv(numbers))


@outlined
def side_by_side(left, right, number):
    """Return the columns of two matrices in one."""
    n = left.shape[1]
    result = np.empty((left.shape[0], n + right.shape[1]), number)
    for i in range(left.shape[0]):
        for j in range(n):
            result[i, j] = left[i, j]
        for j in range(right.shape[1]):
            result[i, n + j] = right[i, j]
    return result


@internal_njit
def one_above_another(above, below):
    """Return the rows of two matrices in one."""
    rows = above.shape[0]
    both = np.empty((rows + below.shape[0], above.shape[1]), above.dtype)
    for j in range(above.shape[1]):
        for i in range(rows):
            both[i, j] = above[i, j]
        for i in range(below.shape[0]):
            both[rows + i, j] = below[i, j]
    return both


@outlined
def scaled(matrix, factor):
    """Multiply a matrix by a number in place."""
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            matrix[i, j] *= factor
    return matrix


@outlined
def product_of_three(a, b, c):
    return dot(dot(a, b), c)


@internal_njit
def no_step(count, *arguments):
    """Leave it at the first step."""


def hermitian(a, number):
    raise NotImplementedError("compiled code only")


@overload_outlined(hermitian)
def _hermitian(a, number):
    """Return the matrix of which LAPACK reads the lower triangle and the real diagonal."""
    if is_complex(number_of(a.dtype)):
        return lambda a, number: with_conjugates(a, number)

    def symmetric(a, number):
        result = np.empty(a.shape, number)
        for i in range(a.shape[0]):
            for j in range(i + 1):
                result[i, j] = result[j, i] = a[i, j]
        return result

    return symmetric


@internal_njit
def with_conjugates(a, number):
    result = np.empty(a.shape, number)
    for i in range(a.shape[0]):
        for j in range(i):
            result[i, j] = a[i, j]
            result[j, i] = np.conj(a[i, j])
        result[i, i] = np.real(a[i, i])
    return result


@internal_njit
def less_than_one(product):
    """Return what carries derivatives in 1 less a product."""
    return scaled(clear_values(product), -1)


@outlined
def put(target, matrix):
    """Store a matrix in a part of another; Numba's own assignment takes seconds to compile."""
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            target[i, j] = matrix[i, j]
    return target


@outlined
def take_away(target, matrix):
    """Subtract a matrix from a part of another."""
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            target[i, j] -= matrix[i, j]
