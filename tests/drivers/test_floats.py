"""Whole numbers and lists among what is differentiated by, which are taken as floats and arrays."""

from typing import NamedTuple

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad


class Pair(NamedTuple):
    first: float
    second: float


@njit
def cube(x):
    return x * x * x


@njit
def cubes(x):
    return (x * x * x).sum()


@njit
def product(pair):
    return pair[0] ** 2 * pair[1]


@njit
def overwritten(x):
    x[0] = 3.0
    return x[0] * x[1]


WAYS = pytest.mark.parametrize("jit", [True, False])


@WAYS
def test_numbers(jit):
    slope = numgrad.derivative(cube, jit=jit)
    for x in (2, np.int32(2), np.uint8(2)):
        assert slope(x) == 12.0
        assert isinstance(slope(x), float)
    assert numgrad.derivative(slope, jit=jit)(2) == 12.0
    assert numgrad.jvp(cube, (2,), (1,), jit=jit) == (8, 12.0)


@WAYS
@pytest.mark.parametrize("x", [np.array([1, 2]), [1, 2], [1, 2.0], np.array([1, 2], np.uint8)])
def test_arrays_and_lists(x, jit):
    by_x = np.array([3.0, 12.0])
    for found in (
        numgrad.derivative(cube, jit=jit)(x),
        numgrad.grad(cubes, jit=jit)(x),
        numgrad.grad(cubes, mode="reverse", jit=jit)(x),
    ):
        assert_array_equal(found, by_x)
        assert found.dtype == np.float64
    assert_array_equal(numgrad.jacobian(cube, jit=jit)(x), np.diag(by_x))
    assert_array_equal(numgrad.hessian(cubes, jit=jit)(x), np.diag([6.0, 12.0]))
    assert_array_equal(numgrad.hvp(cubes, x, [1, 0], jit=jit), [6.0, 0.0])


@WAYS
def test_lists_of_lists_and_orders_of_memory(jit):
    rows = [[1, 2, 3], [4, 5, 6]]
    expected = 3.0 * np.array(rows) ** 2
    for x in (rows, np.asfortranarray(np.array(rows)), np.array(rows).repeat(2, 1)[:, ::2]):
        assert_array_equal(numgrad.grad(cubes, jit=jit)(x), expected)


@WAYS
def test_tuples(jit):
    by_pair = numgrad.grad(product, jit=jit)
    assert by_pair((2, 3.0)) == by_pair((2, 3)) == by_pair(Pair(2, 3)) == (12.0, 4.0)


@WAYS
@pytest.mark.parametrize("x", [True, np.array([True, False]), (1.0, True), "x"])
def test_booleans_are_refused(x, jit):
    with pytest.raises(TypeError, match="can't be differentiated by"):
        numgrad.grad(cubes, jit=jit)(x)


@WAYS
def test_what_would_be_written_to_a_copy_is_refused(jit):
    """One call of the function leaves 3 in the caller's array, which a copy would hide."""
    x = np.array([1, 2])
    with pytest.raises(TypeError, match=r"can't be differentiated by: it is of type array\(int64"):
        numgrad.grad(overwritten, jit=jit)(x)
    assert_array_equal(x, [1, 2])


def test_in_compiled_code():
    @njit
    def inside(n, x):
        return numgrad.derivative(cube)(n), numgrad.grad(cubes)(x), numgrad.derivative(cube)(3)

    slope, by_x, third = inside(2, np.arange(3))
    assert (slope, third) == (12.0, 27.0)
    assert_allclose(by_x, [0.0, 3.0, 12.0])

    @njit
    def around(x):
        return numgrad.derivative(cube)(3) * x + numgrad.grad(cubes)(np.arange(3))[1] * x * x

    assert numgrad.derivative(around)(2.0) == 27.0 + 3.0 * 4.0
