"""Numbers that stand in the place of others: they are constants."""

import numpy as np
from numba import njit
from numpy.testing import assert_array_equal

import numgrad


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
    values, tangents = numgrad.jvp(replace, (x,), (np.ones(4),))
    with np.errstate(all="ignore"):
        expected = replace.py_func(x)
    for ours, numpys in zip(values[:3], expected[:3], strict=True):
        assert_array_equal(ours, numpys)
    kept = np.array([1.0, 0.0, 0.0, 0.0])
    plain, given, number, of_complex = tangents
    assert_array_equal(plain, kept)
    assert_array_equal(given, kept)
    assert number == 4.0
    assert_array_equal(of_complex, (1.0 + 2.0j) * kept)
