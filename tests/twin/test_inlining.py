"""Small callees as part of their callers, in reverse mode."""

import math

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.numbers.tape import memory, threads

SCALE = 3.0


@njit
def wave(a, b):
    a = a * b  # a parameter that is assigned
    return math.sin(a) + SCALE * b


@njit
def of_wave(a, b):
    return wave(a, b) * wave(b, a)


@njit
def stored(y, i, number):
    y[i] = number * y[i]


@njit
def with_default(a, b=2.0):
    return a * b


def made(factor):
    @njit
    def inner(a):
        return a * factor

    return inner


twice = made(2.0)


@njit
def pair(a, b):
    return a * b, a - b


def plain(a):
    return a * a


@njit
def powers(n, a):
    return a if n == 0 else a * powers(n - 1, a)


@njit
def program(x):
    y = x.copy()
    total = 0.0
    for i in range(x.size):
        y[i] = of_wave(x[i], x[i - 1])
    for i in range(x.size):
        stored(y, i, twice(x[i]))
    for i in range(x.size):
        product, difference = pair(y[i], x[i])
        total += (
            with_default(product) + with_default(difference, x[0]) + with_default(b=x[1], a=1.0)
        )
    return total * powers(3, x[2]) + plain(x[3])


@pytest.mark.parametrize("size", [5, 50])
def test_program(size):
    x = np.random.default_rng(size).uniform(0.5, 1.5, size)
    found = numgrad.grad(program, mode="reverse")(x)
    expected = numgrad.grad(program, mode="forward", jit=False)(x)
    assert_allclose(found, expected, 1e-12)
    gradient, by_x = numgrad.grad(wave, argnums=(0, 1), mode="reverse"), numgrad.grad(wave)
    assert_allclose(gradient(0.5, 2.0)[0], by_x(0.5, 2.0))


def statements_of(f, *arguments):
    numgrad.grad(f, mode="reverse")(*arguments)
    return threads.last_size(memory.LAST_STATEMENTS)


def test_no_statement_for_what_a_small_callee_returns():
    @njit
    def in_place(x):
        return math.sin(x * 2.0) * x

    @njit
    def called(x):
        return twice(math.sin(x * 2.0) * x) * 0.5

    assert statements_of(in_place, 0.5) == statements_of(called, 0.5)


def test_a_rule_is_kept():
    @njit
    def cube(x):
        return x**3

    @numgrad.rule(cube)
    def rule_of_cube(x):
        return x**3, 100.0

    @njit
    def f(x):
        return cube(x) * 2.0

    assert numgrad.grad(f, mode="reverse")(1.0) == 200.0


def test_a_pullback_is_kept():
    @njit
    def total(x):
        return np.sum(x)

    @numgrad.pullback(total)
    def back(cotangent, x):
        return np.full(x.size, 7.0 * cotangent)

    @njit
    def f(x):
        return total(x) * 2.0

    assert_array_equal(numgrad.grad(f, mode="reverse")(np.ones(3)), [14.0] * 3)


def test_other_options():
    """Division raises in one of the two, and not in the other."""

    @njit(error_model="numpy")
    def quotient(a, b):
        return a / b

    @njit
    def f(x):
        return x * quotient(x, x - 1.0)

    value, _ = numgrad.value_and_grad(f, mode="reverse")(1.0)
    assert value == np.inf

    @njit
    def strict(a, b):
        return a / b

    @njit(error_model="numpy")
    def g(x):
        return x * strict(x, x - 1.0)

    with pytest.raises(ZeroDivisionError):
        numgrad.grad(g, mode="reverse")(1.0)


def test_an_error_names_the_line_of_the_callee():
    @njit
    def refused(x):
        return np.sum(np.nextafter(x, 2.0))

    @njit
    def f(x):
        return x[0] * refused(x)

    with pytest.raises(Exception, match=r"test_inlining\.py") as caught:
        numgrad.grad(f, mode="reverse")(np.ones(3))
    line = refused.py_func.__code__.co_firstlineno + 2
    assert f"line {line}" in str(caught.value)
