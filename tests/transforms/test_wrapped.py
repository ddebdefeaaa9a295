"""Callables that hold some of their arguments: partial functions, methods, callable objects."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad


class Spring(NamedTuple):
    """An object that Numba compiles: its fields are numbers."""

    stiffness: float
    rest: float

    def energy(self, x):
        return 0.5 * self.stiffness * (x - self.rest) ** 2

    def __call__(self, x):
        return 0.5 * self.stiffness * (x - self.rest) ** 2


class Model:
    def __init__(self, scale):
        self.scale = scale

    def energy(self, x):
        return self.scale * x * x

    def __call__(self, x):
        return self.energy(x)


def weighted(weights, x, power=2):
    return np.sum(weights * x**power)


SPRING = Spring(3.0, 1.0)


@pytest.mark.parametrize("function", [weighted, njit(weighted)])
def test_partial(function):
    x, w = np.array([1.0, 2.0]), np.array([1.0, 10.0])
    for keywords in ({}, {"mode": "reverse"}, {"jit": False}):
        assert_array_equal(numgrad.grad(partial(function, w), **keywords)(x), 2 * w * x)
    by_weights = numgrad.grad(partial(partial(function, power=3), x=x))
    assert_array_equal(by_weights(w), x**3)
    assert_array_equal(numgrad.grad(partial(function, 2 * w))(x), 4 * w * x)


@pytest.mark.parametrize("function", [SPRING.energy, SPRING], ids=["method", "object"])
def test_objects_that_numba_compiles(function):
    assert numgrad.derivative(function)(3.0) == 6.0
    assert numgrad.derivative(function, jit=False)(3.0) == 6.0


@pytest.mark.parametrize("function", [Model(2.0).energy, Model(2.0)], ids=["method", "object"])
def test_others_say_how(function):
    with pytest.raises(TypeError, match=r"is called on a Model, which .*: write a function"):
        numgrad.derivative(function)
    assert numgrad.derivative(function, jit=False)(3.0) == 12.0


def test_what_takes_any_number_of_arguments_is_refused():
    with pytest.raises(TypeError, match="a function was expected"):
        numgrad.derivative(partial(lambda *x: x[0], 1.0))(2.0)


def test_functions_of_arrays_of_numpys():
    x = np.array([3.0, -4.0])
    for keywords in ({}, {"mode": "reverse"}, {"jit": False}):
        assert_allclose(numgrad.grad(np.linalg.norm, **keywords)(x), x / 5.0)
        assert_allclose(numgrad.grad(np.linalg.norm, **keywords)(x, 1), [1.0, -1.0])
    assert_allclose(numgrad.jacobian(np.sort)(x), [[0.0, 1.0], [1.0, 0.0]])
