"""Gradients and operators of samples inside functions that are differentiated, in every mode."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from tests.fields.reference import by_differences

GENERATOR = np.random.default_rng(4)
F, W = GENERATOR.normal(size=(2, 4, 5))
EVEN, UNEVEN = np.arange(5) * 0.5, np.array([0.0, 0.4, 1.1, 1.3, 2.0])
FORWARD, REVERSE, TRACED = {"mode": "forward"}, {"mode": "reverse"}, {"jit": False}
BACKWARD = {"jit": False, "mode": "reverse"}
slowly = pytest.param(FORWARD, marks=pytest.mark.thorough)  # the twin of the other mode is tested
MODES = [slowly, REVERSE, TRACED, BACKWARD]
OTHER_MODES = [FORWARD, pytest.param(REVERSE, marks=pytest.mark.thorough), TRACED, BACKWARD]


@njit
def gradients(f, h, x):
    """A number of gradients: by spacing and coordinates, into another order of memory, by NumPy."""
    along, across = np.gradient(f * f, h, x, edge_order=2)
    out = np.empty((5, 4)).T
    numgrad.gradient(np.asfortranarray(f), x, axis=1, out=out)
    return np.sum(along * W) + np.sum(across * across * W) + np.sum(out * W)


@njit
def operators(f, h, x):
    """A number of operators on samples, of which stencils at equal distances have fewer points."""
    curved = numgrad.laplacian(f * f, h, boundary=("reflect", "edge"))
    around = numgrad.differentiate(f * f, h, axis=0, boundary="wrap", period=5.0)
    around = around + numgrad.differentiate(f * f, h, boundary=("constant", 2))
    uneven = numgrad.differentiate(f, x, accuracy=3)
    flux = numgrad.divergence((f, f * f), h, x) * numgrad.curl((f * f, f), h, x)
    return np.sum(curved * W) + np.sum(around * W) + np.sum(uneven * uneven) + np.sum(flux * W)


def assert_right(function, x, keywords):
    found = numgrad.value_and_grad(function, argnums=(0, 1, 2), **keywords)(F, 0.7, x)
    plain = function.py_func
    assert_allclose(found[0], plain(F, 0.7, x), rtol=1e-12)
    expected = (
        by_differences(lambda f: plain(f, 0.7, x), F),
        by_differences(lambda h: plain(F, h, x), 0.7),
        by_differences(lambda x: plain(F, 0.7, x), x),
    )
    for one, other in zip(found[1], expected, strict=True):
        assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("keywords", OTHER_MODES, ids=str)
@pytest.mark.parametrize("x", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_gradients(x, keywords):
    assert_right(gradients, x, keywords)


@pytest.mark.parametrize("keywords", MODES, ids=str)
def test_operators(keywords):
    assert_right(operators, UNEVEN, keywords)


@pytest.mark.parametrize("keywords", OTHER_MODES[1:], ids=str)
def test_coordinates_at_equal_distances(keywords):
    """The stencil there is that of equal distances, whose weights each coordinate moves."""

    def derived(x):
        return numgrad.differentiate(np.sin(EVEN), x, order=1)

    found = numgrad.jacobian(derived, **keywords)(EVEN)
    assert_allclose(found, by_differences(derived, EVEN), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("keywords", [slowly, TRACED], ids=str)
def test_second_derivatives(keywords):
    def energy(u):
        return np.sum(np.gradient(u, 0.5) ** 2)

    rows = np.array([np.gradient(row, 0.5) for row in np.eye(5)])
    expected = 2 * rows @ rows.T
    assert_allclose(numgrad.hessian(energy, **keywords)(UNEVEN), expected, atol=1e-12)


@pytest.mark.parametrize("keywords", [slowly, TRACED], ids=str)
@pytest.mark.parametrize("dtype", ["f4", "c16"])
def test_other_numbers(dtype, keywords):
    def derived(u):
        return np.gradient(u)

    u = (F[0] + 1).astype(dtype)
    rows = np.array([np.gradient(row) for row in np.eye(5)]).T
    found = numgrad.jacobian(derived, **keywords)(u)
    assert found.dtype == u.dtype
    assert_allclose(found, rows)


def test_what_plain_python_alone_can_do_is_refused():
    def derived(u):
        return numgrad.differentiate(u * u, datetime_unit="s")

    with pytest.raises(numgrad.DifferentiationError, match="datetime_unit"):
        numgrad.jacobian(derived, jit=False)(UNEVEN)
