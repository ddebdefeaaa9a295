"""The derivatives of the table where mathematics leaves a choice."""

import itertools
import math
import operator

import numpy as np
import pytest

from numgrad.numbers.dual.number import Dual, apply
from numgrad.rules import special
from numgrad.rules.registry import TABLE, primal
from tests.rules.test_table import derivative, seeded, variables

inf, nan = math.inf, math.nan


def slopes(function, *point, order=1):
    """Return all derivatives of one order of a function of NumPy or of the table."""
    name = TABLE[function].name
    result = apply(TABLE[function], *seeded(point, name, order))
    places = range(len(variables(name, point)))
    return [derivative(result, *p) for p in itertools.product(places, repeat=order)]


def test_abs_at_zero():
    assert slopes(np.abs, 0.0) == slopes(abs, -0.0) == [0.0]


def test_steps_have_no_slope():
    for step in (np.sign, np.floor, np.ceil, np.trunc, np.rint, np.round):
        assert slopes(step, 0.0) == slopes(step, 1.5) == [0.0]


def test_an_infinite_derivative_passes_a_step():
    steep = Dual(0.0, inf)
    assert np.floor(steep) == 0.0
    assert np.copysign(Dual(2.0, 1.0), steep).partials == (1.0,)
    assert np.where(False, steep, Dual(1.0, 2.0)).partials == (2.0,)
    assert np.maximum(steep, Dual(1.0, 2.0)).partials == (2.0,)
    assert np.clip(steep, Dual(1.0, 2.0), 3.0).partials == (2.0,)


@pytest.mark.parametrize("function", [np.maximum, np.minimum, np.fmax, np.fmin, max, min])
def test_half_to_each_on_a_tie(function):
    for x in (0.0, 3.0, -inf, 5e-324):
        result = apply(TABLE[function], Dual(x, (1.0, 0.0)), Dual(x, (0.0, 1.0)))
        assert result == x
        assert result.partials == (0.5, 0.5)


@pytest.mark.parametrize("function", [np.maximum, np.minimum, np.fmax, np.fmin, max, min])
def test_nan_as_the_function_has_it(function):
    for x, y in [(1.0, nan), (nan, 1.0), (nan, nan)]:
        result = apply(TABLE[function], Dual(x, (1.0, 0.0)), Dual(y, (0.0, 1.0)))
        np.testing.assert_equal(float(primal(result)), float(function(x, y)))
        if not (np.isnan(x) and np.isnan(y)):
            is_y = np.array_equal(primal(result), y, equal_nan=True)
            assert result.partials == ((0.0, 1.0) if is_y else (1.0, 0.0))


def test_clip_at_its_ends_and_without_them():
    x = Dual(1.0, 1.0)
    assert np.clip(x, 1.0, 2.0).partials == (0.5,)
    assert np.clip(x, None, 2.0).partials == np.clip(x, 0.0, None).partials == (1.0,)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 2.0, np.float64(3.0)])
def test_whole_powers_at_zero_are_exact_at_every_order(n):
    x = 0.0
    for level in range(1, 6):
        x = Dual(x, 1.0, depth=level)
    result = x**n
    for order in range(1, 6):
        exact = math.factorial(order) if order == n else 0.0
        assert derivative(result, *[0] * order) == exact


def test_whole_powers_of_negative_numbers():
    assert (Dual(-2.0, 1.0) ** 3).partials == (12.0,)
    assert (Dual(-2.0, 1.0) ** -1).partials == (-0.25,)
    assert (Dual(-2.0, 1.0) ** 3.0).partials == (12.0,)
    assert np.isnan((np.float64(-2.0) ** Dual(3.0, 1.0)).partials[0])


def test_powers_where_the_exponent_is_zero():
    assert slopes(np.power, 4.0, 0.0) == [0.0, math.log(4.0)]
    assert slopes(np.power, 4.0, 0.0, order=2)[1:3] == [0.25, 0.25]
    for x in (0.0, 5e-324, -1.0, inf, nan):
        assert (Dual(x, 1.0) ** 0).partials == (0.0,)


