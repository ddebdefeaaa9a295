"""Sums and extrema."""

import numpy as np
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad


def test_first_of_equal_extrema():
    @njit
    def f(x):
        return x.min(), np.max(x)

    lowest, highest = numgrad.jacobian(f)(np.array([1.0, 2.0, 1.0, 2.0]))
    assert_array_equal(lowest, [1.0, 0.0, 0.0, 0.0])
    assert_array_equal(highest, [0.0, 1.0, 0.0, 0.0])


@njit
def in_single(x):
    return x.sum(dtype=np.float32), np.cumsum(x, dtype=np.float32), np.sum(x, 0, np.float32)


def test_sums_in_another_type():
    """Each number becomes one of the type before it is added, as in the function itself."""
    x = np.linspace(0.1, 1.7, 7)
    values = numgrad.jvp(in_single, (x,), (x,))
    for value, tangent, expected in zip(*values, in_single(x), strict=True):
        assert_array_equal(value, expected)
        assert_array_equal(tangent, expected)  # sums are linear

    whole = njit(lambda x: x.sum(dtype=np.int64) * x[0])
    assert_allclose(numgrad.grad(whole)(np.array([1.7, 2.9])), [3.0, 0.0])
