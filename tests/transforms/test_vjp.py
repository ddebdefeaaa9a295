"""Cotangents times Jacobians, against Jacobians of forward mode."""

import gc

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

rng = np.random.default_rng(5)
x, a = rng.normal(size=(3, 2)), 1.7


@njit
def several(x, a, k):
    return np.exp(x) * a * k, (x.sum() * a, k), a


COTANGENTS = (rng.normal(size=(3, 2)), (0.3, 0), -2.0)


def expected_of(jacobians, cotangents):
    """The sum of cotangents times Jacobians by one argument, over all outputs with derivatives."""
    (array, (number, _), last), (c, (d, _), e) = jacobians, cotangents
    return np.tensordot(c, array, 2) + d * number + e * last


@pytest.mark.parametrize("jit", [True, False])
def test_all_outputs_and_primals(jit):
    value, products = numgrad.vjp(several, (x, a, 3), COTANGENTS, jit=jit)
    assert_allclose(value[0], several(x, a, 3)[0], rtol=1e-15)
    assert value[1:] == several(x, a, 3)[1:]
    by_x = numgrad.jacobian(several, mode="forward")(x, a, 3)
    by_a = numgrad.jacobian(several, argnums=1, mode="forward")(x, a, 3)
    assert_allclose(products[0], expected_of(by_x, COTANGENTS), rtol=1e-13)
    assert products[1] == pytest.approx(expected_of(by_a, COTANGENTS), rel=1e-13)
    assert products[2] is None


@njit
def inside(x):
    return numgrad.vjp(several, (x, 1.7, 3), ((x, (0.3, 0), -2.0)))[1][0]


def test_in_compiled_code_and_differentiated():
    expected = numgrad.vjp(several, (x, a, 3), (x, (0.3, 0), -2.0))[1][0]
    assert_array_equal(inside(x), expected)
    forward = numgrad.jacobian(inside, mode="forward")(x)
    step = 1e-6 * np.ones((3, 2))
    difference = (inside(x + step) - inside(x - step)) / 2e-6
    assert_allclose(forward.sum(axis=(2, 3)), difference, rtol=1e-7)


@pytest.mark.thorough
def test_differentiated_backward():
    forward, reverse = (numgrad.jacobian(inside, mode=mode)(x) for mode in ("forward", "reverse"))
    assert_allclose(reverse, forward, rtol=1e-13)


def test_out_and_what_stays_when_it_does_not_fit():
    out = (np.empty((3, 2)),)
    _value, products = numgrad.vjp(np.exp, (x,), np.ones((3, 2)), out=out)
    assert products[0] is out[0]
    assert_allclose(out[0], np.exp(x), rtol=1e-15)
    kept = (np.full((2, 3), 7.0),)
    with pytest.raises(ValueError, match="out has not the shape"):
        numgrad.vjp(np.exp, (x,), np.ones((3, 2)), out=kept)
    assert_array_equal(kept[0], np.full((2, 3), 7.0))
    with pytest.raises(TypeError, match="out must"):
        numgrad.vjp(np.exp, (x,), np.ones((3, 2)), out=(np.empty(3),))


@pytest.mark.parametrize("jit", [True, False])
def test_complex_numbers_as_in_jax(jit):
    """``(c, -d)`` times the real Jacobian is ``(a, b)``, and the product ``a - i b``."""

    def mixed(z):
        return z * np.conj(z) * np.exp(z), np.abs(z)

    z, cotangents = 0.7 - 0.4j, (1.5 + 0.25j, 2.0)
    _, (product,) = numgrad.vjp(mixed, (z,), cotangents, jit=jit)
    sides, row = [], np.array([1.5, -0.25, 2.0])
    for step in (1e-6, 1e-6j):
        up, down = mixed(z + step), mixed(z - step)
        w, size = (up[0] - down[0]) / 2e-6, (up[1] - down[1]) / 2e-6
        sides.append(row @ [w.real, w.imag, size])
    assert product == pytest.approx(sides[0] - 1j * sides[1], rel=1e-8)
    _, (product,) = numgrad.vjp(np.sin, (z,), 2.0 + 1.0j, jit=jit)
    assert product == pytest.approx((2.0 + 1.0j) * np.cos(z), rel=1e-14)


def test_single_precision_stays():
    product = numgrad.vjp(np.exp, (np.float32(x),), np.ones((3, 2), np.float32))[1][0]
    assert product.dtype == np.float32


@pytest.mark.parametrize("jit", [True, False])
def test_what_does_not_fit(jit):
    ones = np.ones((3, 2))
    with pytest.raises(TypeError, match="primals must be a tuple"):
        numgrad.vjp(np.exp, 2.0, 1.0, jit=jit)
    with pytest.raises(TypeError, match="no primal has derivatives"):
        numgrad.vjp(several, (3, 2, 1), ones, jit=jit)
    with pytest.raises(TypeError, match="arranged like the result"):
        numgrad.vjp(np.exp, (x,), 1.0, jit=jit)
    with pytest.raises(TypeError, match="arranged like the result"):
        numgrad.vjp(np.exp, (x,), 1j * ones, jit=jit)
    with pytest.raises(TypeError, match="arranged like the result"):
        numgrad.vjp(several, (x, a, 3), (ones, 1.0), jit=jit)
    with pytest.raises(ValueError, match="shape of its output"):
        numgrad.vjp(np.exp, (x,), np.ones((2, 3)), jit=jit)


@pytest.mark.parametrize("jit", [True, False])
def test_integers_beside_floats_are_refused(jit):
    """They would have no derivative, and the floats beside them none either."""
    with pytest.raises(TypeError, match=r"argument 0 is of type .*others beside floats"):
        numgrad.vjp(lambda pair, y: pair[0] * pair[1] * y, ((2.0, 3), 1.0), 1.0, jit=jit)


def test_nan_is_looked_at_again():
    """sqrt(x y) at x = 0 with y = 0 next to it has no derivative by x that is not infinite."""

    def f(z):
        return z[1] * np.sqrt(z[0])

    point = np.array([0.0, 0.0])
    expected = numgrad.grad(f, mode="forward")(point)
    before = gc.get_threshold()
    gc.set_threshold(100, 2, 2)  # what looks again calls what looks with care: it must be there
    try:
        _, (product,) = numgrad.vjp(f, (point,), 1.0)
    finally:
        gc.set_threshold(*before)
    assert_array_equal(product, expected)
