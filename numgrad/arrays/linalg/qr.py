"""The QR decomposition of matrices of duals.

That of the values, made to fit one order after the other as in
`numgrad.arrays.linalg.eigenvalues`.
"""

import numpy as np

from numgrad.arrays.linalg.matrices import (
    add,
    are_matrices,
    clear_values,
    conjugate_transpose,
    difference,
    dot,
    inverse_of,
    less_than_one,
    lifted,
    linear_record,
    more_steps,
    no_step,
    one_above_another,
    put,
    set_values,
    side_by_side,
    subtract,
    take_away,
    values,
)
from numgrad.arrays.outlined import define_outlined, outlined, overload_outlined
from numgrad.targets.options import internal_njit

# QR: with E = A - Q R, F = 1 - Q^H Q and Y = E R^-1, the triangle T of R' = T R is what the upper
# triangle of Q^H Y holds more than Q' may take: Q^H Q' = Ω with Ω + Ω^H = F, and Ω below the
# diagonal that of Q^H Y. Then Q' = Y - Q T. Of a wide matrix this is so for the first columns.


@define_outlined(np.linalg.qr)
def _qr(a):
    if not are_matrices(a):
        return None
    number, count = a.dtype, more_steps(a.dtype)
    improve = steps_to_qr if count else no_step

    def qr(a):
        q0, r0 = np.linalg.qr(values(a))
        q0, r0 = np.ascontiguousarray(q0), np.ascontiguousarray(r0)
        k = q0.shape[1]
        check_independent(r0, k)
        first, triangle = lifted(a[:, :k], number), np.ascontiguousarray(r0[:, :k])
        inverse = inverse_of(triangle)
        r = lifted(triangle, number)
        e, f = clear_values(first.copy()), clear_values(r.copy())
        dq, dr = step_of_qr(e, f, q0, triangle, inverse)
        q, r = set_values(dq, q0), set_values(dr, triangle)
        improve(count, q, r, first, q0, triangle, inverse, number)
        if a.shape[1] > k:
            others = dot(conjugate_transpose(q), np.ascontiguousarray(a[:, k:]))
            r = set_values(side_by_side(r, others, number), r0)
        return np.asfortranarray(q)[:, :k], np.asfortranarray(r)  # Q a slice, as Numba's own is

    return qr


@internal_njit
def check_independent(r0, count):
    """Raise if a column is a sum of those before it, up to rounding: R^-1 would not exist."""
    share = 8.0 * count * np.finfo(r0.dtype).eps
    for j in range(count):
        size = 0.0
        for i in range(j + 1):
            size += np.abs(r0[i, j])
        if np.abs(r0[j, j]) <= share * size:
            raise np.linalg.LinAlgError("the QR of dependent columns has no derivative")


def step_of_qr(e, f, q0, r0, inverse):
    raise NotImplementedError("compiled code only")


@overload_outlined(step_of_qr)
def _step_of_qr(e, f, q0, r0, inverse):
    """Return Q' and R'."""
    linear = linear_record(e.dtype)
    if linear is None:
        return lambda e, f, q0, r0, inverse: solved(e, f, q0, r0, inverse)
    recorded = linear(solve_in_place, solve_transposed_in_place)

    def step(e, f, q0, r0, inverse):
        both = one_above_another(e, f)
        factors = one_above_another(one_above_another(q0, r0), inverse)
        recorded(factors, np.zeros(both.shape[0], np.intp), both)
        return both[: e.shape[0]].copy(), both[e.shape[0] :].copy()

    return step


@internal_njit
def solved(e, f, q0, r0, inverse):
    y = dot(e, inverse)
    t = dot(conjugate_transpose(q0), y)
    for i in range(t.shape[0]):
        for j in range(i + 1, t.shape[0]):
            t[i, j] += np.conj(t[j, i]) - f[i, j]
        t[i, i] = np.real(t[i, i]) - np.real(f[i, i]) * 0.5
    clear_below(t)
    return subtract(y, dot(q0, t)), dot(t, r0)


@internal_njit
def clear_below(triangle):
    for i in range(triangle.shape[0]):
        for j in range(i):
            triangle[i, j] = 0.0


@internal_njit
def parts_of_factors(factors):
    """Return Q, R and its inverse, which lie one above another."""
    k = factors.shape[1]
    m = factors.shape[0] - 2 * k
    return factors[:m].copy(), factors[m : m + k].copy(), factors[m + k :].copy()


@outlined
def solve_in_place(factors, order, both):
    q0, r0, inverse = parts_of_factors(factors)
    m = q0.shape[0]
    dq, dr = solved(both[:m].copy(), both[m:].copy(), q0, r0, inverse)
    put(both[:m], dq)
    put(both[m:], dr)


@outlined
def solve_transposed_in_place(factors, order, both):
    """Replace the adjoints of Q' and R' by those of E and F, for real matrices.

    Those of T are R̄ R^T - Q^T Q̄ in the upper triangle, of which the adjoint of Q^T Y has both
    halves, once on the diagonal, and that of F the negative, half on the diagonal.
    """
    q0, r0, inverse = parts_of_factors(factors)
    m, n = q0.shape
    of_y = both[:m].copy()
    of_t = dot(both[m:].copy(), conjugate_transpose(r0))
    take_away(of_t, dot(conjugate_transpose(q0), of_y))
    clear_below(of_t)
    put(both[m:], of_t)
    for i in range(n):
        for j in range(i + 1, n):
            of_t[j, i] = of_t[i, j]
            both[m + i, j] *= -1.0
        both[m + i, i] *= -0.5
    put(both[:m], dot(add(of_y, dot(q0, of_t)), conjugate_transpose(inverse)))


@outlined
def steps_to_qr(count, q, r, a, q0, r0, inverse, number):
    for _ in range(count):
        e = difference(a, dot(q, r), number)
        f = less_than_one(dot(conjugate_transpose(q), q))
        dq, dr = step_of_qr(e, f, q0, r0, inverse)
        add(q, dq)
        add(r, dr)
