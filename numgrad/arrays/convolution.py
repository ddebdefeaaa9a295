"""Moving sums of products."""

import numpy as np

from numgrad.arrays.definitions import are_arrays, common, define, itself
from numgrad.numbers.carrier import is_complex, number_of
from numgrad.numbers.conversions import converted
from numgrad.targets.options import internal_njit

# Moving sums of products


def moving_products_of(number):
    """Return the function that multiplies arrays to numbers of a type."""

    def moving_products(a, v, mode):
        """Return the sums of products of v with what it covers of a, which is the longer one."""
        n = v.size
        if mode == "full":
            count, first = a.size + n - 1, 1 - n
        elif mode == "same":
            count, first = a.size, -(n // 2)
        elif mode == "valid":
            count, first = a.size - n + 1, 0
        else:
            raise ValueError("mode must be 'valid', 'same' or 'full'")
        result = np.empty(count, number)
        for i in range(count):
            start, so_far = first + i, converted(0.0, number)
            for k in range(max(0, -start), min(n, a.size - start)):
                so_far += a[start + k] * v[k]
            result[i] = so_far
        return result

    return internal_njit(moving_products)


@define(np.correlate)
def _correlate(a, v, mode="valid"):
    if not are_arrays(a, v) or (a.ndim, v.ndim) != (1, 1):
        return None
    number = common(a, v)
    loop = moving_products_of(number)
    conjugate = conjugates if is_complex(number_of(v.dtype)) else itself

    def correlate(a, v, mode="valid"):
        check_not_empty(a, v)
        if a.size < v.size:  # the products in the other order, from the last on
            return loop(conjugate(v), a, mode)[::-1].copy()
        return loop(a, conjugate(v), mode)

    return correlate


@define(np.convolve)
def _convolve(a, v, mode="full"):
    if not are_arrays(a, v) or (a.ndim, v.ndim) != (1, 1):
        return None
    number = common(a, v)
    loop = moving_products_of(number)

    def convolve(a, v, mode="full"):
        check_not_empty(a, v)
        if a.size < v.size:
            return loop(v, a[::-1], mode)
        return loop(a, v[::-1], mode)

    return convolve


@internal_njit
def conjugates(numbers):
    return np.conj(numbers)


@internal_njit
def check_not_empty(a, v):
    if a.size == 0 or v.size == 0:
        raise ValueError("an array of a product that moves can't be empty")
