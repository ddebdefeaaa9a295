"""Linear equations, inverses, determinants, powers and least squares of matrices of duals.

By the rules of matrices and not through the steps of the algorithms (M. Giles, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation", 2008; G. Golub and
V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
variables separate", 1973). A matrix of duals is A = A0 + N, numbers and what carries derivatives.
Only A0 is factorised, once for all partials. A product of N with itself as often as duals are
nested, and once more, is zero, so a step of Newton's method with the factors of A0,

    x <- x + A0^-1 (b - A x),

makes x exact in one order more: the first step is the rule of the first derivative, and duals
nested d times take d steps. Values stay those of A0. Matrices are computed in C order, and returned
in the order in which Numba's own come from LAPACK.
"""

import numpy as np
from numba.np import linalg

from numgrad.arrays.definitions import are_arrays, common
from numgrad.arrays.linalg.matrices import (
    BLOCK,
    add,
    are_matrices,
    check_square,
    clear_values,
    columns_of,
    conjugate_transpose,
    difference,
    dot,
    inverse_of,
    lifted,
    linear_record,
    more_steps,
    product_of_three,
    put,
    scaled,
    set_values,
    subtract,
    values,
)
from numgrad.arrays.outlined import define_outlined, outlined, overload_outlined
from numgrad.numbers.carrier import is_carrier, number_of
from numgrad.targets.options import internal_njit

# Equations


def factorised(matrix):
    raise NotImplementedError("compiled code only")


@overload_outlined(factorised)
def _factorised(matrix):
    """Return the triangular factors of a matrix of numbers in one array, and the exchanged rows.

    By the routine that Numba's own solve calls, with one right-hand side that is not used: of that
    for factors alone, OpenBLAS shares out small matrices too, which takes longer.
    """
    linalg.ensure_lapack()
    number = matrix.dtype
    factorise = linalg._LAPACK().numba_xgesv(number)
    kind = ord(linalg.get_blas_kind(number))
    integer = linalg.F_INT_nptype

    def factors(matrix):
        n = matrix.shape[0]
        pivots = np.empty(n, integer)
        if n == 0:
            return matrix, pivots
        columns, side = np.asfortranarray(matrix), np.zeros(n, number)
        failed = factorise(kind, n, 1, columns.ctypes, n, pivots.ctypes, side.ctypes, n)
        linalg._inv_err_handler(failed)
        linalg._dummy_liveness_func([columns.size, pivots.size, side.size])
        return np.ascontiguousarray(columns), pivots

    return factors


