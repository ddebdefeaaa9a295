"""The functions that NumPy lacks, against mpmath and at the ends of their domains."""

import math

import mpmath as mp
import numpy as np
import pytest

from numgrad.rules import special

EVERYWHERE = [
    1e-300,
    1e-8,
    0.1,
    0.5,
    1.0,
    1.4616321449683623,
    2.0,
    3.7,
    9.99,
    10.0,
    50.0,
    1e5,
    1e100,
]
BELOW_ZERO = [-1e-8, -0.3, -0.5, -0.5000001, -0.999, -1.5, -2.7, -10.1, -1000.25, -123456.7]


def error(value, exact):
    """Return the error relative to the exact value, or to 1 next to zeros."""
    return float(abs(mp.mpf(float(value)) - exact) / max(1, abs(exact)))


@pytest.mark.parametrize("x", EVERYWHERE + BELOW_ZERO)
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_polygamma(n, x):
    with mp.workdps(50):
        exact = mp.polygamma(n, mp.mpf(x))
    if abs(exact) > 1.7e308:
        assert special.polygamma(n, x) == float(mp.sign(exact)) * np.inf
    else:
        assert error(special.polygamma(n, x), exact) < 1e-14


@pytest.mark.parametrize("n", [5, 8, 15])
def test_polygamma_of_high_order(n):
    for x in (0.3, 2.0, 17.0, -3.4):
        with mp.workdps(50):
            assert error(special.polygamma(n, x), mp.polygamma(n, mp.mpf(x))) < 1e-13


@pytest.mark.parametrize("x", EVERYWHERE + BELOW_ZERO)
def test_digamma_is_the_first(x):
    assert special.digamma(x) == special.polygamma(0, x)


def test_poles_as_scipy_has_them():
    assert special.digamma(0.0) == -np.inf
    assert special.digamma(-0.0) == np.inf
    assert np.isnan(special.digamma(-3.0))
    assert special.polygamma(1, 0.0) == special.polygamma(1, -2.0) == np.inf
    assert special.polygamma(2, 0.0) == special.polygamma(2, -2.0) == -np.inf


def test_at_infinity():
    assert special.digamma(np.inf) == np.inf
    assert np.isnan(special.digamma(-np.inf))
    assert special.polygamma(1, np.inf) == special.polygamma(2, np.inf) == 0.0


def test_orders_that_polygamma_has_not():
    assert np.isnan(special.polygamma(-1, 2.0))
    assert np.isnan(special.polygamma(0.5, 2.0))


def test_gamma_ends_as_numpy_functions_do():
    assert special.gamma(0.0) == np.inf
    assert special.gamma(-0.0) == -np.inf
    assert np.isnan(special.gamma(-2.0))
    assert np.isnan(special.gamma(-np.inf))
    assert special.gamma(171.7) == np.inf
    assert special.gamma(171.62) == math.gamma(171.62)
    assert np.isnan(special.gamma(np.nan))


def test_lgamma_ends_as_numpy_functions_do():
    assert special.lgamma(0.0) == special.lgamma(-4.0) == np.inf
    assert special.lgamma(1e306) == special.lgamma(np.inf) == special.lgamma(-np.inf) == np.inf
    assert special.lgamma(1e305) == math.lgamma(1e305)
    assert np.isnan(special.lgamma(np.nan))


@pytest.mark.parametrize(
    "x", [0.0, 1e-300, 1e-9, 0.01, 0.2, 0.5, 0.636, 0.637, 1.0, 1.5, 3.3, 40.2]
)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_sinc_derivative(n, x):
    with mp.workdps(60):
        # f_n(t) is the integral of u**n cos(t u + n pi / 2) over 0 <= u <= 1
        t = mp.pi * mp.mpf(x)
        cycles = max(1, int(x) + 1)
        pieces = [mp.mpf(k) / cycles for k in range(cycles + 1)]
        exact = mp.pi**n * mp.quad(lambda u: u**n * mp.cos(t * u + n * mp.pi / 2), pieces)
        # cos(n pi / 2) is an exact zero only here
        tolerance = 1e-14 * max(abs(exact), mp.pi**n / (1 + t) * mp.mpf(min(1, t)))
        assert (
            abs(mp.mpf(float(special.sinc_derivative(n, x))) - exact)
            <= tolerance + mp.mpf(10) ** -55
        )
        assert special.sinc_derivative(n, -x) == (-1) ** n * special.sinc_derivative(n, x)


def test_sech_and_expit_never_overflow():
    assert special.sech(1000.0) == special.sech(-1000.0) == 0.0
    assert special.expit(1000.0) == 1.0
    assert special.expit(-1000.0) == 0.0
    assert special.expit(-700.0) == pytest.approx(math.exp(-700), rel=1e-15)


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-300, 1e-31, 1.0, 1e31, 1e307])
def test_direction_at_every_scale(scale):
    x, y = 3 * scale, 4 * scale
    with np.errstate(over="ignore"):
        r = np.hypot(x, y)
    assert special.direction(x, y, r) == pytest.approx(0.6, rel=1e-15, abs=0)
    assert special.direction(-y, x, r) == pytest.approx(-0.8, rel=1e-15, abs=0)


def test_direction_at_the_ends():
    assert special.direction(0.0, 0.0, 0.0) == 0.0
    assert special.direction(-np.inf, 2.0, np.inf) == -1.0
    assert special.direction(2.0, np.inf, np.inf) == 0.0
    assert special.direction(np.inf, -np.inf, np.inf) == pytest.approx(0.5**0.5)
    assert np.isnan(special.direction(np.nan, 1.0, np.nan))


@pytest.mark.parametrize("function", special.FORMULAS[1:])
def test_the_type_of_numbers_stays(function):
    count = function.__wrapped__.__code__.co_argcount
    for kind in (np.float32, np.float64):
        assert type(function(*[kind(2.0)] * count)) is kind
        assert type(function(*[2.0] * (count - 1), kind(2.0))) is kind


@pytest.mark.skipif(not hasattr(math, "fma"), reason="math.fma is there since Python 3.13")
def test_fma_rounds_once():
    assert special.fma(0.1, 10.0, -1.0) != 0.1 * 10.0 - 1.0
