"""Array expressions of duals in compiled code, against the same of each element."""

import numba
import numpy as np
import pytest

from numgrad.calls.entries import register_table
from numgrad.numbers.dual.number import Dual, apply
from numgrad.numbers.dual.type import DualType
from numgrad.rules.registry import TABLE
from numgrad.targets.options import internal_njit
from tests.calls.test_entries import assert_same

register_table()
KIND = DualType(numba.float64, 2, 1)
NUMBERS = [Dual(1.7, (0.5, -2.0)), Dual(-0.4, (1.0, 3.0)), Dual(0.25, (0.0, 1.0))]
OTHERS = [Dual(0.3, (1.0, 0.0)), Dual(2.0, (0.0, 1.0)), Dual(-0.7, (2.0, 0.5))]


@internal_njit
def array_of(a, b, c):
    result = np.empty(3, KIND)
    result[0], result[1], result[2] = a, b, c
    return result


def in_arrays(function):
    """Return a compiled function of two triples of numbers, for one of two arrays."""
    compiled = internal_njit(function)

    @numba.njit
    def call(first, second):
        result = compiled(array_of(*first), array_of(*second))
        return result[0], result[1], result[2]

    return call


def check(function, scalar=None):
    results = in_arrays(function)(tuple(NUMBERS), tuple(OTHERS))
    for result, x, y in zip(results, NUMBERS, OTHERS, strict=True):
        assert_same(result, (scalar or function)(x, y), 8)


EXPRESSIONS = {
    "x * x + np.sin(x)": lambda x, y: x * x + np.sin(x),
    "2.0 * x": lambda x, y: 2.0 * x,
    "x / y": lambda x, y: x / y,
    "-x": lambda x, y: -x,
    "x**2": lambda x, y: x**2,
    "x > 0": lambda x, y: x > 0,
    "np.exp(-x * y) / 3": lambda x, y: np.exp(-x * y) / 3,
    "np.sign": lambda x, y: np.sign(x),
    "np.hypot": lambda x, y: np.hypot(x, y) - 1,
    "np.isnan": lambda x, y: np.isnan(x),
}


@pytest.mark.parametrize("function", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_expressions(function):
    check(function)


def rule_of(function):
    return lambda *arguments: apply(TABLE[function], *arguments)


def test_functions_that_are_no_ufuncs():
    check(lambda x, y: np.maximum(x, 0.0), lambda x, y: rule_of(np.maximum)(x, 0.0))
    check(lambda x, y: np.where(x > y, x, y), lambda x, y: x if x > y else y)
    check(lambda x, y: np.where(x > 0, x, 1.0), lambda x, y: x if x > 0 else 1.0)
    check(lambda x, y: np.clip(x, None, y), lambda x, y: rule_of(np.clip)(x, None, y))
    check(lambda x, y: np.clip(x, 0.0, 1), lambda x, y: rule_of(np.clip)(x, 0.0, 1.0))
    check(lambda x, y: np.sinc(x), lambda x, y: np.sinc(x))


def test_arrays_and_single_duals():
    def mixed(x, y):
        s = x[0]
        return np.maximum(s * y, s) + (y - s) * np.ones(3)

    s = NUMBERS[0]
    check(mixed, lambda x, y: rule_of(np.maximum)(s * y, s) + (y - s))


def test_arrays_of_floats_and_a_dual():
    @numba.njit
    def scaled(x, a):
        y = a * x + np.arange(3)
        return y[0], y[1], y[2]

    x = np.array([1.0, 2.0, 3.0])
    for k, result in enumerate(scaled(x, NUMBERS[0])):
        assert_same(result, NUMBERS[0] * x[k] + k)


def test_operators_that_assign_into_the_array():
    def assigned(x, y):
        z = x
        z += y
        z *= 2
        z **= 2
        z -= np.ones(3)
        z /= y + 4.0
        x[0] *= 3
        return z

    def scalar(x, y):
        z = (2 * (x + y)) ** 2 - 1.0
        return z / (y + 4.0) * (3 if x is NUMBERS[0] else 1)

    check(assigned, scalar)


def test_a_dual_is_not_stored_in_an_array_of_floats():
    @numba.njit
    def lost(a, x):
        x += a
        return x

    with pytest.raises(numba.TypingError):
        lost(NUMBERS[0], np.zeros(3))


def test_broadcasting():
    @numba.njit
    def table(first, second):
        x, y = array_of(*first), array_of(*second)
        z = np.exp(x.reshape(-1, 1) - y)
        w = x[:, None] * y
        return z.shape, z[0, 2], z[2, 1], w[1, 2]

    shape, *results = table(tuple(NUMBERS), tuple(OTHERS))
    assert shape == (3, 3)
    (a, b, c), (_, e, f) = NUMBERS, OTHERS
    assert_same(tuple(results), (np.exp(a - f), np.exp(c - e), b * f))


def test_fortran_arrays_stay_so():
    @numba.njit
    def layouts(first):
        x = np.empty((3, 2), KIND)
        x[:] = first[0]
        y = np.asfortranarray(np.ones((3, 2))) * x.T.copy().T
        return (x.T + x.T).flags.f_contiguous, (x + x.T.copy().T).flags.c_contiguous, y[2, 1]

    fortran, c, number = layouts(tuple(NUMBERS))
    assert (fortran, c) == (True, True)
    assert_same(number, NUMBERS[0])


def test_nested_duals():
    kind = DualType(KIND, 1, 2)

    @numba.njit
    def second(x):
        y = np.empty(2, kind)
        y[0], y[1] = x, 2.0 * x
        z = y**3 * np.sin(y)
        return z[0], z[1]

    x = Dual(NUMBERS[0], NUMBERS[1])
    for result, number in zip(second(x), (x, 2.0 * x), strict=True):
        assert_same(result, number**3 * np.sin(number), 16)