@outlined
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
            subtract(rows[start:stop], dot(left, rows[:start]))
        for i in range(start, stop):
            for k in range(start, i):
                subtract_row(rows, i, factors[i, k], k)
    for start in range((n - 1) // BLOCK * BLOCK, -1, -BLOCK):
        stop = min(start + BLOCK, n)
        if stop < n:
            right = np.ascontiguousarray(factors[start:stop, stop:])
            subtract(rows[start:stop], dot(right, rows[stop:]))
        for i in range(stop - 1, start - 1, -1):
            for k in range(i + 1, stop):
                subtract_row(rows, i, factors[i, k], k)
            for c in range(width):
                rows[i, c] /= factors[i, i]


@outlined
def substitute_transposed(factors, pivots, rows):
    """Solve the transposed equations for all columns in place, with the same factors."""
    n, width = rows.shape
    transposed = np.ascontiguousarray(factors.T)
    for i in range(n):
        for k in range(i):
            subtract_row(rows, i, transposed[i, k], k)
        for c in range(width):
            rows[i, c] /= transposed[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            subtract_row(rows, i, transposed[i, k], k)
    for i in range(n - 1, -1, -1):
        k = pivots[i] - 1
        if k != i:
            for c in range(width):
                rows[i, c], rows[k, c] = rows[k, c], rows[i, c]


@internal_njit
def solve_in_place(factors, pivots, x):
    substitute(factors, pivots, columns_of(x))


@internal_njit
def solve_transposed_in_place(factors, pivots, x):
    substitute_transposed(factors, pivots, columns_of(x))


def substituted(factors, pivots, x):
    raise NotImplementedError("compiled code only")


@overload_outlined(substituted)
def _substituted(factors, pivots, x):
    """Solve for all columns of a vector or a matrix in place."""
    linear = linear_record(x.dtype)
    if linear is None:
        return lambda factors, pivots, x: solve_in_place(factors, pivots, x)
    recorded = linear(solve_in_place, solve_transposed_in_place)
    if x.ndim == 1:
        return lambda factors, pivots, x: recorded(factors, pivots, x.reshape((x.size, 1)))
    return lambda factors, pivots, x: recorded(factors, pivots, x)


@internal_njit
def subtract_row(rows, i, factor, k):
    """Subtract a multiple of a row from another; views of rows would count references."""
    for c in range(rows.shape[1]):
        rows[i, c] -= factor * rows[k, c]


@define_outlined(np.linalg.solve)
def _solve(a, b):
    if not (are_matrices(a) and are_arrays(b) and b.ndim in (1, 2)):
        return None
    if number_of(a.dtype) != number_of(b.dtype):
        return None
    number = common(a, b)
    ordered = np.asfortranarray if b.ndim == 2 else np.ascontiguousarray
    if not is_carrier(a.dtype):

        def solve_numbers(a, b):
            check_equations(a, b)
            factors, pivots = factorised(np.ascontiguousarray(a))
            x = lifted(b, number)
            substituted(factors, pivots, x)
            return ordered(x)

        return solve_numbers
    improve = steps_to_solution if more_steps(number) else no_step
    count, primal = more_steps(number), number_of(number)

    def solve(a, b):
        check_equations(a, b)
        factors, pivots = factorised(values(a))
        x0 = lifted(values(b), primal)
        substituted(factors, pivots, x0)
        x = difference(b, dot(a, x0), number)
        substituted(factors, pivots, x)
        set_values(x, x0)
        improve(count, a, b, x, factors, pivots, number)
        return ordered(x)

    return solve


@internal_njit
def check_equations(a, b):
    check_square(a)
    if a.shape[0] != b.shape[0]:
        raise np.linalg.LinAlgError("Incompatible array sizes, system is not dimensionally valid.")


@internal_njit
def no_step(count, a, b, x, factors, pivots, number):
    """Leave it at the first step."""


@outlined
def steps_to_solution(count, a, b, x, factors, pivots, number):
    for _ in range(count):
        step = difference(b, dot(a, x), number)
        substituted(factors, pivots, step)
        add(x, step)


@define_outlined(np.linalg.inv)
def _inv(a):
    if not are_matrices(a):
        return None
    number = a.dtype
    improve = steps_to_inverse if more_steps(number) else no_step_to_inverse
    count = more_steps(number)

    def inv(a):
        check_square(a)
        a = np.ascontiguousarray(a)
        x0 = inverse_of(values(a))
        x = lifted(a, number)
        if a.size > 0:
            x = set_values(step_of_inverse(x0, clear_values(x)), x0)
            improve(count, a, x, x0)
        return np.asfortranarray(x)

    return inv


def step_of_inverse(x0, rest):
    raise NotImplementedError("compiled code only")


@overload_outlined(step_of_inverse)
def _step_of_inverse(x0, rest):
    """Return what carries derivatives in the inverse; the matrix may be overwritten."""
    linear = linear_record(rest.dtype)
    if linear is None:
        return lambda x0, rest: step_by_inverse(x0, rest)
    recorded = linear(step_in_place, step_transposed)

    def step(x0, rest):
        recorded(x0, np.zeros(x0.shape[0], np.intp), rest)
        return rest

    return step


@internal_njit
def step_by_inverse(x0, rest):
    return scaled(product_of_three(x0, rest, x0), -1)


@outlined
def step_in_place(x0, order, rest):
    put(rest, step_by_inverse(x0, rest))


@outlined
def step_transposed(x0, order, adjoint):
    put(adjoint, step_by_inverse(conjugate_transpose(x0), adjoint))


@internal_njit
def no_step_to_inverse(count, a, x, x0):
    """Leave it at the first step."""


@outlined
def steps_to_inverse(count, a, x, x0):
    for _ in range(count):
        subtract(x, dot(x0, clear_values(dot(a, x))))
