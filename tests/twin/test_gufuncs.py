"""Functions of guvectorize, called from Python and from compiled code."""

import numpy as np
import pytest
from numba import float64, guvectorize, njit, vectorize
from numpy.testing import assert_allclose

import numgrad

X = np.array([[1.0, 2.0, 3.0], [0.5, 0.25, 4.0]])


@guvectorize([(float64[:], float64[:])], "(n)->(n)")
def times_first(x, out):
    for k in range(x.size):
        out[k] = x[k] * x[0]


@guvectorize([(float64[:], float64, float64[:])], "(n),()->()")
def weighed(x, weight, out):
    out[0] = 0.0
    for k in range(x.size):
        out[0] += weight * x[k] ** 2


@guvectorize("(n),()->(n)")
def scaled(x, factor, out):
    for k in range(x.size):
        out[k] = x[k] * factor


def test_one_part():
    x = X[0]
    by_first = np.zeros((3, 3))
    by_first[:, 0] = x
    assert_allclose(numgrad.jacobian(times_first)(x), np.eye(3) * x[0] + by_first)


def test_loop_over_broadcast_parts():
    weights = np.array([[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])
    by_x, by_weight = numgrad.jacobian(weighed, argnums=(0, 1))(X, weights)
    assert by_x.shape == (3, 2, 2, 3)
    for i, j in np.ndindex(3, 2):
        expected = np.zeros((2, 3))
        expected[j] = 2.0 * weights[i, j] * X[j]
        assert_allclose(by_x[i, j], expected)
        expected = np.zeros((3, 2))
        expected[i, j] = X[j] @ X[j]
        assert_allclose(by_weight[i, j], expected)


@njit
def call(x):
    out = np.empty(3)
    scaled(x, x[1], out)
    number = np.empty(())
    weighed(out, 2.0, number)
    return number[()]


def test_in_compiled_code():
    x = X[0]
    assert_allclose(call(x), 2.0 * x[1] ** 2 * (x @ x))
    expected = 4.0 * x[1] ** 2 * x
    expected[1] += 4.0 * x[1] * (x @ x)
    assert_allclose(numgrad.grad(call)(x), expected)


def test_output_is_needed():
    with pytest.raises(numgrad.DifferentiationError, match="out must be given"):
        numgrad.jacobian(scaled)(X[0], 2.0)


@vectorize
def lower(x, y):
    return x * x if x < y else y


def test_vectorize_on_arrays():
    x, y = np.array([1.0, 2.0, 3.0]), 2.5
    by_x, by_y = numgrad.jacobian(lower, argnums=(0, 1))(x, y)
    assert_allclose(by_x, np.diag([2.0, 4.0, 0.0]))
    assert_allclose(by_y, [0.0, 0.0, 1.0])