def test_powers_of_zero():
    assert (0.0 ** Dual(2.0, 1.0)).partials == (0.0,)
    assert (0 ** Dual(0.5, 1.0)).partials == (0.0,)
    assert (Dual(0.0, (1.0, 0.0)) ** Dual(2.0, (0.0, 1.0))).partials == (0.0, 0.0)
    assert (0.0 ** Dual(Dual(2.0, 1.0), Dual(1.0, 0.0))).partials[0].partials == (0.0,)
    assert (np.inf ** Dual(-2.0, 1.0)).partials == (0.0,)


def test_lengths_at_the_origin():
    assert slopes(np.hypot, 0.0, 0.0) == slopes(np.arctan2, 0.0, 0.0) == [0.0, 0.0]
    assert np.isnan(slopes(np.hypot, 0.0, 0.0, order=2)).all()
    assert np.isnan(slopes(np.arctan2, 0.0, 0.0, order=2)).all()


def second_derivative(function, x):
    return function(Dual(Dual(x, 1.0), Dual(1.0, 0.0))).partials[0].partials[0]


KINKED = {
    "abs(x)**2": (lambda x: abs(x) ** 2, 0.0, 2.0),
    "x * abs(x)": (lambda x: x * abs(x), 0.0, 2.0),
    "hypot(x, 0)**2": (lambda x: np.hypot(x, 0.0) ** 2, 0.0, 2.0),
    "copysign(x, 1)**2": (lambda x: np.copysign(x, 1.0) ** 2, 0.0, 2.0),
    "abs of complex": (lambda x: abs(x * (3.0 + 4.0j)) ** 2, 0.0, 50.0),
    "unit of complex": (lambda x: (np.sign(x * 1j) * x).imag, 0.0, 0.0),
    "maximum(x, 0)**2": (lambda x: np.maximum(x, 0.0) ** 2, 0.0, 2.0),
    "clip(x, 1, 2)": (lambda x: np.clip(x, 1.0, 2.0), 1.0, 0.0),
    "slopes alike, curvatures not": (lambda x: np.minimum(x**2, x**3), 0.0, 3.0),
}


@pytest.mark.parametrize("name", KINKED)
def test_a_slope_by_convention_has_no_slope(name):
    function, kink, away = KINKED[name]
    assert np.isnan(second_derivative(function, kink))
    assert second_derivative(function, kink + 0.5) == pytest.approx(away)


def test_no_kink_where_two_numbers_are_tied_at_every_order():
    for choice in (np.maximum, np.minimum, np.fmax, np.fmin, max, min):
        assert second_derivative(lambda x: choice(x**3, x * x**2), 2.0) == 12.0  # noqa: B023
        assert second_derivative(lambda x: choice(x**3, 8.0) * 0.0 + x**2, 1.0) == 2.0  # noqa: B023


def test_kinks_leave_other_inputs_alone():
    t = Dual(Dual(0.0, (1.0, 0.0)), (Dual(1.0, (0.0, 0.0)), Dual(0.0, (0.0, 0.0))))
    u = Dual(Dual(2.0, (0.0, 1.0)), (Dual(0.0, (0.0, 0.0)), Dual(1.0, (0.0, 0.0))))
    total = abs(t) + np.maximum(t, 0.0) + np.hypot(t, 0.0) + u**3
    hessian = [[total.partials[i].partials[j] for j in range(2)] for i in range(2)]
    np.testing.assert_equal(hessian, [[nan, 0.0], [0.0, 12.0]])


def test_ties_of_infinite_derivatives_and_of_signed_zeros():
    assert np.maximum(np.sqrt(Dual(0.0, 1.0)), 0.0).partials == (inf,)
    assert np.maximum(Dual(inf, 1.0), inf).partials == (0.5,)
    assert np.signbit(np.maximum(Dual(-0.0, 1.0), -0.0).value)


