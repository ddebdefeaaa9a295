"""``check_grad``: right derivatives pass, and wrong ones are named."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numgrad

X = np.array([0.5, 2.0])


def tripled(u):
    return 3.0 * u


@numgrad.pullback(tripled)
def _(cotangent, u):
    return cotangent * np.array([3.0, 2.0])  # wrong in the second place


def test_a_wrong_derivative_is_named():
    message = r"output 1 of .* by input 1 is .*2\.0.*, but finite differences give .*[23]\.\d"
    with pytest.raises(AssertionError, match=message):
        numgrad.check_grad(lambda x: tripled(x), X, mode="reverse", jit=False)


def test_as_much_is_accepted_as_is_said():
    found = numgrad.check_grad(lambda x: tripled(x), X, 0.6, mode="reverse", jit=False)
    assert_allclose(found, 0.5, rtol=1e-6)


def test_numbers_and_what_is_not_finite():
    assert numgrad.check_grad(np.exp, 1.0, jit=False) < 1e-9
    with pytest.raises(AssertionError, match="finite differences give"):
        numgrad.check_grad(lambda x: x * np.nan, 1.0, jit=False)
