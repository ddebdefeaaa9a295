"""Arrays in another shape."""

import numpy as np
from numba import njit
from numpy.testing import assert_allclose

import numgrad


def test_broadcast_arrays_are_views():
    """What is written to an array is seen in all that was broadcast from it before."""

    @njit
    def seen(x):
        a, b = np.zeros((2, 3)), np.ones(3)
        wide, constant = np.broadcast_arrays(a[0], b)
        a[0] = x * x
        b[1] = 5.0
        return wide * constant

    @njit
    def mixed(x):
        b = np.ones(3)
        wide, constant = np.broadcast_arrays(x, b)
        b[1] = 5.0
        return wide * constant

    x = np.array([0.3, 0.7, 1.1])
    assert_allclose(numgrad.jacobian(seen)(x), np.diag(2 * x * [1.0, 5.0, 1.0]))
    assert_allclose(numgrad.jacobian(mixed)(x), np.diag([1.0, 5.0, 1.0]))
