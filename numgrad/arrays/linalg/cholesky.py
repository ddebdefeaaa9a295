"""The Cholesky decomposition of matrices of duals.

That of the values, made to fit one order after the other as in
`numgrad.arrays.linalg.eigenvalues`. LAPACK reads the lower triangle, and so do derivatives.
"""

import numpy as np

from numgrad.arrays.linalg.matrices import (
    BLOCK,
    add,
    are_matrices,
    check_square,
    clear_values,
    conjugate_transpose,
    difference,
    dot,
    hermitian,
    inverse_of,
    linear_record,
    more_steps,
    no_step,
    product_of_three,
    put,
    set_values,
    subtract,
    take_away,
    values,
)
from numgrad.arrays.outlined import define_outlined, outlined, overload_outlined
from numgrad.targets.options import internal_njit

# Cholesky: with A = L L^H and R = A - L L^H, L' = L Φ(L^-1 R L^-H), where Φ takes the lower
# triangle and half the diagonal. In blocks, both ways, by I. Murray, "Differentiation of the
# Cholesky decomposition", 2016 (arXiv:1602.07527).


@define_outlined(np.linalg.cholesky)
def _cholesky(a):
    if not are_matrices(a):
        return None
    number, count = a.dtype, more_steps(a.dtype)
    improve = steps_to_cholesky if count else no_step

    def cholesky(a):
        check_square(a)
        l0 = np.ascontiguousarray(np.linalg.cholesky(values(a)))
        result = whole = hermitian(a, number)
        if a.size > 0:
            result = step_of_factor(l0, clear_values(whole.copy()))
            set_values(result, l0)
            improve(count, result, whole, l0, number)
        return result

    return cholesky


def step_of_factor(l0, rest):
    raise NotImplementedError("compiled code only")


@overload_outlined(step_of_factor)
def _step_of_factor(l0, rest):
    """Return L' for R, which may be overwritten."""
    linear = linear_record(rest.dtype)
    if linear is None:
        return lambda l0, rest: step_in_blocks(l0, rest)
    recorded = linear(step_in_place, step_transposed)

    def step(l0, rest):
        recorded(l0, np.zeros(l0.shape[0], np.intp), rest)
        return rest

    return step


@internal_njit
def step_in_blocks(l0, rest):
    """Replace the lower triangle of R by L', in blocks of rows, each with all columns before it."""
    n = l0.shape[0]
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        corner = np.ascontiguousarray(l0[start:stop, start:stop])
        inverse = inverse_of(corner)
        of_corner = np.ascontiguousarray(rest[start:stop, start:stop])
        before = conjugate_transpose(l0[start:stop, :start])
        of_before = conjugate_transpose(rest[start:stop, :start])
        if start > 0:
            both = dot(np.ascontiguousarray(rest[start:stop, :start]), before)
            subtract(of_corner, both)
            subtract(of_corner, conjugate_transpose(both))
        of_corner = without_blocks(corner, inverse, of_corner)
        put(rest[start:stop, start:stop], of_corner)
        if stop < n:
            of_below = np.ascontiguousarray(rest[stop:, start:stop])
            if start > 0:
                subtract(of_below, dot(np.ascontiguousarray(rest[stop:, :start]), before))
                subtract(of_below, dot(np.ascontiguousarray(l0[stop:, :start]), of_before))
            below = np.ascontiguousarray(l0[stop:, start:stop])
            subtract(of_below, dot(below, conjugate_transpose(of_corner)))
            put(rest[stop:, start:stop], dot(of_below, conjugate_transpose(inverse)))
    return lower(rest)


@internal_njit
def without_blocks(l0, inverse, rest):
    """Return L' for R, of which the lower triangle counts."""
    for i in range(rest.shape[0]):
        for j in range(i):
            rest[j, i] = np.conj(rest[i, j])
    return dot(l0, half(product_of_three(inverse, rest, conjugate_transpose(inverse))))


@internal_njit
def half(matrix):
    """Leave of a matrix the lower triangle and half the diagonal: Φ."""
    for i in range(matrix.shape[0]):
        matrix[i, i] *= 0.5
    return lower(matrix)


@internal_njit
def lower(matrix):
    """Leave of a matrix the lower triangle."""
    for i in range(matrix.shape[0]):
        for j in range(i + 1, matrix.shape[0]):
            matrix[i, j] = 0.0
    return matrix


@outlined
def step_in_place(l0, order, rest):
    step_in_blocks(l0, rest)


@outlined
def step_transposed(l0, order, rest):
    """Replace the adjoint of L' by that of R, which counts by its lower triangle.

    In blocks of rows, from the last one.
    """
    n = l0.shape[0]
    for stop in range(n, 0, -BLOCK):
        start = max(stop - BLOCK, 0)
        corner, before, below, left = (
            np.ascontiguousarray(l0[start:stop, start:stop]),
            np.ascontiguousarray(l0[start:stop, :start]),
            np.ascontiguousarray(l0[stop:, start:stop]),
            np.ascontiguousarray(l0[stop:, :start]),
        )
        inverse = inverse_of(corner)
        of_corner = np.ascontiguousarray(rest[start:stop, start:stop])
        if stop < n:
            of_below = dot(np.ascontiguousarray(rest[stop:, start:stop]), inverse)
            put(rest[stop:, start:stop], of_below)
            transposed = np.ascontiguousarray(of_below.T)
            subtract(of_corner, dot(transposed, below))
            if start > 0:
                take_away(rest[stop:, :start], dot(of_below, before))
                take_away(rest[start:stop, :start], dot(transposed, left))
        of_corner = transposed_without_blocks(corner, inverse, of_corner)
        put(rest[start:stop, start:stop], of_corner)
        if start > 0:
            both = add(conjugate_transpose(of_corner), of_corner)
            take_away(rest[start:stop, :start], dot(both, before))
    lower(rest)


@internal_njit
def transposed_without_blocks(l0, inverse, adjoint):
    """Return the adjoint of the lower triangle of R: of S + S^T, and of S on the diagonal.

    S = L^-T Φ(L^T L') L^-1, of the adjoint of L' the lower triangle.
    """
    s = half(dot(conjugate_transpose(l0), lower(adjoint)))
    s = product_of_three(conjugate_transpose(inverse), s, inverse)
    for i in range(s.shape[0]):
        for j in range(i):
            s[i, j] += s[j, i]
    return lower(s)


@outlined
def steps_to_cholesky(count, result, whole, l0, number):
    for _ in range(count):
        rest = difference(whole, dot(result, conjugate_transpose(result)), number)
        add(result, step_of_factor(l0, rest))
