"""Derivatives of functions of numbers, at one point and over arrays."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.twin.functions import product, wave, wave_curvature, wave_slope

slope = numgrad.derivative(wave)


def test_at_a_point():
    result = slope(0.3)
    assert isinstance(result, float)
    assert result == pytest.approx(wave_slope(0.3), rel=1e-15)


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 4), (2, 3, 4), (200_000,)])
def test_over_arrays(shape):
    x = np.linspace(-3.0, 3.0, np.prod(shape, dtype=int)).reshape(shape)
    result = slope(x)
    assert result.shape == shape
    assert_allclose(result, wave_slope(x), rtol=1e-14, atol=1e-15)


def test_orders_of_memory():
    x = np.linspace(-3.0, 3.0, 24).reshape(4, 6)
    for array in (x.T, x[::2, ::-1], np.asfortranarray(x), np.broadcast_to(x[0], (3, 6))):
        assert_allclose(slope(array), wave_slope(array), rtol=1e-14, atol=1e-16)


def test_broadcasting():
    x, y = np.arange(3.0)[:, None], np.arange(4.0)
    by_x, by_y = numgrad.derivative(product, argnums=(0, 1))(x, y)
    assert_array_equal(by_x, np.broadcast_to(y**2, (3, 4)))
    assert_array_equal(by_y, 2.0 * x * y)
    assert_array_equal(numgrad.derivative(product)(x, 3.0), np.full((3, 1), 9.0))
    assert_array_equal(numgrad.derivative(product)(2.0, y), y**2)
    assert_array_equal(numgrad.derivative(product)(np.ones(4), y), y**2)


def test_arrays_that_do_not_broadcast():
    with pytest.raises(ValueError, match="broadcast"):
        numgrad.derivative(product)(np.ones(3), np.ones(4))


def test_out():
    x = np.linspace(-1.0, 1.0, 20).reshape(4, 5)
    for out in (np.empty((4, 5)), np.empty((5, 4)).T):
        assert slope(x, out=out) is out
        assert_allclose(out, wave_slope(x), rtol=1e-14)
    out = np.full((4, 4), 7.0)
    with pytest.raises(ValueError, match="shape"):
        slope(x, out=out)
    assert (out == 7.0).all()


def test_second_derivative():
    curvature = numgrad.derivative(slope)
    x = np.linspace(-2.0, 2.0, 31)
    assert_allclose(curvature(x), wave_curvature(x), rtol=1e-13, atol=1e-14)
    assert curvature(0.4) == pytest.approx(wave_curvature(0.4), rel=1e-14)


def test_inside_njit():
    @njit
    def inside(x, array):
        return slope(x), numgrad.derivative(wave)(x), slope(array)

    array = np.linspace(-1.0, 1.0, 5)
    first, second, third = inside(0.3, array)
    assert first == second == pytest.approx(wave_slope(0.3), rel=1e-15)
    assert_allclose(third, wave_slope(array), rtol=1e-14)


def test_float32():
    @njit
    def f(x):
        return x * np.sin(x)

    x = np.linspace(0.0, 1.0, 9, dtype=np.float32)
    result = numgrad.derivative(f)(x)
    assert result.dtype == np.float32
    assert_allclose(result, np.sin(x) + x * np.cos(x), rtol=1e-6)


def test_complex_function_of_a_real_variable():
    @njit
    def f(t):
        return np.exp(2j * t)

    t = np.linspace(0.0, 1.0, 5)
    assert_allclose(numgrad.derivative(f)(t), 2j * np.exp(2j * t), rtol=1e-15)


def test_whole_arguments_that_are_no_arrays():
    @njit
    def f(x, coefficients, label):
        return coefficients[0] * x + (coefficients[1] if label == "b" else 0.0) * x * x

    x = np.arange(4.0)
    assert_array_equal(numgrad.derivative(f)(x, (3.0, 5.0), "b"), 3.0 + 10.0 * x)


def test_inactive_function():
    assert numgrad.derivative(lambda x: 3.0 * (x > 0))(2.0) == 0.0


def test_branches_are_decided_by_the_value():
    @njit
    def f(x):
        if x > 1.0:
            return x * x
        while x < 0.5:
            x = 2.0 * x
        return x

    assert numgrad.derivative(f)(3.0) == 6.0
    assert numgrad.derivative(f)(0.2) == 4.0
    assert numgrad.derivative(f)(1.0) == 1.0


@pytest.mark.parametrize(
    ("constant", "jit"),
    [
        *((constant, False) for constant in (3, True, np.int32(3))),
        (True, True),
        pytest.param(3, True, marks=pytest.mark.thorough),
        pytest.param(np.int32(3), True, marks=pytest.mark.thorough),
    ],
)
def test_whole_numbers_have_derivative_0(constant, jit):
    """Alone, as the result of a function of one; among others they have None, as in a Jacobian."""

    def f(x):
        return constant

    assert numgrad.derivative(f, jit=jit)(2.0) == 0.0
    assert type(numgrad.derivative(f, jit=jit)(2.0)) is float
    assert_array_equal(numgrad.derivative(f, jit=jit)(np.ones((2, 3))), np.zeros((2, 3)))
    assert numgrad.derivative(numgrad.derivative(f, jit=jit), jit=jit)(2.0) == 0.0
    assert numgrad.derivative(f, argnums=(0,), jit=jit)(2.0) == (0.0,)
    assert numgrad.grad(f, jit=jit)(2.0) == 0.0
    value, slopes = numgrad.value_and_grad(f, jit=jit)(np.ones(2))
    assert value == constant
    assert slopes.tolist() == [0.0, 0.0]
    assert numgrad.hvp(f, np.ones(2), np.ones(2), jit=jit).tolist() == [0.0, 0.0]
    assert numgrad.jacobian(f, jit=jit)(2.0) is None


@pytest.mark.parametrize("jit", [True, False])
def test_whole_numbers_among_others(jit):
    def f(x):
        return x * x, 3, None

    assert (
        numgrad.derivative(f, jit=jit)(2.0)
        == numgrad.jacobian(f, jit=jit)(2.0)
        == (4.0, None, None)
    )
    slopes, *others = numgrad.derivative(f, jit=jit)(np.ones(2))
    assert slopes.tolist() == [2.0, 2.0]
    assert others == [None, None]
    assert numgrad.derivative(lambda x: (1, 2), jit=jit)(np.ones(2)) == (None, None)
