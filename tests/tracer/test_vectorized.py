"""Functions of ``vectorize`` and ``guvectorize`` where nothing is compiled, against differences."""

import math

import numpy as np
import pytest
from numba import guvectorize, vectorize
from numpy.testing import assert_allclose

import numgrad
from tests.fields.reference import by_differences

X = np.array([1.3, 0.7, 2.1, 0.4, 1.9, 2.7])


@vectorize
def branching(a, b):
    return a * b + math.sin(a) if a > 1.0 else a * a * b


@vectorize(["float64(float64)"])
def damped(a):
    return a**2 * np.exp(-a)


@guvectorize(["(float64[:], float64[:])"], "(n)->()")
def squares(a, out):
    out[0] = 0.0
    for each in a:
        out[0] += each**2


@guvectorize(["(float64[:,:], float64[:], float64[:])"], "(m,n),(n)->(m)")
def product(a, v, out):
    for i in range(a.shape[0]):
        out[i] = 0.0
        for j in range(a.shape[1]):
            out[i] += a[i, j] * v[j]


def of_elements(x):
    out = np.empty(6)
    branching(x, 2.0, out)
    table = branching(x.reshape(6, 1), x[:3])
    constant = damped(np.arange(3.0))
    return np.sum(out * branching(x, x, out=np.empty(6))) + table[2, 1] * damped(x[0]) + constant[1]


def of_parts(x):
    matrix = np.outer(x[:3], x[3:])
    out = np.empty((2, 3))
    product(np.ones((2, 3, 3)) * x[0], x[:3], out)
    rows = squares(x.reshape(3, 2)) * squares(x) + squares(np.arange(3.0))
    return np.sum(product(matrix, x[:3]) ** 2) + np.sum(out * x[3:]) + np.sum(rows)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("function", [of_elements, of_parts])
def test_derivatives(function, mode):
    found = numgrad.grad(function, jit=False, mode=mode)(X)
    assert_allclose(found, by_differences(function, X), rtol=1e-6, atol=1e-7)


def test_what_holds_no_derivatives_is_refused():
    held = np.empty(6)

    def stored(x):
        branching(x, 2.0, held)
        return held[0]

    with pytest.raises(numgrad.DifferentiationError, match="would be lost in a NumPy array"):
        numgrad.grad(stored, jit=False)(X)
