"""Reverse mode against forward mode, and both against differences."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from tests.drivers.reverse import programs
from tests.twin.lines import differences

POINTS = [np.array([0.7, 1.3, 0.4, 2.1]), np.array([1.1, 0.6, 1.7, 0.9])]


def all_of(some):
    """Return the function that computes all programs, compiled once."""
    called = ", ".join(f"{name}(x)" for name in some)
    exec(f"def f(x):\n    return np.array([{called}])\n", names := vars(programs) | {"np": np})
    return njit(names["f"])


@pytest.mark.parametrize("some", [programs.PROGRAMS, programs.SUMS], ids=["programs", "sums"])
def test_as_forward_and_as_differences(some):
    f = all_of(some)
    reverse, forward = (numgrad.jacobian(f, mode=mode) for mode in ("reverse", "forward"))
    for x in POINTS:
        found, expected = reverse(x), forward(x)
        for k, (name, function) in enumerate(some.items()):
            assert_allclose(found[k], expected[k], 1e-12, 1e-12, err_msg=name)
            assert_allclose(found[k], differences(function, x), 1e-6, 1e-6, err_msg=name)
