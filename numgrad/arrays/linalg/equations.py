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
from numba import types
from numba.np import linalg

from numgrad.arrays.definitions import are_arrays, common, define
from numgrad.arrays.linalg.matrices import (
    add,
    are_matrices,
    check_square,
    clear_values,
    columns_of,
    difference,
    dot,
    inverse_of,
    lifted,
    more_steps,
    precision_of,
    set_values,
    subtract,
    undefined,
    values,
)
from numgrad.arrays.outlined import apart, define_apart, overload_apart
from numgrad.numbers.carrier import is_carrier, is_complex, number_of
from numgrad.numbers.conversions import converted, primal_of
from numgrad.targets.options import internal_njit

# Equations


def factorised(matrix):
    raise NotImplementedError("compiled code only")


@overload_apart(factorised)
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


BLOCK = 32  # rows, beyond which products with all rows before go through BLAS


@apart
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
                subtract_row(rows[i], factors[i, k], rows[k])
    for start in range((n - 1) // BLOCK * BLOCK, -1, -BLOCK):
        stop = min(start + BLOCK, n)
        if stop < n:
            right = np.ascontiguousarray(factors[start:stop, stop:])
            subtract(rows[start:stop], dot(right, rows[stop:]))
        for i in range(stop - 1, start - 1, -1):
            for k in range(i + 1, stop):
                subtract_row(rows[i], factors[i, k], rows[k])
            for c in range(width):
                rows[i, c] /= factors[i, i]


@internal_njit
def subtract_row(row, factor, other):
    for c in range(row.size):
        row[c] -= factor * other[c]


@define_apart(np.linalg.solve)
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
            substitute(factors, pivots, columns_of(x))
            return ordered(x)

        return solve_numbers
    improve = steps_to_solution if more_steps(number) else no_step
    count, primal = more_steps(number), number_of(number)

    def solve(a, b):
        check_equations(a, b)
        factors, pivots = factorised(values(a))
        x0 = lifted(values(b), primal)
        substitute(factors, pivots, columns_of(x0))
        x = difference(b, dot(a, x0), number)
        substitute(factors, pivots, columns_of(x))
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


@apart
def steps_to_solution(count, a, b, x, factors, pivots, number):
    for _ in range(count):
        step = difference(b, dot(a, x), number)
        substitute(factors, pivots, columns_of(step))
        add(x, step)


@define_apart(np.linalg.inv)
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
        x = lifted(x0, number)
        if a.size > 0:
            subtract(x, dot(x0, clear_values(dot(a, x0))))
            improve(count, a, x, x0)
        return np.asfortranarray(x)

    return inv


@internal_njit
def no_step_to_inverse(count, a, x, x0):
    """Leave it at the first step."""


@apart
def steps_to_inverse(count, a, x, x0):
    for _ in range(count):
        subtract(x, dot(x0, clear_values(dot(a, x))))


# Determinants: log det A = log det A0 + log det (1 + M) with M = A0^-1 N, and the last term is
# tr M - tr M² / 2 + tr M³ / 3 - ...


def log_of_rest(a, x0):
    raise NotImplementedError("compiled code only")


@overload_apart(log_of_rest)
def _log_of_rest(a, x0):
    """Return log det of a matrix less that of its values, whose inverse is given."""
    number, count = a.dtype, more_steps(a.dtype)
    if count == 0:

        def log_to_first_order(a, x0):
            trace = trace_of_product(a, x0, converted(0.0, number))
            return trace - primal_of(trace)

        return log_to_first_order

    def log(a, x0):
        m = dot(x0, clear_values(lifted(a, number)))
        power, sign, result = m, -1, np.trace(m)
        for k in range(count):
            result += sign * trace_of_product(power, m, converted(0.0, number)) / (k + 2)
            power, sign = dot(power, m), -sign
        return result

    return log


@internal_njit
def trace_of_product(a, b, zero):
    result = zero
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            result += a[i, k] * b[k, i]
    return result


@define_apart(np.linalg.slogdet)
def _slogdet(a):
    """At singular matrices the logarithm has no derivative: nan."""
    if not are_matrices(a):
        return None
    number = a.dtype
    finish = complex_logarithm if is_complex(number_of(number)) else real_logarithm

    def slogdet(a):
        check_square(a)
        a0 = values(a)
        sign, log = np.linalg.slogdet(a0)
        if sign == 0.0:
            return finish(sign, log, undefined(number))
        x0 = inverse_of(a0) if a.size > 0 else a0
        return finish(sign, log, log_of_rest(a, x0))

    return slogdet


@internal_njit
def real_logarithm(sign, log, rest):
    return sign, log + rest


@internal_njit
def complex_logarithm(sign, log, rest):
    return sign * np.exp(1j * np.imag(rest)), log + np.real(rest)


@define_apart(np.linalg.det)
def _det(a):
    if not are_matrices(a):
        return None
    number = a.dtype
    root = precision_of(number) ** 0.5

    def det(a):
        check_square(a)
        a0 = values(a)
        value = np.linalg.det(a0)
        if value != 0.0:
            x0 = inverse_of(a0) if a.size > 0 else a0
            if np.linalg.norm(a0) * np.linalg.norm(x0) * root < 1.0:
                return value * np.exp(log_of_rest(a, x0))
        result = by_elimination(lifted(a, number), converted(1.0, number), root)
        return value + (result - primal_of(result))

    return det


# A determinant has derivatives at singular matrices too, where A0 has no inverse. There, rows and
# columns are eliminated one after the other, the largest element first, as long as it is far from
# 0; the determinant of what is left comes without a division by anything but integers (D. Faddeev
# and V. Sominsky; see A. Householder, "The theory of matrices in numerical analysis", 1964, 6.7).


@apart
def by_elimination(a, one, tolerance):
    """Return the determinant of a matrix, which is overwritten."""
    n, result, first = a.shape[0], one, 0.0
    for k in range(n):
        row, column, size = k, k, -1.0
        for i in range(k, n):
            for j in range(k, n):
                if np.abs(primal_of(a[i, j])) > size:
                    row, column, size = i, j, np.abs(primal_of(a[i, j]))
        first = max(first, size)
        if size <= tolerance * first:
            return result * without_division(a[k:, k:], one)
        for j in range(n):
            a[k, j], a[row, j] = a[row, j], a[k, j]
        for i in range(n):
            a[i, k], a[i, column] = a[i, column], a[i, k]
        result = result * a[k, k]
        if (row == k) != (column == k):
            result = -result
        for i in range(k + 1, n):
            factor = a[i, k] / a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= factor * a[k, j]
    return result


@internal_njit
def without_division(a, one):
    n, coefficient = a.shape[0], one
    product = np.zeros_like(a)
    for k in range(n):
        for i in range(n):
            product[i, i] += coefficient
        product = times(a, product)
        coefficient = one * 0
        for i in range(n):
            coefficient -= product[i, i] / (k + 1)
    return coefficient if n % 2 == 0 else -coefficient


@internal_njit
def times(a, b):
    result = np.zeros_like(b)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(b.shape[0]):
                result[i, j] += a[i, k] * b[k, j]
    return result


# Powers


@define_apart(np.linalg.matrix_power)
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
