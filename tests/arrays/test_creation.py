"""New arrays."""

import numpy as np
from numba import njit
from numpy.testing import assert_array_equal

import numgrad


def test_new_arrays_that_take_derivatives():
    @njit
    def f(x, v):
        arrays = (
            np.arange(3.0),
            np.arange(1.0, 4.0),
            np.arange(3.0, 0.0, -1.0),
            np.linspace(0, 1, 3),
            np.copy(v),
        )
        for array in arrays:
            array[1] = x[0]
        unit, square = np.eye(2, 3, k=1), np.identity(2)
        unit[1, 0] = square[0, 1] = x[1]
        return (*arrays, unit, square)

    x, v = np.array([2.0, 3.0]), np.ones(3)
    values, tangents = numgrad.jvp(f, (x, v), (np.array([5.0, 7.0]), None))
    for value, expected in zip(values, f(x, v), strict=True):
        assert_array_equal(value, expected)
    for tangent in tangents[:5]:
        assert_array_equal(tangent, [0.0, 5.0, 0.0])
    assert_array_equal(tangents[5], [[0.0, 0.0, 0.0], [7.0, 0.0, 0.0]])
    assert_array_equal(tangents[6], [[0.0, 7.0], [0.0, 0.0]])
