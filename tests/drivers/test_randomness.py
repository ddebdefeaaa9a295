"""Random numbers are the same in all passes of a derivative, and drawn once seen from outside."""

import random

import numpy as np
from numba import njit
from numpy.testing import assert_array_equal

import numgrad


@njit
def seed(k):
    np.random.seed(k)  # noqa: NPY002 - Numba has no other that all share
    random.seed(k)


@njit
def draw():
    return np.random.random() + random.random()  # noqa: NPY002


@njit
def noisy(x):
    return (x * draw()).sum()


MANY = np.linspace(0.1, 1.0, 40)  # more inputs than a pass carries


def test_passes_draw_the_same_numbers():
    seed(3)
    expected = draw()
    following = draw()
    seed(3)
    assert_array_equal(numgrad.grad(noisy)(MANY), np.full(40, expected))
    assert draw() == following


@njit
def noisy_square(x):
    return (x * x * draw()).sum()


def test_second_derivatives():
    seed(4)
    expected = 2.0 * draw()
    seed(4)
    hessian = numgrad.hessian(noisy_square)(MANY)
    np.testing.assert_allclose(hessian, expected * np.eye(40), rtol=1e-14)


@njit
def inner(x):
    return numgrad.grad(noisy_square)(x).sum()


def test_derivatives_within_a_function():
    seed(5)
    expected = 2.0 * draw()
    seed(5)
    np.testing.assert_allclose(numgrad.grad(inner)(MANY), np.full(40, expected), rtol=1e-14)
