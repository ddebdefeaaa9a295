"""Numbers that stand in the place of others: they are constants."""

import numpy as np
from numba import njit
from numpy.testing import assert_array_equal

import numgrad

LARGEST = np.finfo(np.float64).max


@njit
def replace(x):
    return (
        np.nan_to_num(x),
        np.nan_to_num(x, nan=3.0, posinf=4.0),
        np.nan_to_num(x[0] * x[0]),
        np.nan_to_num(x * (1.0 + 2.0j)),
    )


def test_nan_to_num():
    x = np.array([2.0, np.nan, np.inf, -np.inf])
    kept = np.diag([1.0, 0.0, 0.0, 0.0])
    plain, given, number, of_complex = numgrad.jacobian(replace)(x)
    assert_array_equal(plain, kept)
    assert_array_equal(given, kept)
    assert_array_equal(number, 4.0 * kept[0])
    assert_array_equal(of_complex[0], (1.0 + 2.0j) * kept[0])
    assert_array_equal(of_complex[1:], 0.0)


def test_values():
    with np.errstate(all="ignore"):
        x = np.array([2.0, np.nan, np.inf, -np.inf])
        for ours, numpys in zip(replace(x)[:2], replace.py_func(x)[:2], strict=True):
            assert_array_equal(ours, numpys)
