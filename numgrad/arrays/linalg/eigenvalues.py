"""Eigenvalues and eigenvectors of Hermitian matrices of duals.

As all decompositions these are those of the values A0, made to fit A one order after the other:
what is left of the equations that define the factors, products of the factors and A without their
values, gives the next order by the rule of the first derivative (M. Giles, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation", 2008; for QR, S.
Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions", 2010; for
eigenvectors and singular vectors the equations are those by which T. Ogita and K. Aishima refine
them, 2018). In the first step the factors are numbers, and all products real ones. Backward, a step
is one record (`numgrad.numbers.tape.linear`).

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
    linear_record,
    more_steps,
    no_step,
    one_above_another,
    product_of_three,
    put,
    set_values,
    values,
)
from numgrad.arrays.linalg.quotients import divide, divide_adjoints, gaps, tolerance_of
from numgrad.arrays.outlined import define_outlined, outlined, overload_outlined
from numgrad.numbers.carrier import real_of

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
        whole, f = hermitian(a, number), clear_values(lifted(v0, number))
        w, v = step_of_eigenvectors(clear_values(whole.copy()), f, w0, v0, real)
        set_values(v, v0)
        improve(count, v, w, whole, w0, v0, real)
        return w, np.asfortranarray(v)

    return eigh


def step_of_eigenvectors(e, f, w0, v0, real):
    raise NotImplementedError("compiled code only")


@overload_outlined(step_of_eigenvectors)
def _step_of_eigenvectors(e, f, w0, v0, real):
    """Return the eigenvalues and V' that follow from G = V0^H E V0."""
    linear = linear_record(e.dtype)
    if linear is None:
        return lambda e, f, w0, v0, real: eigenvectors_by_rule(lifted(w0, real), e, f, w0, v0)
    recorded = linear(eigenvectors_in_place, eigenvectors_transposed)

    def step(e, f, w0, v0, real):
        w, n = lifted(w0, real), w0.size
        both = one_above_another(e, f)
        recorded(one_above_another(v0, w0.reshape((1, n))), np.zeros(2 * n, np.intp), both)
        for i in range(n):
            w[i] = both[n, i]
        return set_values(w, w0), both[:n].copy()

    return step


@outlined
def eigenvectors_by_rule(w, e, f, w0, v0):
    g, n = product_of_three(conjugate_transpose(v0), e, v0), w0.size
    for i in range(n):
        w[i] = w0[i] + np.real(g[i, i]) + w0[i] * np.real(f[i, i])
        for j in range(n):
            g[i, j] += f[i, j] * w0[j]
        g[i, i] *= 0.0
    divide(g, gaps(w0), tolerance_of(w0))
    for i in range(n):
        g[i, i] = f[i, i] * 0.5
    return w, dot(v0, g)


@outlined
def eigenvectors_in_place(factors, order, both):
    """Replace E and F by V' and a row of w', for real matrices."""
    n = both.shape[1]
    v0, w0 = factors[:n].copy(), factors[n].copy()
    w, v = eigenvectors_by_rule(both[0].copy(), both[:n].copy(), both[n:].copy(), w0, v0)
    put(both[:n], v)
    for i in range(n):
        both[n, i] = w[i] - w0[i]


@outlined
def eigenvectors_transposed(factors, order, both):
    """Replace the adjoints of V' and w' by those of E and F, for real matrices."""
    n = both.shape[1]
    v0, w0 = factors[:n].copy(), factors[n].copy()
    g = dot(conjugate_transpose(v0), both[:n].copy())
    of_f, of_w = both[n:].copy(), both[n].copy()
    for i in range(n):
        of_f[i, i] = g[i, i] * 0.5 + of_w[i] * w0[i]
        g[i, i] *= 0.0
    divide_adjoints(g, gaps(w0), tolerance_of(w0))
    for i in range(n):
        for j in range(n):
            if i != j:
                of_f[i, j] = g[i, j] * w0[j]
        g[i, i] = of_w[i]
    put(both[:n], product_of_three(v0, g, conjugate_transpose(v0)))
    put(both[n:], of_f)


@outlined
def steps_to_eigenvectors(count, v, w, whole, w0, v0, real):
    for _ in range(count):
        g = clear_values(product_of_three(conjugate_transpose(v), whole, v))
        e = product_of_three(v0, g, conjugate_transpose(v0))
        f = less_than_one(dot(conjugate_transpose(v), v))
        w[:], dv = step_of_eigenvectors(e, f, w0, v0, real)
        add(v, dv)


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
