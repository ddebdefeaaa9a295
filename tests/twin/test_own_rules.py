"""Rules of users for functions of all kinds, on numbers and arrays, before and after their use."""

import numpy as np
import pytest
from numba import njit, vectorize
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

x = np.array([0.3, -1.7, 2.2])


def cube(x):
    return x * x * x


def wrong_cube(x):
    """The rule, with a factor that tells it from the derivative of the body."""
    return x * x * x, 30.0 * x * x


def test_vectorized_function():
    function = vectorize(cube)
    numgrad.rule(function)(wrong_cube)
    assert numgrad.grad(function)(2.0) == 120.0

    @njit
    def on_arrays(x, y):
        return 2.0 * function(x) * y + function(y[0])

    slopes = numgrad.jacobian(on_arrays)(x, np.ones(3))
    assert_allclose(slopes, np.diag(60.0 * x * x), rtol=1e-14)
    assert numgrad.derivative(lambda t: function(t) + t)(2.0) == 121.0


def test_vectorized_function_of_two():
    @vectorize
    def product(x, y):
        return x * y

    numgrad.rule(product)(lambda x, y: (x * y, 10.0 * y, None))
    slopes = numgrad.jacobian(lambda x: product(x[:2], x[2]) + product(x[1], 3.0))(x)
    expected = [[10.0 * x[2], 30.0, 0.0], [0.0, 10.0 * x[2] + 30.0, 0.0]]
    assert_allclose(slopes, expected, rtol=1e-14)


def test_plain_function():
    def function(x):
        return x * x * x

    numgrad.rule(function)(wrong_cube)
    assert numgrad.grad(function)(2.0) == 120.0


def test_a_rule_is_one_of_numbers():
    function = njit(cube)
    numgrad.rule(function)(wrong_cube)
    with pytest.raises(numgrad.DifferentiationError, match=r"rule for cube .*numba\.vectorize"):
        numgrad.jacobian(lambda x: function(x))(x)


def test_a_late_rule_is_not_ignored_in_silence():
    function = njit(cube)

    @njit
    def caller(x):
        return function(x) + 1.0

    assert numgrad.grad(caller)(2.0) == 12.0
    with pytest.warns(UserWarning, match="rule for cube comes after") as warned:
        numgrad.rule(function)(wrong_cube)
    assert warned[0].filename == __file__
    assert numgrad.grad(lambda x: function(x))(2.0) == 120.0


def test_a_late_rule_for_a_ufunc():
    function = vectorize(cube)
    assert numgrad.grad(lambda x: function(x))(2.0) == 12.0
    with pytest.warns(UserWarning, match="comes after"):
        numgrad.rule(function)(wrong_cube)
    assert numgrad.grad(lambda x: function(x) + 0.0)(2.0) == 120.0


def test_divmod_of_arrays():
    @njit
    def function(x):
        quotient, remainder = np.divmod(x, x[::-1] + 1.0)
        return np.divmod(7.0, x)[1] + quotient * remainder

    quotients = x // (x[::-1] + 1.0)
    expected = np.diag(quotients - 7.0 // x) - np.diag(quotients**2)[:, ::-1]
    assert_allclose(numgrad.jacobian(function)(x), expected, rtol=1e-14)
    assert_array_equal(numgrad.jvp(function, (x,), (x,))[0], function(x))


def test_clip_by_keywords():
    slopes = numgrad.jacobian(lambda x: np.clip(x, a_min=-1.0, a_max=x[0] + 1.0))(x)
    assert_array_equal(slopes, [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
