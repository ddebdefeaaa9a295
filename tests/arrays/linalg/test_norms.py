"""Norms."""

import numpy as np
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad


def test_norms_at_the_origin_and_far_from_it():
    @njit
    def f(x):
        return np.linalg.norm(x)

    assert_array_equal(numgrad.grad(f)(np.zeros(3)), np.zeros(3))
    for scale in (1e-200, 1e200):
        assert_allclose(numgrad.grad(f)(scale * np.array([3.0, 4.0])), [0.6, 0.8], rtol=1e-14)
