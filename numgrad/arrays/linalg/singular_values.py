"""Singular values and singular vectors of matrices of duals.

Those of the values, made to fit one order after the other as in
`numgrad.arrays.linalg.eigenvalues`, where the conventions are.
"""

import numpy as np

from numgrad.arrays.linalg.matrices import (
    add,
    are_matrices,
    clear_values,
    conjugate_transpose,
    dot,
    less_than_one,
    lifted,
    linear_record,
    more_steps,
    no_step,
    one_above_another,
    put,
    scaled,
    set_values,
    side_by_side,
    subtract,
    values,
)
from numgrad.arrays.linalg.norms import singular_values
from numgrad.arrays.linalg.quotients import divide, divide_adjoints, gaps, tolerance_of
from numgrad.arrays.outlined import define_outlined, outlined, overload_outlined
from numgrad.numbers.carrier import is_carrier, real_of
from numgrad.targets.options import internal_njit

# Singular values of a matrix with no more columns than rows: with G = U^H A V less its values,
# F = 1 - U^H U and K = 1 - V^H V, the next order is U' = U E + P, V' = V H and
# s' = Re G_ii + s_i (F_ii + K_ii) / 2. From U'^H A V + U^H A V' off the diagonal,
#
#     (E + H)_ij = (α + β)_ij / (s_j - s_i),  (E - H)_ij = (α - β)_ij / (s_j + s_i)
#
# with α_ij = G_ij + F_ij s_j and β_ij = conj(G_ji) + K_ij s_j. The columns of P are those of
# (A V - U s) / s, as far as they are outside of the space of U.


@define_outlined(np.linalg.svd)
def _svd(a, full_matrices=1):
    if not are_matrices(a):
        return None

    def svd(a, full_matrices=1):
        left, s0, right = np.linalg.svd(values(a), full_matrices)
        left, right, n = np.ascontiguousarray(left), conjugate_transpose(right), s0.size
        is_wide = a.shape[0] < a.shape[1]
        tall = conjugate_transpose(a) if is_wide else np.ascontiguousarray(a)
        if is_wide:
            left, right = right, left
        u0 = np.ascontiguousarray(left[:, :n])
        u, s, v = singular_vectors(tall, u0, s0, right)
        if left.shape[1] > n:
            u = completed(u, u0, np.ascontiguousarray(left[:, n:]))
        if is_wide:
            u, v = v, u
        return np.asfortranarray(u), s, np.asfortranarray(conjugate_transpose(v))

    return svd


def singular_vectors(a, u0, s0, v0):
    raise NotImplementedError("compiled code only")


@overload_outlined(singular_vectors)
def _singular_vectors(a, u0, s0, v0):
    """Return U, the singular values and V from those of the values."""
    number, count, real = a.dtype, more_steps(a.dtype), real_of(a.dtype)
    improve = steps_to_singular_vectors if count else no_step

    def vectors(a, u0, s0, v0):
        zero, e = clear_values(lifted(v0, number)), clear_values(lifted(a, number))
        u, s, v = step_of_singular_vectors(e, zero, zero, u0, s0, v0, real)
        set_values(u, u0)
        set_values(v, v0)
        improve(count, u, s, v, a, u0, s0, v0, real)
        return u, s, v

    return vectors


@outlined
def steps_to_singular_vectors(count, u, s, v, a, u0, s0, v0, real):
    for _ in range(count):
        b = dot(a, v)
        g = clear_values(dot(conjugate_transpose(u), b))
        f = less_than_one(dot(conjugate_transpose(u), u))
        k = less_than_one(dot(conjugate_transpose(v), v))
        for i in range(b.shape[0]):
            for j in range(b.shape[1]):
                b[i, j] -= u[i, j] * s[j]
        e = dot(add(outside_of(u0, clear_values(b)), dot(u0, g)), conjugate_transpose(v0))
        du, sizes, dv = step_of_singular_vectors(e, f, k, u0, s0, v0, real)
        s[:] = sizes
        add(u, du)
        add(v, dv)


