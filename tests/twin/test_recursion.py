"""Functions that call themselves, and one another, against differences and closed forms."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad


@njit
def power(x, n=7):
    return 1.0 if n == 0 else x * power(x, n - 1)


@njit
def scaled_power(x, n=4, scale=3.0):
    return scale if n == 0 else x * scaled_power(x, scale=scale, n=n - 1)


@njit
def growing_default(x, a=2.0, n=3):
    return a if n == 0 else x * growing_default(x, a + x, n - 1)


@njit
def even(x, n=6):
    return 1.0 if n == 0 else x * odd(x, n - 1)


@njit
def odd(x, n=5):
    return x if n == 1 else x * even(x, n - 1)


@njit
def with_constants(x, n=3):
    """Call itself with a constant and with what depends on x."""
    if n == 0:
        return x
    return x * with_constants(1.5, n - 1) + with_constants(2.0 * x, n=n - 1)


@njit
def constants_between(x, n=4):
    return x if n == 0 else x * constants_before(x, n - 1) + constants_before(2.0, n - 1)


@njit
def constants_before(x, n=3):
    return 2.0 if n == 0 else x * constants_between(1.5, n - 1) + constants_between(x, n - 1)


@njit
def swapped(x, y=0.7, n=3):
    return x * y if n == 0 else x * swapped(y, x, n - 1)


@njit
def pair(x, n=3):
    return (1.0, x) if n == 0 else other_pair(x, n - 1)


@njit
def other_pair(x, n=3):
    if n == 0:
        return x, 1.0
    a, b = pair(x, n - 1)
    return a * x + b, b * x


@njit
def first_of_pair(x):
    return pair(x)[0] + pair(x)[1] * x


FUNCTIONS = [
    power,
    scaled_power,
    growing_default,
    even,
    odd,
    with_constants,
    constants_between,
    constants_before,
    swapped,
    first_of_pair,
]


def difference(function, x):
    """Return the derivative by central differences of two widths."""
    wide, narrow = (
        (function.py_func(x + h) - function.py_func(x - h)) / (2.0 * h) for h in (2e-3, 1e-3)
    )
    return narrow + (narrow - wide) / 3.0


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_defaults_left_out(function):
    x = 1.3
    value = function.py_func(x)
    assert_allclose(numgrad.derivative(function)(x), difference(function, x), rtol=1e-9)
    assert function(x) == value  # what it is in a program stays what it was


def test_defaults_given():
    assert_allclose(numgrad.derivative(power)(1.3, 5), 5.0 * 1.3**4, rtol=1e-14)
    assert_allclose(numgrad.derivative(even)(1.3, 8), 8.0 * 1.3**7, rtol=1e-14)
    assert_allclose(numgrad.derivative(odd)(1.3, 3), 3.0 * 1.3**2, rtol=1e-14)


def test_in_compiled_code():
    @njit(error_model="numpy", fastmath=True)
    def slopes(x):
        return numgrad.derivative(power)(x), numgrad.derivative(even)(x)

    assert_allclose(slopes(1.3), (7.0 * 1.3**6, 6.0 * 1.3**5), rtol=1e-14)


def test_second_derivative():
    second = numgrad.derivative(numgrad.derivative(power))
    assert_allclose(second(1.3), 42.0 * 1.3**5, rtol=1e-14)


@njit
def squares(a, i=0):
    return 0.0 if i == len(a) else a[i] ** 2 + squares(a, i + 1)


@njit
def product(a):
    return a[0] if len(a) == 1 else a[0] * product(a[1:])


def test_arrays():
    a = np.array([1.0, 2.0, 3.0])
    assert_allclose(numgrad.grad(squares)(a), 2.0 * a, rtol=1e-14)
    assert_allclose(numgrad.grad(product)(a), [6.0, 3.0, 2.0], rtol=1e-14)


@pytest.mark.thorough
def test_arrays_at_second_order():
    a = np.array([1.0, 2.0, 3.0])
    assert_allclose(numgrad.hessian(squares)(a), 2.0 * np.eye(3), rtol=1e-14)


@njit
def ones_or_more(a, n):
    return np.ones(3) if n == 0 else a * more(a, n - 1)


@njit
def more(a, n):
    return a if n == 0 else a * ones_or_more(a, n - 1)


def test_arrays_of_functions_that_call_each_other():
    a = np.array([1.0, 2.0, 3.0])
    assert_allclose(numgrad.jacobian(ones_or_more)(a, 2), np.diag(2.0 * a), rtol=1e-14)


@pytest.mark.thorough
def test_arrays_of_the_other_of_two_functions():
    a = np.array([1.0, 2.0, 3.0])
    assert_allclose(numgrad.jacobian(more)(a, 3), np.diag(3.0 * a * a), rtol=1e-14)


@njit
def turned(x, n):
    return x if n == 0 else 1j * x * unturned(x, n - 1)


@njit
def unturned(x, n):
    return x if n == 0 else x * turned(x, n - 1)


def test_a_result_that_the_other_function_takes_for_something_else():
    """Numba types the one before it knows that the other returns complex numbers."""
    with pytest.raises(numgrad.DifferentiationError, match=r"(?s)turned can't.*calls itself thr"):
        numgrad.derivative(turned)(1.3, 4)
