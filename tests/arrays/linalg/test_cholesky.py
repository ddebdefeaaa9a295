"""Cholesky decompositions in blocks of rows."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from tests.arrays.linalg.test_linear_algebra import slope


@njit
def factor_of_large(x):
    return np.linalg.cholesky(x @ np.conj(x.T) + np.eye(len(x)))


@pytest.mark.parametrize("number", [float, pytest.param(complex, marks=pytest.mark.thorough)])
def test_large_cholesky(number):
    """In blocks of rows, of which the last is smaller."""
    rng = np.random.default_rng(3)
    x, direction = rng.normal(size=(2, 70, 70)) / 8.0
    if number is complex:
        x, direction = x + 1j * direction, direction - 1j * x
    value, tangent = numgrad.jvp(factor_of_large, (x,), (direction,))
    assert_allclose(value, factor_of_large(x), rtol=1e-10, atol=1e-12)
    expected = slope(lambda s: factor_of_large.py_func(x + s * direction), 1e-3)
    assert_allclose(tangent, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.thorough
def test_second_derivative_of_a_large_cholesky():
    def along(s):
        return factor_of_large(x + s * direction)

    x, direction = np.random.default_rng(3).normal(size=(2, 40, 40)) / 6.0
    first = numgrad.derivative(along)
    second = numgrad.derivative(first)(0.0)
    assert_allclose(second, slope(first, 1e-3), rtol=1e-7, atol=1e-9)