def step_of_singular_vectors(e, f, k, u0, s0, v0, real):
    raise NotImplementedError("compiled code only")


@overload_outlined(step_of_singular_vectors)
def _step_of_singular_vectors(e, f, k, u0, s0, v0, real):
    """Return U', the singular values and V' that follow from G = U0^H E V0."""
    linear = linear_record(e.dtype)
    if linear is None:
        return lambda e, f, k, u0, s0, v0, real: singular_vectors_by_rule(
            lifted(s0, real), e, f, k, u0, s0, v0
        )
    recorded = linear(singular_vectors_in_place, singular_vectors_transposed)

    def step(e, f, k, u0, s0, v0, real):
        s, (m, n) = lifted(s0, real), u0.shape
        factors = one_above_another(one_above_another(v0, s0.reshape((1, n))), u0)
        all_three = one_above_another(one_above_another(f, k), e)
        recorded(factors, np.zeros(m + 2 * n, np.intp), all_three)
        for i in range(n):
            s[i] = all_three[n, i]
        return all_three[2 * n :].copy(), set_values(s, s0), all_three[:n].copy()

    return step


@internal_njit
def outside_of(u0, columns):
    """Leave of columns what is orthogonal to some others."""
    return subtract(columns, dot(u0, dot(conjugate_transpose(u0), columns)))


@internal_njit
def in_every_row(numbers, count):
    result = np.empty((count, numbers.size), numbers.dtype)
    for i in range(count):
        for j in range(numbers.size):
            result[i, j] = numbers[j]
    return result


@internal_njit
def sums_of_pairs(numbers):
    """Return the matrix of s_i + s_j."""
    return in_every_row(numbers, numbers.size) + in_every_row(numbers, numbers.size).T


@outlined
def singular_vectors_by_rule(s, e, f, k, u0, s0, v0):
    n, tolerance = s0.size, tolerance_of(s0)
    b = dot(e, v0)
    g = dot(conjugate_transpose(u0), b)
    together, apart = g.copy(), g.copy()
    for i in range(n):
        for j in range(n):
            left = g[i, j] + f[i, j] * s0[j]
            right = np.conj(g[j, i]) + k[i, j] * s0[j]
            together[i, j] = left + right
            apart[i, j] = left - right
        # the diagonal: real parts keep the lengths, imaginary parts keep s real
        together[i, i] = 0.5 * (f[i, i] + k[i, i])
        apart[i, i] = g[i, i] - np.conj(g[i, i]) + (f[i, i] - k[i, i]) * s0[i]
        if s0[i] > tolerance:
            s[i] = s0[i] + np.real(g[i, i]) + s0[i] * np.real(together[i, i])
    divide(together, gaps(s0), tolerance)
    divide(apart, sums_of_pairs(s0), tolerance)
    scaled(add(apart, together), 0.5)
    u = dot(u0, apart)
    if u0.shape[0] > n:
        add(u, divide(outside_of(u0, b), in_every_row(s0, b.shape[0]), tolerance))
    return u, s, dot(v0, subtract(together, apart))


@internal_njit
def parts_of_singular_factors(factors):
    """Return U, the singular values and V, which lie one above another in the other order."""
    n = factors.shape[1]
    return factors[n + 1 :].copy(), factors[n].copy(), factors[:n].copy()


@outlined
def singular_vectors_in_place(factors, order, all_three):
    """Replace F, K and E by V', a row of s' and, in the last rows, U', for real matrices."""
    u0, s0, v0 = parts_of_singular_factors(factors)
    n = s0.size
    s = scaled(all_three[:1].copy(), 0.0)[0] + s0
    f, k, e = all_three[:n].copy(), all_three[n : 2 * n].copy(), all_three[2 * n :].copy()
    u, s, v = singular_vectors_by_rule(s, e, f, k, u0, s0, v0)
    put(all_three[2 * n :], u)
    put(all_three[:n], v)
    for i in range(n):
        all_three[n, i] = s[i] - s0[i]


