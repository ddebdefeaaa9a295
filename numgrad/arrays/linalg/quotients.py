"""What may have no derivative: quotients whose divisor is the difference of equal numbers."""

import numpy as np
from numba.extending import overload

from numgrad.arrays.linalg.blas import numbers_in
from numgrad.arrays.linalg.matrices import is_made_of_floats, undefined
from numgrad.arrays.outlined import outlined
from numgrad.numbers.carrier import is_carrier
from numgrad.targets.options import internal_njit


@internal_njit
def tolerance_of(numbers):
    """Return up to which difference eigenvalues or singular values are the same."""
    largest = 0.0
    for number in numbers:
        largest = max(largest, np.abs(number))
    return 8.0 * numbers.size * np.finfo(numbers.dtype).eps * largest


@outlined
def divide(numerators, divisors, tolerance):
    """Divide in place; where divisors are 0, the result is 0 if numerators are, or else nan.

    Both are meant up to rounding: a tolerance for the divisors, and for the numerators in
    proportion to the largest of the same partial. Where partials aren't known yet all of them
    become nan.
    """
    share = 64.0 * numerators.shape[0] * np.finfo(divisors.dtype).eps
    sizes = sizes_of(numerators, divisors)
    for i in range(numerators.shape[0]):
        for j in range(numerators.shape[1]):
            if np.abs(divisors[i, j]) > tolerance:
                numerators[i, j] = numerators[i, j] / divisors[i, j]
            else:
                zero_or_nan(numerators, i, j, sizes, share)
    return numerators


@outlined
def divide_adjoints(numerators, divisors, tolerance):
    """Divide in place; where divisors are 0, up to rounding, the result is nan.

    An adjoint that vanishes tells nothing of what it was to be multiplied with. What is nan
    backward is computed again forward, where that is known.
    """
    for i in range(numerators.shape[0]):
        for j in range(numerators.shape[1]):
            if np.abs(divisors[i, j]) > tolerance:
                numerators[i, j] = numerators[i, j] / divisors[i, j]
            else:
                numerators[i, j] *= np.nan
    return numerators


def are_floats(number):
    """Return whether numbers lie in memory as floats, with what they carry or plain."""
    return is_made_of_floats(number) or not is_carrier(number)


def sizes_of(matrix, model):
    raise NotImplementedError("compiled code only")


@overload(sizes_of, strict=False)
def _sizes_of(matrix, model):
    if not are_floats(matrix.dtype):
        return lambda matrix, model: None
    return lambda matrix, model: sizes_of_partials(matrix, model)


@internal_njit
def sizes_of_partials(matrix, model):
    """Return the largest absolute values of all numbers: those of a partial, for each of them."""
    numbers = numbers_in(matrix)
    rows, columns, _, width = numbers.shape
    sizes = np.zeros(width, np.abs(model).dtype)
    for i in range(rows):
        for j in range(columns):
            for c in range(width):
                sizes[c] = max(sizes[c], size_of(numbers[i, j, :, c]))
    return sizes


def zero_or_nan(matrix, i, j, sizes, share):
    raise NotImplementedError("compiled code only")


@overload(zero_or_nan, strict=False)
def _zero_or_nan(matrix, i, j, sizes, share):
    if are_floats(matrix.dtype):
        return lambda matrix, i, j, sizes, share: partials_zero_or_nan(matrix, i, j, sizes, share)

    def undecided(matrix, i, j, sizes, share):
        matrix[i, j] = undefined(matrix[i, j])

    return undecided


@internal_njit
def partials_zero_or_nan(matrix, i, j, sizes, share):
    """Let a number be 0 by every partial that is, up to rounding, and nan by the others."""
    numbers = numbers_in(matrix)
    for c in range(sizes.size):
        is_zero = size_of(numbers[i, j, :, c]) <= share * sizes[c]
        numbers[i, j, :, c] = 0.0 if is_zero else np.nan


@internal_njit
def size_of(parts):
    """Return the absolute value of a number whose parts are given."""
    return np.abs(parts[0]) if parts.size == 1 else np.hypot(parts[0], parts[1])


@internal_njit
def gaps(numbers):
    """Return the matrix of w_j - w_i, with 1 on the diagonal."""
    result = np.ones((numbers.size, numbers.size), numbers.dtype)
    for i in range(numbers.size):
        for j in range(numbers.size):
            if i != j:
                result[i, j] = numbers[j] - numbers[i]
    return result
