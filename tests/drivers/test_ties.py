"""Second derivatives where two numbers are tied: the same in all modes and nestings of modes."""

import itertools

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_array_equal

import numgrad

nan = np.nan


@njit
def tied(x):
    """Kept in memory, each number is one of the tape's, and says nothing of what it is made of."""
    y = np.empty(5)
    y[0] = x[0] * x[0]
    y[1] = max(y[0], x[1])  # along x[0] the slopes are alike, and the curvatures aren't
    y[2] = x[2] ** 3
    y[3] = np.minimum(y[2], x[2] * x[2] * x[2])  # alike at every order
    y[4] = np.maximum(x[3], 0.0) * x[2]
    return 0.25 * y[1] + y[3] + x[1] * x[2] + y[4]


X = np.array([0.0, 0.0, 2.0, 0.0])
EXPECTED = [[nan, 0, 0, 0], [0, nan, 1, 0], [0, 1, 12, 0.5], [0, 0, 0.5, nan]]
GRADIENT = [0.0, 0.125 + 2.0, 12.0, 1.0]


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_hessian(mode, jit):
    assert_array_equal(numgrad.hessian(tied, mode=mode, jit=jit)(X), EXPECTED)


@pytest.mark.parametrize("jit", [pytest.param(True, marks=pytest.mark.thorough), False])
@pytest.mark.parametrize("modes", list(itertools.product(("forward", "reverse"), repeat=2)))
def test_nested(modes, jit):
    gradient = numgrad.grad(tied, mode=modes[0], jit=jit)
    assert_array_equal(gradient(X), GRADIENT)
    assert_array_equal(numgrad.jacobian(gradient, mode=modes[1], jit=jit)(X), EXPECTED)


def test_sparse():
    hessian = numgrad.sparse_hessian(tied)
    assert_array_equal(hessian(X).toarray(), EXPECTED)
    assert not np.any(np.array(EXPECTED)[~hessian.pattern(X).toarray()])


def test_along_a_direction():
    """What moves neither of the two says nothing."""
    along = numgrad.jvp(numgrad.grad(tied, mode="reverse"), (X,), (np.array([0.0, 0, 1, 0]),))
    assert_array_equal(along[0], GRADIENT)
    assert_array_equal(along[1], [0.0, 1.0, 12.0, 0.5])
