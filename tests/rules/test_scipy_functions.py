"""SciPy's functions as compiled code calls them, by their addresses, and their slopes."""

import ctypes

import numpy as np
import pytest
from numba import njit, types
from numba.extending import get_cython_function_address
from numpy.testing import assert_allclose

import numgrad
from numgrad.numbers.dual.number import Dual, apply
from numgrad.rules.registry import ON_DEMAND, UNKNOWN
from numgrad.rules.scipy_functions import FUNCTIONS

special = pytest.importorskip("scipy.special")
pytest.importorskip("scipy.special.cython_special")

# Where each is looked at, if not at 0.3, 0.7, ...
POINTS = {
    "ndtri_exp": (-0.7,),
    "gamma": (2.3,),
    "gammaln": (2.3,),
    "loggamma": (2.3,),
    "rgamma": (2.3,),
    "psi": (2.3,),
    "binom": (5.3, 2.1),
    "poch": (1.3, 2.1),
    "pdtr": (3.0, 2.2),
    "pdtrc": (3.0, 2.2),
    "betaincinv": (1.3, 2.1, 0.4),
    "betainccinv": (1.3, 2.1, 0.4),
    "expn": (2.0, 0.3),
    "hyp2f1": (1.3, 0.4, 0.7, 0.2),
    "wofz": (0.3 + 0.4j,),
}


def point_of(name):
    arity = ON_DEMAND[FUNCTIONS[name]].arity
    return POINTS.get(name, (0.3, 0.7, 0.45, 0.2)[:arity])


def difference(f, point, position):
    """Return the derivative of a function by one of its arguments, from central differences."""

    def central(h):
        up, down = list(point), list(point)
        up[position] += h
        down[position] -= h
        return (f(*up) - f(*down)) / (2 * h)

    return (4 * central(5e-4) - central(1e-3)) / 3


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slopes(name):
    entry, point = ON_DEMAND[FUNCTIONS[name]], point_of(name)
    value, *slopes = entry.body(*point)
    numpys = getattr(special, name)
    assert_allclose(value, numpys(*point), rtol=1e-14)
    for position, slope in enumerate(slopes):
        if slope is UNKNOWN or slope is None:
            continue
        assert_allclose(slope, difference(numpys, point, position), rtol=2e-7, err_msg=position)
        duals = [Dual(x, 1.0) if k == position else x for k, x in enumerate(point)]
        assert apply(entry, *duals).partials == (slope,)


@pytest.mark.parametrize("x", [-0.5, -1e-3, 0.0, 0.2, 0.5, 0.500001])
def test_slope_of_exprel(x):
    """By the series 1/2 + x/3 + x**2/8 + ..., on either side of where the formula changes."""
    terms, factorial = [], 1.0
    for n in range(1, 25):
        factorial *= n + 1
        terms.append(n * x ** (n - 1) / factorial)
    assert_allclose(ON_DEMAND[FUNCTIONS["exprel"]].body(x)[1], sum(terms), rtol=1e-14)


def test_ufuncs_of_scipy_in_python():
    x = special.ndtri(Dual(Dual(0.3, 1.0), 1.0))
    expected = np.sqrt(2 * np.pi) * np.exp(special.ndtri(0.3) ** 2 / 2)
    assert_allclose(x.partials[0].value, expected)
    assert_allclose(x.partials[0].partials[0], special.ndtri(0.3) * expected**2)


def test_unknown_slope_in_python():
    with pytest.raises(TypeError, match="gammainc has no formula for its slope"):
        special.gammainc(Dual(1.5, 1.0), 0.3)


def address_of(name):
    return get_cython_function_address("scipy.special.cython_special", name)


def by_ctypes(name, count):
    numbers = [ctypes.c_double] * count
    return ctypes.CFUNCTYPE(ctypes.c_double, *numbers)(address_of(name))


class ByAddress(types.WrapperAddressProtocol):
    def __wrapper_address__(self):
        return address_of("voigt_profile")

    def signature(self):
        return types.float64(types.float64, types.float64, types.float64)


ndtri, gammainc, voigt = by_ctypes("ndtri", 1), by_ctypes("gammainc", 2), ByAddress()


@njit
def called_by_address(x):
    return ndtri(x[0]) + gammainc(1.5, x[1]) + voigt(x[0], x[1], x[2]) + ndtri(0.2)


def test_called_by_address():
    x = np.array([0.3, 0.7, 0.45])
    gradient = numgrad.grad(called_by_address)(x)
    slope = lambda name, *point: ON_DEMAND[FUNCTIONS[name]].body(*point)[1:]  # noqa: E731
    expected = np.array(slope("voigt_profile", *x))
    expected[0] += slope("ndtri", x[0])[0]
    expected[1] += slope("gammainc", 1.5, x[1])[1]
    assert_allclose(gradient, expected, rtol=1e-12)


def test_unknown_slope():
    with pytest.raises(
        numgrad.DifferentiationError, match="No formula gives the slope of gammainc"
    ):
        numgrad.derivative(njit(lambda a: gammainc(a, 0.3)))(1.5)


def test_unknown_address():
    own = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: x)
    f = njit(lambda x: own(x) + own(2.0))
    with pytest.raises(numgrad.DifferentiationError, match="No rule is known"):
        numgrad.derivative(f)(1.5)
