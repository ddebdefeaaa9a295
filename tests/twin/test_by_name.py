"""Arguments by name alone, of functions that are compiled for the user: as Python passes them."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numgrad

MODES = [{"mode": "forward"}, {"mode": "reverse"}, {"jit": False}]


def power(x, k=2, *, weight=1.5, slope=2.0):
    return x**k * weight + x * slope


def several(x):
    """Numba would take 3 for the weight."""
    return power(x, 3, weight=x * 2.0) + power(x) + power(k=4, x=x, slope=x) + deeper(x)


def deeper(x):
    return power(2.0, 3) * power(x, 3) + numgrad.derivative(power)(x, slope=3.0)


def starred(x, *others, scale=2.0):
    return x * scale * len(others)


@pytest.mark.parametrize("keywords", MODES, ids=str)
def test_they_are_told_apart(keywords):
    h = 1e-6
    expected = (several(1.5 + h) - several(1.5 - h)) / (2 * h)
    assert_allclose(numgrad.grad(several, **keywords)(1.5), expected, rtol=1e-7)
    assert_allclose(numgrad.grad(power, **keywords)(1.5, 3, slope=4.0), 4.5 * 1.5**2 + 4.0)
    given = numgrad.grad(partial(weighted, np.arange(3.0), scale=2.0), **keywords)
    assert_allclose(given(np.ones(3)), 4.0 * np.arange(3.0))
    assert_allclose(given(np.ones(3), k=3), 6.0 * np.arange(3.0))


def weighted(weights, x, *, k=2, scale):
    return scale * np.sum(weights * x**k)


def test_what_numba_mistakes_is_refused():
    def calling(x):
        return starred(x, 2.0, 3.0, scale=x)

    def with_a_tuple(x, given):
        return power(*given) * x

    with pytest.raises(numgrad.DifferentiationError, match="any number of arguments and others"):
        numgrad.grad(starred)(1.5, 2.0, 3.0)
    with pytest.raises(numgrad.DifferentiationError, match="any number of arguments and others"):
        numgrad.grad(calling)(1.5)
    with pytest.raises(numgrad.DifferentiationError, match="passes a tuple of arguments to power"):
        numgrad.grad(with_a_tuple)(1.5, (1.5, 3))
    assert numgrad.grad(starred, jit=False)(1.5, 2.0, 3.0, scale=4.0) == 8.0
    assert numgrad.grad(calling, jit=False)(1.5) == 6.0
    assert numgrad.grad(with_a_tuple, jit=False)(1.5, (1.5, 3)) == power(1.5, 3)
