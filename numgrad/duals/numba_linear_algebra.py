"""Linear equations, inverses, determinants, powers and least squares of matrices of duals.

By the rules of matrices and not through the steps of the algorithms (M. Giles, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation", 2008; G. Golub and
V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
variables separate", 1973). A matrix of duals is A = A0 + N, numbers and what carries derivatives.
Only A0 is factorised, once for all partials. A product of N with itself as often as duals are
nested, and once more, is zero, so a step of Newton's method with the factors of A0,

    x <- x + A0^-1 (b - A x),

makes x exact in one order more: the first step is the rule of the first derivative, and duals
nested d times take d steps. Values stay those of A0.
"""

import numpy as np
from numba import types
from numba.extending import overload
from numba.np import linalg
from numba.np.numpy_support import as_dtype

from numgrad.duals.numba_definitions import are_arrays, common, define, is_given, line_of
from numgrad.duals.numba_products import rows_of_numbers
from numgrad.duals.numba_rules import part
from numgrad.duals.numba_type import is_complex, is_dual, number_of

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


def levels_of(number):
    """Return how often duals are nested in a type."""
    return 1 + levels_of(number.value) if is_dual(number) else 0


def more_steps(number):
    """Return how many steps follow the first."""
    return levels_of(number) - 1


def precision_of(number):
    """Return the distance from 1 to the next number."""
    return float(np.finfo(as_dtype(number_of(number))).eps)


# Between matrices of duals and of numbers


def values(array):
    raise NotImplementedError("compiled code only")


@overload(values, strict=False)
def _values(array):
    """Return the numbers without derivatives, in C order; the memory may be the array's own."""
    if not is_dual(array.dtype):
        return lambda array: np.ascontiguousarray(array)
    number = number_of(array.dtype)

    def numbers(array):
        result = np.empty(array.shape, number)
        if array.size > 0:
            source, target = rows_of_numbers(line_of(np.ascontiguousarray(array))), line_of(result)
            for k in range(target.size):
                target[k] = source[k, 0]
        return result

    return numbers


@part
def lifted(array, number):
    """Return a new array in C order with the elements as another type."""
    result = np.empty(array.shape, number)
    if array.size > 0:
        source, target = line_of(np.ascontiguousarray(array)), line_of(result)
        for k in range(target.size):
            target[k] = source[k]
    return result


@part
def set_values(array, numbers):
    """Give duals other values, their derivatives stay."""
    if array.size > 0:
        target, source = rows_of_numbers(line_of(array)), line_of(numbers)
        for k in range(source.size):
            target[k, 0] = source[k]
    return array


@part
def clear_values(array):
    """Leave of duals only what carries derivatives."""
    if array.size > 0:
        target = rows_of_numbers(line_of(array))
        for k in range(target.shape[0]):
            target[k, 0] = 0
    return array


@part
def difference(a, b, number):
    """Return what carries derivatives in the difference of two arrays."""
    result = np.empty(b.shape, number)
    if b.size > 0:
        left, right = line_of(np.ascontiguousarray(a)), line_of(np.ascontiguousarray(b))
        target = line_of(result)
        for k in range(target.size):
            target[k] = left[k] - right[k]
    return clear_values(result)


@part
def add(array, other):
    """Add an array to another in place, both in C order."""
    if array.size > 0:
        target, source = line_of(array), line_of(other)
        for k in range(target.size):
            target[k] += source[k]
    return array


@part
def subtract(array, other):
    """Subtract an array from another in place, both in C order."""
    if array.size > 0:
        target, source = line_of(array), line_of(other)
        for k in range(target.size):
            target[k] -= source[k]
    return array


def adjoint(matrix):
    raise NotImplementedError("compiled code only")


@overload(adjoint, strict=False)
def _adjoint(matrix):
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


# Equations


@part
def check_square(a):
    if a.shape[0] != a.shape[1]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square.")


def factorised(matrix):
    raise NotImplementedError("compiled code only")


@overload(factorised, strict=False)
def _factorised(matrix):
    """Return the triangular factors of a matrix of numbers in one array, and the exchanged rows."""
    linalg.ensure_lapack()
    number = matrix.dtype
    factorise = linalg._LAPACK().numba_xxgetrf(number)
    kind = ord(linalg.get_blas_kind(number))
    integer = linalg.F_INT_nptype

    def factors(matrix):
        n = matrix.shape[0]
        pivots = np.empty(n, integer)
        if n == 0:
            return matrix, pivots
        columns = np.asfortranarray(matrix)
        failed = factorise(kind, n, n, columns.ctypes, n, pivots.ctypes)
        linalg._inv_err_handler(failed)
        linalg._dummy_liveness_func([columns.size, pivots.size])
        return np.ascontiguousarray(columns), pivots

    return factors


