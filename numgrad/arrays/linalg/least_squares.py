"""Pseudo-inverses, least squares, norms of matrices and condition numbers of matrices of duals."""

import numpy as np

from numgrad.arrays.definitions import are_arrays, common
from numgrad.arrays.linalg.determinants import trace_of_product
from numgrad.arrays.linalg.matrices import (
    add,
    are_matrices,
    clear_values,
    conjugate_transpose,
    dot,
    is_made_of_floats,
    lifted,
    linear_record,
    more_steps,
    one_above_another,
    precision_of,
    product_of_three,
    put,
    rows_of,
    set_values,
    subtract,
    undefined,
    values,
)
from numgrad.arrays.linalg.norms import singular_values
from numgrad.arrays.outlined import define_outlined, outlined, overload_outlined
from numgrad.numbers.carrier import number_of, real_of
from numgrad.numbers.layouts import line_of
from numgrad.targets.options import internal_njit

# Pseudo-inverses. With X = A^+ and X0 = A0^+, while the rank is the same (P. Wedin, "Perturbation
# theory for pseudo-inverses", 1973),
#
#     X = X0 - X N X0 + X X^H N^H (1 - A0 X0) + (1 - X A) N^H X0^H X0,
#
# so X on the right exact to some order gives X exact in one order more; the first step, from X0,
# is the rule of Golub and Pereyra. The last term vanishes if the columns are independent.


@define_outlined(np.linalg.pinv)
def _pinv(a, rcond=1.0e-15):
    if not are_matrices(a):
        return None
    number, count = a.dtype, more_steps(a.dtype)
    improve = steps_to_pseudo_inverse if count else no_step_to_pseudo_inverse
    check = check_rank if is_made_of_floats(number) else check_rank_of_values
    root = precision_of(number) ** 0.5

    def pinv(a, rcond=1.0e-15):
        if a.size == 0:
            return np.asfortranarray(np.empty((a.shape[1], a.shape[0]), number))
        is_wide = a.shape[0] < a.shape[1]
        tall = conjugate_transpose(a) if is_wide else lifted(a, number)
        a0, rest = values(tall), clear_values(lifted(tall, number))
        x0 = np.ascontiguousarray(np.linalg.pinv(a0, rcond))
        # X0 A0 is a projection, so its trace is the rank
        rank = int(np.round(np.real(trace_of_product(a0, x0, x0[0, 0] * 0.0))))
        if rank < a0.shape[1]:
            check(a0, x0, rest, root)
        x = set_values(first_step(tall, a0, x0, rest, rank), x0)
        x = improve(count, x, tall, a0, x0, rest, rank)
        return np.asfortranarray(conjugate_transpose(x) if is_wide else x)

    return pinv


def first_step(a, a0, x0, rest, rank):
    raise NotImplementedError("compiled code only")


@overload_outlined(first_step)
def _first_step(a, a0, x0, rest, rank):
    """Return what carries derivatives of first order."""
    linear = linear_record(rest.dtype)
    if linear is None:
        return lambda a, a0, x0, rest, rank: pseudo_inverse_from(x0, a, a0, x0, rest, rank)
    recorded = linear(step_in_place, step_transposed)

    def step(a, a0, x0, rest, rank):
        x = conjugate_transpose(rest)
        recorded(one_above_another(x0, conjugate_transpose(a0)), np.full(x.shape[0], rank), x)
        return x

    return step


@outlined
def step_in_place(factors, ranks, x):
    """Replace N^H by the rule of Golub and Pereyra, for real matrices."""
    n = x.shape[0]
    x0, a0 = factors[:n].copy(), conjugate_transpose(factors[n:])
    put(x, pseudo_inverse_from(x0, a0, a0, x0, conjugate_transpose(x), ranks[0]))


@outlined
def step_transposed(factors, ranks, x):
    """Replace the adjoint Y of X' by that of N^T, for real matrices.

    X0 X0^T Y (1 - A0 X0)^T - X0 Y^T X0 + (1 - X0 A0)^T Y X0^T X0
    """
    n = x.shape[0]
    x0, a0h = factors[:n].copy(), factors[n:].copy()
    x0h = conjugate_transpose(x0)
    result = dot(x0, dot(x0h, x))
    subtract(result, dot(dot(result, x0h), a0h))
    subtract(result, product_of_three(x0, conjugate_transpose(x), x0))
    if ranks[0] < n:
        other = dot(dot(x, x0h), x0)
        add(result, other)
        subtract(result, dot(a0h, dot(x0h, other)))
    put(x, result)


