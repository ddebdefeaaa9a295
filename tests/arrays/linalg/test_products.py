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