def test_lengths_at_infinity():
    assert slopes(np.hypot, -inf, 1.0) == [-1.0, 0.0]
    assert slopes(np.arctan2, 1.0, inf) == slopes(np.arctan2, inf, inf) == [0.0, 0.0]


def test_remainders():
    assert slopes(operator.mod, -7.5, 2.0) == [1.0, 4.0]
    assert slopes(np.fmod, -7.5, 2.0) == [1.0, 3.0]
    assert slopes(operator.mod, 7.5, inf) == [1.0, 0.0]
    quotient, remainder = divmod(Dual(-7.5, 1.0), 2.0)
    assert (quotient, remainder.partials) == (-4.0, (1.0,))


@pytest.mark.parametrize(
    ("function", "end"),
    [
        *[(np.sqrt, 0.0), (np.sqrt, -0.0), (np.cbrt, 0.0)],
        *[(np.log, 0.0), (np.log, -0.0), (np.log2, 0.0), (np.log10, -0.0), (np.log1p, -1.0)],
        *[(np.arcsin, 1.0), (np.arcsin, -1.0), (np.arccosh, 1.0), (np.arctanh, 1.0)],
    ],
)
def test_infinite_slopes_at_singular_ends(function, end):
    assert slopes(function, end) == [inf]


def test_copysign_respects_the_sign_of_zero():
    assert slopes(np.copysign, 2.0, -0.0) == slopes(np.copysign, -2.0, 0.0) == [-1.0, 0.0]
    assert slopes(np.copysign, 0.0, 1.0) == [0.0, 0.0]


def test_sinc_at_zero():
    assert slopes(np.sinc, 0.0) == [0.0]
    assert slopes(np.sinc, 0.0, order=2) == [pytest.approx(-(math.pi**2) / 3, rel=1e-15)]
    assert slopes(np.sinc, 0.0, order=4) == [pytest.approx(math.pi**4 / 5, rel=1e-15)]


def test_heaviside():
    assert slopes(np.heaviside, 0.0, 0.3) == [0.0, 1.0]
    assert slopes(np.heaviside, 1.0, 0.3) == slopes(np.heaviside, -1.0, inf) == [0.0, 0.0]
    assert [np.heaviside(Dual(x, 1.0), 0.3) for x in (-2.0, 0.0, 2.0)] == [0.0, 0.3, 1.0]
    assert np.isnan(np.heaviside(Dual(nan, 1.0), 0.3))


def test_logaddexp_of_infinities():
    assert slopes(np.logaddexp, inf, 1.0) == slopes(np.logaddexp2, 1.0, -inf) == [1.0, 0.0]
    assert slopes(np.logaddexp, inf, inf) == slopes(np.logaddexp2, -inf, -inf) == [0.5, 0.5]
    assert slopes(np.logaddexp, 1e3, -1e3, order=2) == [0.0] * 4


def test_saturated_functions_stay_finite():
    for function in (np.tanh, special.expit, special.erf):
        for x in (1e3, -1e3):
            assert slopes(function, x) == slopes(function, x, order=2) == [0.0]


@pytest.mark.parametrize("x", [2.75, -2.75, 0.0, -0.0, inf, -inf, 5e-324, 3.0])
def test_parts(x):
    fraction, whole = np.modf(Dual(x, 1.0))
    np.testing.assert_array_equal([primal(fraction), primal(whole)], np.modf(x))
    assert np.signbit(fraction) == np.signbit(x)
    mantissa, exponent = np.frexp(Dual(x, 1.0))
    assert (primal(mantissa), exponent) == math.frexp(x)
    if 1e-300 < abs(x) < inf:
        assert fraction.partials == (1.0,)
        assert mantissa.partials == (2.0**-exponent,)
