"""Norms, and other numbers that tell of a matrix."""

import numpy as np
from numba import types

from numgrad.arrays.definitions import are_arrays, define, is_given
from numgrad.arrays.linalg.matrices import are_matrices, values
from numgrad.arrays.linalg.products import check
from numgrad.arrays.outlined import define_outlined
from numgrad.numbers.conversions import converted
from numgrad.numbers.layouts import line_of
from numgrad.targets.options import internal_njit


@internal_njit
def trace(zero, a, offset):
    result = zero
    row, column = max(-offset, 0), max(offset, 0)
    for k in range(min(a.shape[0] - row, a.shape[1] - column)):
        result += a[row + k, column + k]
    return result


@define(np.trace)
def _trace(a, offset=0):
    if not are_arrays(a) or a.ndim != 2:
        return None
    number = a.dtype
    return lambda a, offset=0: trace(converted(0.0, number), a, offset)


# Norms. At the origin every slope is 0.


@internal_njit
def length(zero, line):
    """Return the Euclidean norm: by hypot where squares overflow, or vanish."""
    result = zero
    for k in range(line.size):
        size = np.abs(line[k])
        result += size * size
    if np.isfinite(result) and result > 1e-280:
        return np.sqrt(result)
    result = zero
    for k in range(line.size):
        result = np.hypot(result, np.abs(line[k]))
    return result


@internal_njit
def extreme_size(zero, line, sign):
    """Return the largest absolute value, or the smallest if the sign is negative; or nan."""
    result = zero + np.abs(line[0])
    for k in range(1, line.size):
        size = np.abs(line[k])
        if sign * size > sign * result or np.isnan(size):
            result = zero + size
    return result


@internal_njit
def sum_of_sizes(zero, line):
    result = zero
    for k in range(line.size):
        result += np.abs(line[k])
    return result


@internal_njit
def sum_of_powers(zero, line, order):
    result = zero
    for k in range(line.size):
        result += np.abs(line[k]) ** order
    return result


@internal_njit
def vector_norm(zero, line, order):
    if line.size == 0:
        return zero
    if order == 2:
        return length(zero, line)
    if order == 1:
        return sum_of_sizes(zero, line)
    if np.isinf(order):
        return extreme_size(zero, line, np.sign(order))
    if order == 0:
        return zero + np.count_nonzero(line)
    return sum_of_powers(zero, line, order) ** (1.0 / order)


@internal_njit
def extreme_sum(zero, rows, sign):
    """Return the largest sum of absolute values in a row, or the smallest; or nan."""
    result = sum_of_sizes(zero, rows[0])
    for k in range(1, len(rows)):
        size = sum_of_sizes(zero, rows[k])
        if sign * size > sign * result or np.isnan(size):
            result = size
    return result


@internal_njit
def matrix_norm(zero, matrix, order):
    if matrix.size == 0:
        return zero
    if np.isinf(order):
        return extreme_sum(zero, matrix, np.sign(order))
    if abs(order) == 1:
        return extreme_sum(zero, matrix.T, order)
    if abs(order) == 2:
        return singular_values(matrix)[0 if order > 0 else -1]
    raise ValueError("Invalid norm order for matrices.")


def singular_values(matrix):
    """Stand for what is among the decompositions."""
    raise NotImplementedError("compiled code only")


@define(np.linalg.norm)
def _norm(x, ord=None):
    if not check((x,)):
        return None
    number = x.dtype
    if not is_given(ord):
        return lambda x, ord=None: length(np.real(converted(0.0, number)), line_of(x))
    if not isinstance(ord, types.Number):
        return None
    norm = vector_norm if x.ndim == 1 else matrix_norm
    return lambda x, ord=None: norm(np.real(converted(0.0, number)), x, ord)


# Numbers that tell of a matrix


@define_outlined(np.linalg.cond)
def _cond(x, p=None):
    if not are_matrices(x):
        return None
    if not is_given(p):
        return lambda x, p=None: ratio_of_singular_values(x, 2)
    if not isinstance(p, types.Number):
        return None

    def cond(x, p=None):
        if abs(p) == 2:
            return ratio_of_singular_values(x, p)
        return np.linalg.norm(x, p) * np.linalg.norm(np.linalg.inv(x), p)

    return cond


@internal_njit
def ratio_of_singular_values(x, order):
    sizes = singular_values(x)
    return sizes[0] / sizes[-1] if order > 0 else sizes[-1] / sizes[0]


@define_outlined(np.linalg.matrix_rank)
def _matrix_rank(A, tol=None):  # noqa: N803
    if not are_arrays(A) or A.ndim not in (1, 2):
        return None
    return lambda A, tol=None: np.linalg.matrix_rank(values(A), tol)  # noqa: N803
