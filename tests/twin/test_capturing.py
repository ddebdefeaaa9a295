"""Inner functions that capture variables of compiled functions, and are differentiated there."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError
from numpy.testing import assert_allclose

import numgrad


def alone(x, k):
    """Read when it is called: at first k is another."""
    factor = k
    slope = numgrad.derivative(lambda t: factor * t**3)
    factor = 2.0 * k
    return slope(x)


def in_loops(x, k):
    total = 0.0
    for i in range(3):
        for j in range(2):
            offset = x * i + j

            def inner(t):
                if t > offset:  # noqa: B023
                    return t * t * offset  # noqa: B023
                return offset * offset * t * k  # noqa: B023

            total += numgrad.derivative(inner)(x)
    return total


def with_a_helper(x, k):
    def helper(u):
        return u * u * k

    return numgrad.derivative(lambda t: helper(t) * x)(x)


def nested(x, k):
    def outer(y):
        return y * numgrad.derivative(lambda z: x * y * z**3 * k)(y)

    return x * numgrad.derivative(outer)(x)


def of_several(x, k):
    by_both = numgrad.grad(lambda a, b: a * a * b * k, argnums=(0, 1))(x, 2.0 * x)
    by_name = numgrad.derivative(lambda a, b: a * b * b * k)(b=x, a=1.0)
    return by_both[0] * by_both[1] + by_name


def twice(x, k):
    rows = np.array([k, k * k])
    along = numgrad.derivative(numgrad.derivative(lambda t: t**4 * np.sum(rows)))
    return along(x)


def of_arrays(x, k):
    a = np.array([x, k])
    out = np.empty(2)
    numgrad.grad(lambda t: np.sum(t**3 * a))(a, out=out)
    product = numgrad.hvp(lambda t: x * t[0] ** 3 + k * t[1] ** 2, a, a)
    matrix = numgrad.hessian(lambda t: k * t[0] ** 3 * t[1])(a)
    return out[0] * product[1] + np.sum(matrix) + product[0]


slowly = pytest.param(of_arrays, marks=pytest.mark.thorough)
FUNCTIONS = [alone, in_loops, with_a_helper, nested, of_several, twice, slowly]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_and_derivatives(function):
    """What Python itself does with the same closures."""
    compiled = njit(function)
    assert_allclose(compiled(1.5, 0.7), function(1.5, 0.7), rtol=1e-12)
    h = 1e-6
    expected = (
        (function(1.5 + h, 0.7) - function(1.5 - h, 0.7)) / (2 * h),
        (function(1.5, 0.7 + h) - function(1.5, 0.7 - h)) / (2 * h),
    )
    for keywords in ({"mode": "forward"}, {"jit": False}):
        found = numgrad.grad(compiled, argnums=(0, 1), **keywords)(1.5, 0.7)
        assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("function", [in_loops, pytest.param(nested, marks=pytest.mark.thorough)])
def test_backward(function):
    arguments = 1.5, 0.7
    found = numgrad.grad(function, argnums=(0, 1), mode="reverse")(*arguments)
    assert_allclose(found, numgrad.grad(function, argnums=(0, 1), jit=False)(*arguments))


def test_perturbations_are_not_confused():
    def by_y(x):
        return x * numgrad.derivative(lambda y: x + y)(1.0)

    for jit in (True, False):
        assert numgrad.derivative(by_y, jit=jit)(1.0) == 1.0


def test_captured_arrays_stay_whole_at_many_points():
    @njit
    def slopes(x, rows):
        return numgrad.derivative(lambda t: np.sum(rows * t * t))(x)

    assert_allclose(slopes(np.arange(3.0), np.arange(5.0)), 20.0 * np.arange(3.0))


def test_what_is_written_to_a_captured_array():
    @njit
    def counting(x, a):
        def inner(t):
            a[0] += 1.0
            return a[0] * t

        return numgrad.derivative(inner)(x)

    a = np.array([1.0])
    assert (counting(2.0, a), a[0]) == (2.0, 2.0)


def test_others_are_left_to_numba():
    def assigned(x):
        count = 0.0

        def inner(t):
            nonlocal count
            count += t
            return t * t * x

        return numgrad.derivative(inner)(x) + count

    def passed(x):
        return numgrad.vmap(lambda t: t * x)(np.ones(2))

    def from_the_last(x):
        return numgrad.grad(lambda a, b: a * b * x, argnums=-1)(x, x)

    def by_a_variable(x):
        return numgrad.grad(lambda a, b: a * b * x, argnums=int(x))(x, x)

    for function in (assigned, passed, from_the_last, by_a_variable):
        with pytest.raises(TypingError, match="Cannot capture the non-constant value"):
            njit(function)(2.0)