@internal_njit
def no_step_to_pseudo_inverse(count, x, a, a0, x0, rest, rank):
    return x


@outlined
def steps_to_pseudo_inverse(count, x, a, a0, x0, rest, rank):
    for _ in range(count):
        x = set_values(pseudo_inverse_from(x, a, a0, x0, rest, rank), x0)
    return x


@outlined
def pseudo_inverse_from(x, a, a0, x0, rest, rank):
    """Return the right-hand side of Wedin's identity."""
    result = dot(dot(x, conjugate_transpose(x)), conjugate_transpose(rest))
    subtract(result, dot(dot(result, a0), x0))
    subtract(result, dot(dot(x, rest), x0))
    if rank < x0.shape[0]:
        other = dot(conjugate_transpose(dot(x0, rest)), x0)
        add(result, other)
        subtract(result, dot(x, dot(a, other)))
    return result


@outlined
def check_rank(a0, x0, rest, root):
    """Raise where the rank changes with what carries derivatives: the pseudo-inverse jumps."""
    onto_rows = dot(x0, a0)
    dropped = subtract(a0.copy(), dot(a0, onto_rows))
    outside = subtract(rest.copy(), dot(rest, onto_rows))
    subtract(outside, dot(a0, dot(x0, outside)))
    if largest(dropped) > root * largest(a0) or largest(outside) > root * largest(rest):
        raise np.linalg.LinAlgError("no derivative: the rank of the matrix changes here")


@outlined
def check_rank_of_values(a0, x0, rest, root):
    """Do the same as far as values tell; whether there are derivatives is left open."""
    dropped = subtract(a0.copy(), dot(a0, dot(x0, a0)))
    if largest(dropped) > root * largest(a0):
        raise np.linalg.LinAlgError("no derivative: the rank of the matrix changes here")
    for index in np.ndindex(rest.shape):
        rest[index] = undefined(rest[index])


@internal_njit
def largest(matrix):
    """Return the largest absolute value of numbers in a matrix, derivatives among them."""
    numbers = line_of(rows_of(matrix))
    result = np.abs(numbers[0])
    for k in range(1, numbers.size):
        result = max(result, np.abs(numbers[k]))
    return result


# Least squares


@define_outlined(np.linalg.lstsq)
def _lstsq(a, b, rcond=-1.0):
    """Return the same as Numba: the solution, sums of squares, the rank and singular values."""
    if not (are_matrices(a) and are_arrays(b) and b.ndim in (1, 2)):
        return None
    if number_of(a.dtype) != number_of(b.dtype):
        return None
    number, precision = common(a, b), precision_of(a.dtype)
    real = real_of(number)

    def lstsq(a, b, rcond=-1.0):
        if a.shape[0] != b.shape[0]:
            raise np.linalg.LinAlgError(
                "Incompatible array sizes, system is not dimensionally valid."
            )
        if a.size == 0 or b.size == 0:
            raise np.linalg.LinAlgError("Arrays cannot be empty")
        sizes = singular_values(a)
        share = precision if rcond < 0 else rcond
        rank = 0
        for size in values(sizes):
            rank += size > share * values(sizes)[0]
        x = dot(np.ascontiguousarray(np.linalg.pinv(a, share)), b)
        if rank < a.shape[1] or a.shape[0] <= a.shape[1]:
            return x, np.empty(0, real), rank, sizes
        return x, sums_of_squares(b - dot(a, x), real), rank, sizes

    return lstsq


@internal_njit
def sums_of_squares(numbers, real):
    """Return the sum of squares of the absolute values in every column."""
    rows = numbers.reshape((numbers.shape[0], numbers.size // numbers.shape[0]))
    result = np.zeros(rows.shape[1], real)
    for i in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            result[k] += np.real(rows[i, k] * np.conj(rows[i, k]))
    return result
