"""Sparse Jacobians by sweeps from outputs: what is nan there, and what can't go there."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad


@njit
def roots_with_a_sum(x, powers):
    r = np.sqrt(x[1:]) * x[:-1]
    r[0] = np.sum(x[2:] * x[1:-1] ** 1.5)
    r[-1] = x[0] ** powers[0] + np.sqrt(x[1]) ** 2
    powers[0] = 1  # what a second call must find as it was
    return r


@pytest.mark.parametrize(
    "settings",
    [
        {},
        pytest.param({"mode": "reverse", "format": "csc", "check": 0}, marks=pytest.mark.thorough),
    ],
)
def test_infinite_slopes(settings):
    """Entries that are nan backward are computed again forward, and with care if need be."""
    x = np.linspace(0.5, 2.0, 100)
    x[[0, 1, 10, 11, 40, 80]] = 0.0
    expected = numgrad.jacobian(roots_with_a_sum)(x, np.array([2]))
    found = numgrad.sparse_jacobian(roots_with_a_sum, **settings)(x, np.array([2]))
    assert_allclose(found.toarray(), expected, rtol=1e-14)


def test_a_result_that_is_nan():
    """Its derivatives are, and those of others are found nevertheless."""
    x = np.linspace(0.5, 2.0, 100)
    x[[0, 1, 5]] = 0.0, 0.0, np.nan
    expected = numgrad.jacobian(roots_with_a_sum)(x, np.array([2]))
    found = numgrad.sparse_jacobian(roots_with_a_sum, mode="reverse")(x, np.array([2])).toarray()
    settled = np.isnan(roots_with_a_sum(x, np.array([2])))
    assert settled.any()
    assert_allclose(found[~settled], expected[~settled], rtol=1e-14)


def test_complex_numbers_are_refused():
    turned = njit(lambda x: x * (1.0 + 2.0j))
    with pytest.raises(numgrad.DifferentiationError, match="forward alone"):
        numgrad.sparse_jacobian(turned, mode="reverse")(np.ones(4))


@njit
def complex_with_a_sum(z):
    r = z * (1.0 + 2.0j)
    r[0] = np.sum(r)
    return r


@pytest.mark.parametrize("direction", [1.0, pytest.param(1.0j, marks=pytest.mark.thorough)])
def test_complex_numbers_go_forward(direction):
    z = direction * np.linspace(0.5, 1.5, 100)
    found = numgrad.sparse_jacobian(complex_with_a_sum)(z).toarray()
    assert_allclose(found, numgrad.jacobian(complex_with_a_sum)(z), rtol=1e-14)
