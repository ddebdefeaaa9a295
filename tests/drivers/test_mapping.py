"""What functions write, mapped over items: as one call for each leaves it."""

from functools import cache

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad


@njit
def scales(x, t):
    x[::2] *= t
    return (x * x).sum()


POINTS = np.arange(1.0, 13.0).reshape(4, 3)
LEFT = POINTS * [2.0, 1.0, 2.0]


gradients = numgrad.vmap(numgrad.grad(scales), in_axes=(0, None))


@pytest.mark.parametrize("count", [4, pytest.param(6000, marks=pytest.mark.thorough)])
def test_every_item_is_mapped_once(count):
    points = np.tile(POINTS, (count // 4, 1))
    left = points * [2.0, 1.0, 2.0]
    for out in (None, np.empty_like(points)):
        given = points.copy()
        found = gradients(given, 2.0) if out is None else gradients(given, 2.0, out=out)
        assert_allclose(found, 2.0 * points * [4.0, 1.0, 4.0], rtol=1e-14)
        assert_array_equal(given, left)


def test_items_of_functions_that_return_arrays():
    @njit
    def squares(x):
        x[0] += 1.0
        return x * x

    given = POINTS.copy()
    moved = POINTS + np.array([1.0, 0.0, 0.0])
    assert_array_equal(numgrad.vmap(squares)(given), moved**2)
    assert_array_equal(given, moved)


@njit
def table_step(x, table):
    table[0] += 1.0
    return x * x * table[0] + table[1]


@cache
def of_tables(jit):
    """Return what derives or maps the function, and how its results depend on the points."""
    slope = numgrad.derivative(table_step, jit=jit)
    return (
        (slope, lambda x: 2.0 * x),
        (numgrad.vmap(table_step, in_axes=(0, None), jit=jit), lambda x: x * x),
        (numgrad.vmap(slope, in_axes=(0, None), jit=jit), lambda x: 2.0 * x),
    )


@pytest.mark.parametrize(("count", "jit"), [(3, True), (40000, True), (3, False)])
def test_whole_arguments_are_the_same_for_every_item(count, jit):
    x = np.linspace(1.0, 2.0, count)
    for take, expected in of_tables(jit):
        table = np.zeros(2)
        assert_array_equal(take(x, table), expected(x))
        assert_array_equal(table, [1.0, 0.0])


def test_items_that_share_memory():
    windows = np.lib.stride_tricks.sliding_window_view(np.ones(6), 3, writeable=True)
    with pytest.raises(ValueError, match="several elements in one place"):
        numgrad.vmap(scales, in_axes=(0, None))(windows, 2.0)

    @njit
    def first_of(x, y):
        x[0] *= 2.0
        return x.sum() + y[0]

    given = np.ones((4, 3))
    with pytest.raises(ValueError, match="shares memory"):
        numgrad.vmap(first_of)(given[1:], given[:-1])
    assert (numgrad.vmap(first_of)(given, given) == 6.0).all()
