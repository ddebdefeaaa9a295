"""The formulas, against exact arithmetic: each is exact for polynomials of second degree."""

import random
from fractions import Fraction

import numpy as np
import pytest
from numba import njit

from numgrad.fields import stencils

WEIGHTS = {  # the formula, and where it derives: at the first, second or last of three points
    "interior": (1, stencils.interior_weights.py_func),
    "first": (0, lambda h1, h2: stencils.weights_at_first.py_func(h1, h2, 2)),
    "last": (2, lambda h1, h2: stencils.weights_at_last.py_func(h1, h2, 2)),
}


@pytest.fixture(params=range(20))
def points(request):
    """Return three points at random rational distances, ascending or descending."""
    source = random.Random(request.param)
    start, h1, h2 = (Fraction(source.randint(1, 99), source.randint(1, 99)) for _ in range(3))
    sign = source.choice([1, -1])
    return [start, start + sign * h1, start + sign * (h1 + h2)]


@pytest.mark.parametrize("degree", [0, 1, 2])
@pytest.mark.parametrize("where", WEIGHTS)
def test_weights_are_exact_for_quadratics(points, where, degree):
    at, formula = WEIGHTS[where]
    weights = formula(points[1] - points[0], points[2] - points[1])
    derivative = sum(weight * x**degree for weight, x in zip(weights, points, strict=True))
    exact = degree * points[at] ** (degree - 1) if degree else 0
    assert derivative == exact


def test_uniform_weights_are_those_of_equal_distances():
    h = Fraction(3, 7)
    assert stencils.weights_at_first.py_func(h, h, 2) == tuple(
        Fraction(weight) / h for weight in stencils.UNIFORM_FIRST_WEIGHTS
    )
    assert stencils.weights_at_last.py_func(h, h, 2) == tuple(
        Fraction(weight) / h for weight in stencils.UNIFORM_LAST_WEIGHTS
    )


def test_interior_weights_on_uniform_distances_are_the_central_difference():
    h = Fraction(3, 7)
    assert stencils.interior_weights.py_func(h, h) == (-1 / (2 * h), 0, 1 / (2 * h))


@pytest.mark.parametrize("weight", [2.0, -0.5, 0.0, np.inf, np.nan])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_numbers_are_scaled_as_numpy_scales_them(dtype, weight):
    parts = [0.0, -1.5, 3.25, np.inf, np.nan]
    numbers = np.array([complex(u, v) for u in parts for v in parts], dtype)
    weight = numbers.real.dtype.type(weight)
    quotient = njit(error_model="numpy")(lambda number, h: stencils.quotient(number, h))
    product = njit(error_model="numpy")(lambda h, number: stencils.product(h, number))
    with np.errstate(all="ignore"):
        expected = [numbers / weight, weight * numbers]
    actual = [[quotient(number, weight) for number in numbers]]
    actual += [[product(weight, number) for number in numbers]]
    for ours, theirs in zip(actual, expected, strict=True):
        for part in ("real", "imag"):
            np.testing.assert_array_equal(
                getattr(np.array(ours, dtype), part), getattr(theirs, part)
            )
