"""The shortest ways from arguments to kernels, which must answer as all others do."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import numgrad
from numgrad.fields import run_cpu

F = np.sin(np.arange(12.0))
X = np.arange(12.0) ** 1.5


def is_short(f, x, axis=None, edge_order=1, out=None):
    """Whether a call with coordinates takes the short way."""
    return run_cpu.run_few(f, (x,), axis, edge_order, out) is not None


USUAL = [("d", "d", 1), ("f", "d", 2)]
OTHERS = set(itertools.product("fdFDh", "fd", (1, 2))) - set(USUAL)


@pytest.mark.parametrize(
    ("of_samples", "of_coordinates", "edge_order"),
    [*USUAL, *(pytest.param(*each, marks=pytest.mark.thorough) for each in sorted(OTHERS))],
)
def test_few_samples_with_coordinates(of_samples, of_coordinates, edge_order):
    f, x = (10.0 * F).astype(of_samples), X.astype(of_coordinates)
    for n in range(edge_order + 1, 12):
        for coordinates in (x[:n], np.arange(n).astype(of_coordinates)):  # uneven, and even
            expected = np.gradient(f[:n], coordinates, edge_order=edge_order)
            assert is_short(f[:n], coordinates, None, edge_order)
            found = numgrad.gradient(f[:n], coordinates, edge_order=edge_order)
            assert found.dtype == expected.dtype
            assert_array_equal(found, expected)


def test_one_axis_of_several():
    f = np.arange(60.0).reshape(5, 12) ** 1.1
    for field in (f, np.asfortranarray(f)):
        for axis, x in ((0, X[:5]), (1, X), (-1, X)):
            assert is_short(field, x, axis)
            found, expected = (
                numgrad.gradient(field, x, axis=axis),
                np.gradient(field, x, axis=axis),
            )
            assert_array_equal(found, expected)
            assert found.strides == np.empty_like(field).strides


def test_out():
    out = np.full(12, np.nan)
    assert is_short(F, X, out=out)
    out[:] = np.nan
    assert numgrad.gradient(F, X, out=out) is out
    assert_array_equal(out, np.gradient(F, X))


def test_coordinates_change_between_calls():
    x = X.copy()
    numgrad.gradient(F, x)
    x[5] += 0.5
    assert_array_equal(numgrad.gradient(F, x), np.gradient(F, x))


def test_repeated_coordinates_warn_of_nothing():
    x = X.copy()
    x[4] = x[5]
    with np.errstate(all="ignore"):
        expected = np.gradient(F, x)
    assert_array_equal(numgrad.gradient(F, x), expected)


SWAPPED = X.astype(X.dtype.newbyteorder())
UNALIGNED = np.zeros(12 * 8 + 1, np.uint8)[1:].view(np.float64)
UNALIGNED[:] = X


@pytest.mark.parametrize(
    "x", [X.astype(int), np.repeat(X, 2)[::2], SWAPPED, UNALIGNED, X.astype(np.longdouble)]
)
def test_other_coordinates_go_another_way(x):
    assert not is_short(F, x)
    assert_array_equal(numgrad.gradient(F, x), np.gradient(F, x))


def test_complaints_stay():
    with pytest.raises(ValueError, match="length"):
        numgrad.gradient(F, X[:5])
    with pytest.raises(ValueError, match="shares memory"):
        numgrad.gradient(F, X, out=X)
    with pytest.raises(ValueError, match="shares memory"):
        numgrad.gradient(F, X, out=F)
    with pytest.raises(TypeError, match="out"):
        numgrad.gradient(F, X, out=np.empty(12, np.float32))
    with pytest.raises(ValueError, match="edge_order"):
        numgrad.gradient(F, X, edge_order=3)
    with pytest.raises(TypeError, match="number of arguments"):
        numgrad.gradient(F, X, X)
