"""What becomes active later, outputs by position, and callees that are no njit functions."""

import numba
import numpy as np
import pytest
from numba import njit
from numba.extending import overload
from numpy.testing import assert_allclose

import numgrad


@njit
def stored_later(x, v):
    doubled = v * 2.0
    doubled[0] = x * x
    copied = v.copy()
    copied[1] = doubled[0]
    matrix = np.diag(v)
    matrix[0, 0] = copied[1]
    sines = np.zeros(3)
    np.sin(v * x, sines)
    return doubled[0] + copied[1] + matrix[0, 0] + sines[1]


def test_fresh_arrays_and_outputs_by_position():
    slope = numgrad.grad(stored_later)(2.0, np.array([1.0, 2.0, 3.0]))
    assert slope == pytest.approx(12.0 + 2.0 * np.cos(4.0), rel=1e-14)


@njit
def one_of_two(x):
    if x > 10.0:
        return np.eye(2)
    return np.eye(2) * x


def test_returned_from_two_places():
    assert_allclose(numgrad.jacobian(one_of_two)(2.0), np.eye(2))
    assert_allclose(numgrad.jacobian(one_of_two)(20.0), np.zeros((2, 2)))


@njit
def lists_and_tuples(x):
    rows = np.array([[x, 0.0], [0.0, 1.0]])
    items = [0.0, 1.0]
    items[0] = x * x
    total = 0.0
    for number in (x, 2.0):
        total += number
    return rows[0, 0] + items[0] + total


def test_constants_beside_duals():
    assert numgrad.derivative(lists_and_tuples)(3.0) == 8.0


@numba.vectorize
def cube(x):
    return x * x * x


def shifted(x, n):
    raise NotImplementedError


@overload(shifted)
def _shifted(x, n):
    def implementation(x, n):
        y = np.zeros(n)
        y[0] = x * x
        return y.sum()

    return implementation


@njit
def through_others(x, v):
    return cube(x) + cube(v * x).sum() + shifted(x, 2)


def test_ufuncs_and_overloads_of_others():
    v = np.array([1.0, 2.0])
    assert numgrad.grad(through_others)(2.0, v) == pytest.approx(12.0 + 3.0 * 4.0 * 9.0 + 4.0)