@outlined
def singular_vectors_transposed(factors, order, all_three):
    """Replace the adjoints of V', s' and U' by those of F, K and E, for real matrices.

    Those of α + β and α - β are, for X = (U0^T Ū + V0^T V̄) / 2 and Y = (U0^T Ū - V0^T V̄) / 2, the
    quotients X_ij / (s_j - s_i) and Y_ij / (s_j + s_i).
    """
    u0, s0, v0 = parts_of_singular_factors(factors)
    n, tolerance = s0.size, tolerance_of(s0)
    of_v, of_s, of_u = all_three[:n].copy(), all_three[n].copy(), all_three[2 * n :].copy()
    together = dot(conjugate_transpose(u0), of_u)
    turn = dot(conjugate_transpose(v0), of_v)
    apart = scaled(subtract(together.copy(), turn), 0.5)
    scaled(add(together, turn), 0.5)
    f, k, g = together.copy(), together.copy(), scaled(together.copy(), 0.0)
    for i in range(n):
        if s0[i] > tolerance:
            g[i, i] += of_s[i]
            together[i, i] += of_s[i] * s0[i]
        f[i, i] = k[i, i] = 0.5 * together[i, i]
        together[i, i] *= 0.0
        apart[i, i] *= s0[i]
    divide_adjoints(together, gaps(s0), tolerance)
    divide_adjoints(apart, sums_of_pairs(s0), tolerance)
    for i in range(n):
        f[i, i] += apart[i, i]
        k[i, i] -= apart[i, i]
        for j in range(n):
            if i != j:
                left, right = together[i, j] + apart[i, j], together[i, j] - apart[i, j]
                g[i, j] += left
                g[j, i] += right
                f[i, j], k[i, j] = left * s0[j], right * s0[j]
    e = dot(u0, g)
    if u0.shape[0] > n:
        add(e, divide_adjoints(outside_of(u0, of_u), in_every_row(s0, e.shape[0]), tolerance))
    put(all_three[:n], f)
    put(all_three[n : 2 * n], k)
    put(all_three[2 * n :], dot(e, conjugate_transpose(v0)))


def completed(u, u0, others0):
    raise NotImplementedError("compiled code only")


@overload_outlined(completed)
def _completed(u, u0, others0):
    """Return U with all columns of a unitary matrix; the others turn as little as they can.

    Of these, Y, the product U^H Y must vanish, and Y^H Y be 1.
    """
    number, count = u.dtype, more_steps(u.dtype)
    improve = steps_to_other_columns if count else no_step

    def whole(u, u0, others0):
        others = lifted(others0, number)
        subtract(others, dot(u0, clear_values(dot(conjugate_transpose(u), others0))))
        improve(count, others, u, u0, others0, number)
        return side_by_side(u, others, number)

    return whole


@outlined
def steps_to_other_columns(count, others, u, u0, others0, number):
    for _ in range(count):
        inside = clear_values(dot(conjugate_transpose(u), others))
        rest = less_than_one(dot(conjugate_transpose(others), others))
        subtract(others, dot(u0, inside))
        add(others, dot(others0, scaled(rest, 0.5)))


@overload_outlined(singular_values)
def _singular_values(a):
    """Return the singular values alone, of a matrix with derivatives or without."""
    if not is_carrier(a.dtype):
        return lambda a: np.linalg.svd(a, 0)[1]
    if more_steps(a.dtype):
        return lambda a: np.linalg.svd(a, 0)[1]
    number, real = a.dtype, real_of(a.dtype)

    def sizes(a):
        u0, s0, vt0 = np.linalg.svd(values(a), 0)
        s, tolerance = lifted(s0, real), tolerance_of(s0)
        product = dot(clear_values(lifted(a, number)), conjugate_transpose(vt0))
        for i in range(s.size):
            for k in range(u0.shape[0]):
                if s0[i] > tolerance:
                    s[i] += np.real(np.conj(u0[k, i]) * product[k, i])
        return s

    return sizes
