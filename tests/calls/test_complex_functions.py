"""``cmath`` on duals in compiled code: its own values, and derivatives on either side of cuts."""

import cmath

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

UNARY = "exp log log10 sqrt sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh phase"
SOURCE = ", ".join(f"cmath.{name}(z)" for name in UNARY.split())
SOURCE += ", *cmath.polar(z), cmath.rect(x, y), cmath.log(z, 2.5 + 1j), cmath.log(3.0 + 0j, z)"
SOURCE += ", cmath.isnan(z), cmath.isfinite(z), cmath.isinf(z)"

namespace = {"cmath": cmath}
exec(f"def every(x, y):\n    z = complex(x, y)\n    return ({SOURCE})", namespace)
every = njit(namespace["every"])

POINTS = [0.3 + 0.4j, -0.7 + 1.2j, 1.5 - 0.3j, -1.5 - 2.0j]
ON_CUTS = [complex(x, y) for x in (2.0, -2.0) for y in (0.0, -0.0)]
ON_CUTS += [complex(x, y) for y in (2.0, -2.0) for x in (0.0, -0.0)]


def values_at(point, place, step):
    """Return all numbers beside a point; a zero in the other place keeps its sign."""
    moved = list(point)
    moved[place] += step
    return np.array(every(*moved)[:-3])


@pytest.mark.parametrize("z", [*POINTS, *ON_CUTS], ids=str)
def test_values_and_slopes(z):
    """Against differences of the functions in either direction, but for those across a cut."""
    point = z.real, z.imag
    for place in np.flatnonzero(point):
        unit = (1.0, 0.0) if place == 0 else (0.0, 1.0)
        values, slopes = numgrad.jvp(every, point, unit)
        assert_array_equal(np.array(values), np.array(every(*point)))
        steps = [values_at(point, place, k * 1e-3) for k in (-3, -2, -1, 1, 2, 3)]
        expected = np.array([-1.0, 9.0, -45.0, 45.0, -9.0, 1.0]) @ steps / 60e-3
        assert_allclose(np.array(slopes[:-3]), expected, rtol=1e-9, atol=1e-9)
        assert slopes[-3:] == (None, None, None)


@njit
def composed(x):
    z = cmath.rect(x[0], x[1]) * cmath.exp(1j * x[2])
    return cmath.phase(cmath.asin(z)) * cmath.polar(z)[0]


@pytest.mark.thorough
def test_second_derivatives():
    x, direction = np.array([0.7, 0.4, 0.3]), np.array([1.0, -0.4, 0.7])
    slopes, h = numgrad.grad(composed), 1e-3 * direction
    expected = (8 * (slopes(x + h) - slopes(x - h)) - slopes(x + 2 * h) + slopes(x - 2 * h)) / 12e-3
    assert_allclose(numgrad.hvp(composed, x, direction), expected, rtol=1e-9, atol=1e-9)


def test_single_precision():
    exp = njit(lambda z: np.array([cmath.exp(z[0]) * z[0]]))
    z = np.array([0.3 + 0.4j], np.complex64)
    slope = numgrad.jacobian(exp)(z)
    assert slope.dtype == exp(z).dtype == np.complex64
    assert_allclose(slope[0], np.exp(z) * (1 + z), rtol=1e-6)
