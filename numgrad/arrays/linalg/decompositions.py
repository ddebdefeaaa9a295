"""Decompositions of matrices of duals: eigenvalues of Hermitian matrices, SVD; QR has a file.

Each is that of the values A0, made to fit A one order after the other: what is left of the
equations that define the factors, products of the factors and A without their values, gives the
next order by the rule of the first derivative (M. Giles, "Collected matrix derivative results for
forward and reverse mode algorithmic differentiation", 2008; for QR, S. Walter and L. Lehmann,
"Algorithmic differentiation of linear algebra functions", 2010; for eigenvectors and singular
vectors the equations are those by which T. Ogita and K. Aishima refine them, 2018). In the first
step the factors are numbers, and all products real ones.

Where mathematics leaves a choice:

- eigh and eigvalsh read the lower triangle, as LAPACK does, and so do derivatives.
- Eigenvectors and singular vectors turn as little as they can: the diagonal of V^H V' is 0, and
  that of U^H U' + V^H V'.
- The eigenvectors of a repeated eigenvalue have no derivative unless the matrix keeps them apart:
  nan. Of the eigenvalues themselves, sums over all that are equal have one; each alone has that
  along its eigenvector. The same holds for singular values.

  A function of the matrix, V f(w) V^H, has a derivative there, but no numbers in the places of V'
  and w' give it: with V' = V K, K antihermitian, and D = f(w), it is V (K D - D K + D') V^H by the
  rule of products. Among equal eigenvalues D is a multiple of 1, so K D - D K = 0 whatever K is,
  and D' is diagonal; the derivative has f'(w) E_ij off the diagonal, E = V^H A' V. With K = 0 in
  the place of nan that part would be missing without a word. So nan is the only answer where
  E_ij is not 0, even for V V^H, for which K = 0 would do.
- At 0 a singular value has the derivative 0, as an absolute value has.

Matrices are computed in C order, and returned in the order in which Numba's own come from LAPACK.
"""

import numpy as np

from numgrad.arrays.linalg.matrices import (
    add,
    are_matrices,
    check_square,
    clear_values,
    conjugate_transpose,
    dot,
    hermitian,
    less_than_one,
    lifted,
    more_steps,
    no_step,
    product_of_three,
    scaled,
    side_by_side,
    subtract,
    values,
)
from numgrad.arrays.linalg.norms import singular_values
from numgrad.arrays.linalg.quotients import divide, tolerance_of
from numgrad.arrays.outlined import define_outlined, outlined, overload_outlined
from numgrad.numbers.carrier import is_carrier, real_of

# Eigenvalues: with G = V^H A V less its values and F = 1 - V^H V, the next order is V' = V E and
# w' = G_ii + w_i F_ii, E_ij = (G_ij + F_ij w_j) / (w_j - w_i), E_ii = F_ii / 2.


@define_outlined(np.linalg.eigh)
def _eigh(a):
    if not are_matrices(a):
        return None
    number, count, real = a.dtype, more_steps(a.dtype), real_of(a.dtype)
    improve = steps_to_eigenvectors if count else no_step

    def eigh(a):
        check_square(a)
        w0, v0 = np.linalg.eigh(values(a))
        v0 = np.ascontiguousarray(v0)
        whole = hermitian(a, number)
        v, w = lifted(v0, number), lifted(w0, real)
        g = product_of_three(conjugate_transpose(v0), clear_values(whole.copy()), v0)
        add_to_eigenvectors(v, w, g, clear_values(v.copy()), w0, v0)
        improve(count, v, w, whole, w0, v0, number)
        return w, np.asfortranarray(v)

    return eigh


@outlined
def add_to_eigenvectors(v, w, g, f, w0, v0):
    n = w0.size
    divisors = np.zeros((n, n), w0.dtype)
    for i in range(n):
        w[i] = w0[i] + np.real(g[i, i]) + w0[i] * np.real(f[i, i])
        for j in range(n):
            g[i, j] += f[i, j] * w0[j]
            divisors[i, j] = w0[j] - w0[i]
        g[i, i] *= 0.0
        divisors[i, i] = 1.0
    divide(g, divisors, tolerance_of(w0))
    for i in range(n):
        g[i, i] = f[i, i] * 0.5
    add(v, dot(v0, g))


