"""Sorted and partitioned arrays."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_array_equal

import numgrad


@pytest.mark.thorough
def test_partitions_among_equal_numbers():
    """The order that is left among equal numbers is Numba's own."""
    x = np.array([1.0, 0.0, 1.0, 3.0, 1.0, 0.0, 2.0, 1.0, -1.0])
    places, tangent = njit(lambda x: np.argpartition(x, 4))(x), np.arange(9.0)
    both = njit(lambda x: (np.partition(x, 4), x[np.argpartition(x, 4)]))
    for values, tangents in zip(*numgrad.jvp(both, (x,), (tangent,)), strict=True):
        assert_array_equal(values, x[places])
        assert_array_equal(tangents, tangent[places])
