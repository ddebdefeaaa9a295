"""Eigenvalues and eigenvectors of matrices without symmetry, and roots of polynomials.

With A0 V0 = V0 D0 for the values, V = V0 (I + E), D = D0 + D' and W = V0^-1 (A - A0) V0, the
equation A V = V D is

    D0 E - E D0 = E D' - W (I + E) + D',

so that D'_i = (W (I + E))_ii and E_ij = (W (I + E) - E D')_ij / (d_j - d_i), with E_ii = 0. What is
known on the right to one order gives the next one on the left (for the first order: M. Giles,
"Collected matrix derivative results for forward and reverse mode algorithmic differentiation",
2008). The columns of V are then brought to the length 1 and, where they are complex, to the phase
that LAPACK gives them: the largest component is real.

Of equal eigenvalues holds what `numgrad.arrays.linalg.eigenvalues` says. A matrix that lacks
eigenvectors, up to rounding, has no derivatives: nan. Its eigenvalues have infinite slopes.

A simple root of a polynomial follows from its value by one step of Newton's method an order. Where
roots are equal there is no derivative: nan.
"""

import numpy as np

from numgrad.arrays.definitions import are_arrays
from numgrad.arrays.linalg.matrices import (
    are_matrices,
    check_square,
    clear_values,
    dot,
    inverse_of,
    lifted,
    more_steps,
    product_of_three,
    set_values,
    undefined_sum,
    values,
)
from numgrad.arrays.linalg.quotients import divide, gaps, tolerance_of
from numgrad.arrays.outlined import define_outlined, outlined, overload_outlined
from numgrad.numbers.carrier import active_type, is_carrier, is_complex
from numgrad.numbers.conversions import primal_of, set_primal


@define_outlined(np.linalg.eig)
def _eig(a):
    if not are_matrices(a):
        return None
    orders = more_steps(a.dtype) + 1

    def eig(a):
        check_square(a)
        w0, v0 = np.linalg.eig(values(a))
        w, v = eigen_of(orders, a, w0, np.ascontiguousarray(v0))
        return w, np.asfortranarray(v)

    return eig


@define_outlined(np.linalg.eigvals)
def _eigvals(a):
    if not are_matrices(a):
        return None
    orders = more_steps(a.dtype) + 1

    def eigvals(a):
        check_square(a)
        w0, v0 = np.linalg.eig(values(a))
        return spectrum(orders, a, w0, np.ascontiguousarray(v0))[0]

    return eigvals


def eigen_of(orders, a, w0, v0):
    raise NotImplementedError("compiled code only")


@overload_outlined(eigen_of)
def _eigen_of(orders, a, w0, v0):
    """Return eigenvalues and eigenvectors whose values are known."""
    number = active_type(a.dtype, w0.dtype)
    turn = phase_kept if is_complex(w0.dtype) else length_one

    def eigen(orders, a, w0, v0):
        w, e = spectrum(orders, a, w0, v0)
        v = lifted(v0, number)
        v += dot(v0, e)
        turn(v, v0)
        return w, set_values(v, v0)

    return eigen


def spectrum(orders, a, w0, v0):
    raise NotImplementedError("compiled code only")


@overload_outlined(spectrum)
def _spectrum(orders, a, w0, v0):
    """Return the eigenvalues, and E."""
    number = active_type(a.dtype, w0.dtype)

    def follow(orders, a, w0, v0):
        n = w0.size
        change = product_of_three(left_of(v0), clear_values(lifted(a, number)), v0)
        change = clear_values(change)
        w, e = lifted(w0, number), lifted(np.zeros_like(v0), number)
        for _ in range(orders):
            g = change + dot(change, e)
            for j in range(n):
                for i in range(n):
                    g[i, j] -= e[i, j] * (w[j] - w0[j])
            for i in range(n):
                w[i] = w0[i] + g[i, i]
                g[i, i] *= 0.0
            e = clear_values(divide(g, gaps(w0), tolerance_of(w0)))
        return w, e

    return follow


@outlined
def left_of(v0):
    """Return the inverse of eigenvectors, or nan where they are too few."""
    most = 1.0 / (8.0 * max(v0.shape[0], 1) * np.finfo(v0.dtype).eps)
    if v0.size > 0 and not np.linalg.cond(v0) < most:
        return np.full_like(v0, np.nan)
    return inverse_of(v0)


@outlined
def length_one(v, v0):
    """Scale columns to the length 1."""
    for j in range(v.shape[1]):
        v[:, j] /= np.sqrt(np.sum(v[:, j] * v[:, j]))


@outlined
def phase_kept(v, v0):
    """Scale complex columns to the length 1, and the phase in which their largest part stays."""
    for j in range(v.shape[1]):
        largest = np.argmax(np.abs(v0[:, j]))
        part = v[largest, j] / v0[largest, j]
        square = np.real(part) * 0.0
        for i in range(v.shape[0]):
            square += np.real(v[i, j]) ** 2 + np.imag(v[i, j]) ** 2
        factor = np.conj(part) / (np.abs(part) * np.sqrt(square))
        for i in range(v.shape[0]):
            v[i, j] *= factor


@define_outlined(np.roots)
def _roots(p):
    if not are_arrays(p) or p.ndim != 1 or not is_carrier(p.dtype):
        return None
    orders = more_steps(p.dtype) + 1
    return lambda p: roots_from(orders, p, np.roots(values(p)))


def roots_from(orders, p, found):
    raise NotImplementedError("compiled code only")


@overload_outlined(roots_from)
def _roots_from(orders, p, found):
    """Return the roots of a polynomial whose values are known."""
    number = active_type(p.dtype, found.dtype)

    def improve(orders, p, found):
        roots = lifted(found, number)
        for k in range(roots.size):
            for _ in range(orders):
                x = roots[k]
                value, slope = x * 0.0 + p[0], x * 0.0
                for coefficient in p[1:]:
                    slope = slope * x + value
                    value = value * x + coefficient
                if primal_of(slope) != 0.0:
                    roots[k] -= value / slope
                else:
                    roots[k] += undefined_sum(p, p[0] * 0.0)
                set_primal(roots, k, found[k])
        return roots

    return improve