@outlined
def steps_to_eigenvectors(count, v, w, whole, w0, v0, number):
    for _ in range(count):
        g = clear_values(product_of_three(conjugate_transpose(v), whole, v))
        f = less_than_one(dot(conjugate_transpose(v), v))
        add_to_eigenvectors(v, w, g, f, w0, v0)


@define_outlined(np.linalg.eigvalsh)
def _eigvalsh(a):
    if not are_matrices(a):
        return None
    number = a.dtype
    real = real_of(number)
    if more_steps(number):
        return lambda a: np.linalg.eigh(a)[0]

    def eigvalsh(a):
        check_square(a)
        w0, v0 = np.linalg.eigh(values(a))
        v0 = np.ascontiguousarray(v0)
        w = lifted(w0, real)
        product = dot(clear_values(hermitian(a, number)), v0)
        for i in range(w.size):
            for k in range(w.size):
                w[i] += np.real(np.conj(v0[k, i]) * product[k, i])
        return w

    return eigvalsh


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
        u, s, v = lifted(u0, number), lifted(s0, real), lifted(v0, number)
        b = dot(clear_values(lifted(a, number)), v0)
        g, zero = dot(conjugate_transpose(u0), b), clear_values(v.copy())
        add_to_singular_vectors(u, s, v, b, g, zero, zero, u0, s0, v0)
        improve(count, u, s, v, a, u0, s0, v0, number)
        return u, s, v

    return vectors


@outlined
def steps_to_singular_vectors(count, u, s, v, a, u0, s0, v0, number):
    for _ in range(count):
        b = dot(a, v)
        g = clear_values(dot(conjugate_transpose(u), b))
        f = less_than_one(dot(conjugate_transpose(u), u))
        k = less_than_one(dot(conjugate_transpose(v), v))
        add_to_singular_vectors(u, s, v, b, g, f, k, u0, s0, v0)


@outlined
def add_to_singular_vectors(u, s, v, b, g, f, k, u0, s0, v0):
    n, tolerance = s0.size, tolerance_of(s0)
    together, apart = g.copy(), g.copy()
    differences, sums = np.empty((n, n), s0.dtype), np.empty((n, n), s0.dtype)
    for i in range(n):
        for j in range(n):
            left = g[i, j] + f[i, j] * s0[j]
            right = np.conj(g[j, i]) + k[i, j] * s0[j]
            together[i, j] = left + right
            apart[i, j] = left - right
            differences[i, j] = s0[j] - s0[i]
            sums[i, j] = s0[j] + s0[i]
        # the diagonal: real parts keep the lengths, imaginary parts keep s real
        together[i, i] = 0.5 * (f[i, i] + k[i, i])
        apart[i, i] = g[i, i] - np.conj(g[i, i]) + (f[i, i] - k[i, i]) * s0[i]
        differences[i, i] = 1.0
        if s0[i] > tolerance:
            s[i] = s0[i] + np.real(g[i, i]) + s0[i] * np.real(together[i, i])
    divide(together, differences, tolerance)
    divide(apart, sums, tolerance)
    if u0.shape[0] > n:
        rest = b.copy()
        for i in range(rest.shape[0]):
            for j in range(n):
                rest[i, j] -= u[i, j] * s[j]
        clear_values(rest)
        subtract(rest, dot(u0, dot(conjugate_transpose(u0), rest)))
        columns = np.empty((rest.shape[0], n), s0.dtype)
        for i in range(rest.shape[0]):
            for j in range(n):
                columns[i, j] = s0[j]
        add(u, divide(rest, columns, tolerance))
    scaled(add(apart, together), 0.5)
    add(u, dot(u0, apart))
    add(v, dot(v0, subtract(together, apart)))


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
