"""Determinants."""

import numpy as np

from numgrad.arrays.linalg.matrices import (
    are_matrices,
    check_square,
    clear_values,
    dot,
    inverse_of,
    lifted,
    more_steps,
    precision_of,
    undefined_sum,
    values,
)
from numgrad.arrays.outlined import define_outlined, outlined, overload_outlined
from numgrad.numbers.carrier import is_complex, number_of
from numgrad.numbers.conversions import converted, primal_of
from numgrad.numbers.layouts import line_of
from numgrad.targets.options import internal_njit

# Determinants: log det A = log det A0 + log det (1 + M) with M = A0^-1 N, and the last term is
# tr M - tr M² / 2 + tr M³ / 3 - ...


def log_of_rest(a, x0):
    raise NotImplementedError("compiled code only")


@overload_outlined(log_of_rest)
def _log_of_rest(a, x0):
    """Return log det of a matrix less that of its values, whose inverse is given."""
    number, count = a.dtype, more_steps(a.dtype)
    if count == 0:

        def log_to_first_order(a, x0):
            trace = np.dot(line_of(np.ascontiguousarray(a)), line_of(np.ascontiguousarray(x0.T)))
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


@define_outlined(np.linalg.slogdet)
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
            return finish(sign, log, undefined_sum(a, converted(0.0, number)))
        x0 = inverse_of(a0) if a.size > 0 else a0
        return finish(sign, log, log_of_rest(a, x0))

    return slogdet


@internal_njit
def real_logarithm(sign, log, rest):
    return sign, log + rest


@internal_njit
def complex_logarithm(sign, log, rest):
    return sign * np.exp(1j * np.imag(rest)), log + np.real(rest)


@define_outlined(np.linalg.det)
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


@outlined
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
