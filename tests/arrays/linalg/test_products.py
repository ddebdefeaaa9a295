"""Products of matrices and vectors."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad


def test_errors_of_numpy():
    @njit
    def product(x):
        return np.dot(x, x[1:])

    @njit
    def lowest(x):
        return np.min(x[:0])

    for f in (product, lowest):
        with pytest.raises(ValueError, match=r"incompatible array sizes|zero-size array"):
            numgrad.grad(f)(np.ones(3))


@pytest.mark.parametrize("layout", ["C", pytest.param("F", marks=pytest.mark.thorough)])
def test_large_products(layout):
    """BLAS multiplies floats by the plain numbers that duals are in memory."""

    @njit
    def f(a, x):
        return a @ x, np.dot(a, np.outer(x, x)).sum()

    rng = np.random.default_rng(5)
    a, x = np.asarray(rng.normal(size=(80, 70)), order=layout), rng.normal(size=70)
    vector, number = numgrad.jacobian(f, argnums=1)(a, x)
    assert_allclose(vector, a, rtol=1e-13)
    assert_allclose(number, a.sum(0) * x.sum() + a.sum(0) @ x, rtol=1e-11, atol=1e-11)


@njit
def from_the_right(x, b):
    return np.outer(x, x) @ b, np.dot(x, b)


@pytest.mark.parametrize("number", [float, complex])
def test_large_products_from_the_right(number):
    rng = np.random.default_rng(6)
    x, along, b = rng.normal(size=40), rng.normal(size=40), rng.normal(size=(40, 30))
    if number is complex:
        b = b + 1j * rng.normal(size=b.shape)
    _, (matrix, vector) = numgrad.jvp(from_the_right, (x, b), (along, None))
    expected = np.outer(along, x @ b) + np.outer(x, along @ b)
    assert_allclose(matrix, expected, rtol=1e-12, atol=1e-12)
    assert_allclose(vector, along @ b, rtol=1e-12, atol=1e-12)


def test_what_does_not_fit_from_the_right():
    with pytest.raises(ValueError, match="incompatible array sizes"):
        numgrad.jvp(from_the_right, (np.ones(40), np.ones((39, 30))), (np.ones(40), None))
