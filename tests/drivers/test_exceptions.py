"""Errors of a function are those of its derivatives: the same class, the same arguments.

The reference is the function itself, under both of Numba's error models.
"""

import math

import numpy as np
import pytest
from numba import njit, types
from numba.core.registry import cpu_target

import numgrad
from numgrad.arrays.activation import shown
from numgrad.numbers.dual.type import DualType


def outcome(f, *arguments):
    """Return what a function raises, and None if it returns."""
    try:
        f(*arguments)
    except Exception as error:
        return type(error), error.args
    return None


def of_numbers(x, y, which):
    """Divide numbers in one of the ways that may raise."""
    if which == 0:
        return x / y
    if which == 1:
        return x // y + x
    if which == 2:
        return x % y
    if which == 3:
        return divmod(x, y)[1]
    if which == 4:
        return y**-1
    if which == 5:
        return y ** (int(x) - 3)
    if which == 6:
        return 2 / y + x
    if which == 7:
        return x / int(y)
    x /= y
    return x


def of_numpy(x, y):
    """Divide numbers in the ways of NumPy, which raise nothing."""
    a = np.divide(x, y) + np.mod(x, y) + np.floor_divide(x, y) + np.divmod(x, y)[1]
    b = np.power(y, -1) + np.power(y, int(x) - 3) + y**-1.0 + math.pow(y, -1.0)
    return a + b + math.log(y) + math.sqrt(y - 1.0) + np.fmod(x, y)


def of_arrays(x, y):
    """Divide arrays, which raises nothing either."""
    z = x * 1.0
    z /= y
    return (x / y).sum() + (x // y * x).sum() + (x % y).sum() + z.sum() + (2.0 / y).sum()


MODELS = {
    "python": {},
    "numpy": {"error_model": "numpy"},
    "fastmath": {"fastmath": True},
    "fast numpy": {"fastmath": True, "error_model": "numpy"},
}


@pytest.mark.parametrize(
    "model", ["python", "numpy", "fastmath", pytest.param("fast numpy", marks=pytest.mark.thorough)]
)
def test_divisions_by_zero(model):
    f = njit(**MODELS[model])(of_numbers)
    by_both = numgrad.derivative(f, argnums=(0, 1))
    by_one = [numgrad.derivative(f, argnums=k) for k in (0, 1)]
    second = numgrad.derivative(by_one[1], argnums=1)
    for which in range(9):
        for y in (0.0, -0.0, 2.0):
            expected = outcome(f, 2.0, y, which)
            for derive in (by_both, *by_one, second):
                assert outcome(derive, 2.0, y, which) == expected, which


@pytest.mark.parametrize("model", ["python", pytest.param("numpy", marks=pytest.mark.thorough)])
def test_divisions_that_never_raise(model):
    f = njit(**MODELS[model])(of_numpy)
    assert outcome(f, 2.0, 0.0) is None
    assert outcome(numgrad.derivative(f, 1), 2.0, 0.0) is None
    g = njit(**MODELS[model])(of_arrays)
    zeros = np.zeros(2)
    assert outcome(g, np.ones(2), zeros) is None
    for argnum in (0, 1):
        assert outcome(numgrad.grad(g, argnum), np.ones(2), zeros) is None


@pytest.mark.thorough
@pytest.mark.parametrize("model", ["python", "numpy"])
def test_second_derivatives_of_divisions_that_never_raise(model):
    f = njit(**MODELS[model])(of_numpy)
    assert outcome(numgrad.derivative(numgrad.derivative(f, 1), 1), 2.0, 0.0) is None


def test_divisions_in_fused_expressions():
    """Numba compiles negative powers of arrays as powers of numbers."""
    f = njit(lambda y, n: (y**-1 + 1.0).sum() * (y**n).sum())
    for y in (np.array([0.0, 2.0]), np.array([1.0, 2.0])):
        assert outcome(numgrad.grad(f), y, -2) == outcome(f, y, -2)
    assert numgrad.grad(njit(lambda y, n: (y**n).sum()))(np.array([1.0, 2.0]), -2).tolist() == [
        -2.0,
        -0.25,
    ]


def test_division_by_zero_is_caught_where_the_function_catches_it():
    @njit
    def safe(x):
        try:
            y = x[0] / x[1]
        except Exception:
            y = 7.0 * x[0]
        return y

    assert numgrad.grad(safe)(np.array([3.0, 2.0])).tolist() == [0.5, -0.75]
    assert numgrad.grad(safe)(np.array([3.0, 0.0])).tolist() == [7.0, 0.0]


def test_callees_keep_their_error_model():
    inner = njit(error_model="numpy")(lambda x: 1.0 / x)
    f = njit(lambda x: min(inner(x), 3.0) / (x + 1.0))
    assert numgrad.derivative(f)(0.0) == -3.0
    assert (
        outcome(numgrad.derivative(f), -1.0)
        == outcome(f, -1.0)
        == (
            ZeroDivisionError,
            ("division by zero",),
        )
    )


def test_powers_at_zero():
    """Exact at every order for whole exponents, infinite for negative ones."""
    cube = njit(lambda x, n: np.power(x, n))
    derivative = cube
    for expected in (0.0, 0.0, 6.0, 0.0):
        derivative = numgrad.derivative(derivative)
        assert derivative(0.0, 3) == expected
    assert numgrad.derivative(cube)(0.0, -1) == -np.inf
    assert numgrad.derivative(cube)(2.0, -70000) == 0.0


# Exceptions made of numbers with derivatives


@njit
def parts(x):
    y = 2.0 * x[0]
    first = shown(y)
    items = shown((y, 3, (x[1], "text")))
    array = shown(x * 1.0)
    listed = shown([y, x[1]])
    return y, first + items[0] + items[2][0] + array.sum() + listed[1], items[1]


@pytest.mark.parametrize("count", [1, 2, 8])
def test_numbers_are_shown_without_derivatives(count):
    """What is raised, or printed, has the type and the values that it has in the function."""
    x = np.arange(1.0, 1.0 + max(2, count))
    _, total, three = numgrad.jacobian(parts)(x)
    assert total.tolist() == [0.0] * x.size
    assert three is None

    dual = DualType(types.float64, count, 1)
    typing = cpu_target.typing_context
    for kind, expected in (
        (dual, types.float64),
        (types.Tuple([dual, types.int64]), types.Tuple([types.float64, types.int64])),
        (types.Array(dual, 2, "C"), types.Array(types.float64, 2, "C")),
    ):
        function = typing.resolve_value_type(shown)
        assert typing.resolve_function_type(function, (kind,), {}).return_type == expected