BLOCK = 32  # rows, beyond which products with all rows before go through BLAS


@part
def substitute(factors, pivots, rows):
    """Solve for all columns in place, with the triangular factors of a matrix."""
    n, width = rows.shape
    for i in range(n):
        k = pivots[i] - 1
        if k != i:
            for c in range(width):
                rows[i, c], rows[k, c] = rows[k, c], rows[i, c]
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        if start > 0:
            left = np.ascontiguousarray(factors[start:stop, :start])
            subtract(rows[start:stop], np.dot(left, rows[:start]))
        for i in range(start, stop):
            for k in range(start, i):
                subtract_row(rows[i], factors[i, k], rows[k])
    for start in range((n - 1) // BLOCK * BLOCK, -1, -BLOCK):
        stop = min(start + BLOCK, n)
        if stop < n:
            right = np.ascontiguousarray(factors[start:stop, stop:])
            subtract(rows[start:stop], np.dot(right, rows[stop:]))
        for i in range(stop - 1, start - 1, -1):
            for k in range(i + 1, stop):
                subtract_row(rows[i], factors[i, k], rows[k])
            for c in range(width):
                rows[i, c] /= factors[i, i]


@part
def subtract_row(row, factor, other):
    for c in range(row.size):
        row[c] -= factor * other[c]


def rows_of(array):
    raise NotImplementedError("compiled code only")


@overload(rows_of, strict=False)
def _rows_of(array):
    """Return an array of numbers or duals as rows of numbers, one a row of the array."""
    if is_dual(array.dtype):
        return lambda array: rows_of_numbers(array)
    if array.ndim == 1:
        return lambda array: array.reshape((array.size, 1))
    return lambda array: array


@define(np.linalg.solve)
def _solve(a, b):
    if not (are_matrices(a) and are_arrays(b) and b.ndim in (1, 2)):
        return None
    if number_of(a.dtype) != number_of(b.dtype):
        return None
    number = common(a, b)
    if not is_dual(a.dtype):

        def solve_numbers(a, b):
            check_equations(a, b)
            factors, pivots = factorised(np.ascontiguousarray(a))
            x = lifted(b, number)
            substitute(factors, pivots, rows_of(x))
            return x

        return solve_numbers
    improve = steps_to_solution if more_steps(number) else no_step
    count, primal = more_steps(number), number_of(number)

    def solve(a, b):
        check_equations(a, b)
        factors, pivots = factorised(values(a))
        x0 = lifted(values(b), primal)
        substitute(factors, pivots, rows_of(x0))
        x = difference(b, np.dot(a, x0), number)
        substitute(factors, pivots, rows_of(x))
        set_values(x, x0)
        improve(count, a, b, x, factors, pivots, number)
        return x

    return solve


@part
def check_equations(a, b):
    check_square(a)
    if a.shape[0] != b.shape[0]:
        raise np.linalg.LinAlgError(
            "Incompatible array sizes, system is not dimensionally valid."
        )


@part
def no_step(count, a, b, x, factors, pivots, number):
    """The first step was all."""


@part
def steps_to_solution(count, a, b, x, factors, pivots, number):
    for _ in range(count):
        step = difference(b, np.dot(a, x), number)
        substitute(factors, pivots, rows_of(step))
        add(x, step)


@define(np.linalg.inv)
def _inv(a):
    if not are_matrices(a):
        return None
    number = a.dtype
    improve = steps_to_inverse if more_steps(number) else no_step_to_inverse
    count = more_steps(number)

    def inv(a):
        check_square(a)
        a = np.ascontiguousarray(a)
        x0 = np.ascontiguousarray(np.linalg.inv(values(a)))
        x = lifted(x0, number)
        if a.size > 0:
            subtract(x, np.dot(x0, clear_values(np.dot(a, x0))))
            improve(count, a, x, x0)
        return x

    return inv


@part
def no_step_to_inverse(count, a, x, x0):
    """The first step was all."""


@part
def steps_to_inverse(count, a, x, x0):
    for _ in range(count):
        subtract(x, np.dot(x0, clear_values(np.dot(a, x))))
