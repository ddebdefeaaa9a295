"""Exceptions and refusals in plain Python."""

import math
from functools import partial

import numpy as np
import pytest
from numba import types
from numba.experimental import structref
from numpy.testing import assert_array_equal

import numgrad

derivative, grad, hessian = (
    partial(maker, jit=False) for maker in (numgrad.derivative, numgrad.grad, numgrad.hessian)
)


class OwnError(Exception):
    def __init__(self, x, note):
        super().__init__(x, note)
        self.x = x


def failing(x):
    if x > 1.0:
        raise OwnError(x * 2.0, [x, ("text", np.array([x, 1.0]))])
    return x


@pytest.mark.parametrize(
    "maker", [derivative, lambda f: derivative(derivative(f)), lambda f: derivative(hessian(f))]
)
def test_exceptions_carry_values(maker):
    with pytest.raises(OwnError) as caught:
        maker(failing)(3.0)
    number, (same, (text, array)) = caught.value.args
    assert (number, same, text) == (6.0, 3.0, "text")
    assert type(number) is type(same) is type(caught.value.x) is float
    assert type(array) is np.ndarray
    assert_array_equal(array, [3.0, 1.0])


def chained(x):
    try:
        failing(x)
    except OwnError as error:
        raise KeyError(f"{x} {x:.1f} " + str(x)) from error
    return x


def test_causes_and_texts_of_exceptions():
    with pytest.raises(KeyError) as caught:
        derivative(chained)(3.0)
    assert caught.value.args == ("3.0 3.0 3.0",)
    assert caught.value.__cause__.args[0] == 6.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1.0 / (x - 2.0),
        lambda x: 1 // (x - 2.0),
        lambda x: x % (x - 2.0),
        lambda x: (x - 2.0) ** -1,
        lambda x: divmod(x, x - 2.0)[1],
        lambda x: math.log(x - 2.0),
        lambda x: math.sqrt(-x),
        lambda x: math.exp(x * 1000.0),
        lambda x: x**100000.0,
        lambda x: np.zeros(2)[int(x)] * x,
        lambda x: np.zeros(2).__setitem__(5, x),
        lambda x: np.reshape(np.array([x, x]), (3, 2)),
        lambda x: np.linalg.inv(np.array([[x, x], [x, x]])),
        lambda x: np.linalg.solve(np.array([[x, 1.0]]), np.array([x])),
        lambda x: np.max(np.array([x, x])[:0]),
        lambda x: np.sum(np.array([x, x]), axis=3),
        lambda x: np.add(np.array([x, x]), 1.0, out=np.zeros(3)),
        lambda x: np.broadcast_to(np.array([x, x]), (3, 2)).fill(x),
        lambda x: np.array([x]).imag.fill(x),
        lambda x: np.zeros(3).__iadd__(np.array([x, x])),
        lambda x: np.array([x, x]).item(),
        lambda x: np.cumsum(np.array([x, x]), out=np.zeros((3, 2))),
        lambda x: np.mean(np.array([x, x]), None, None, np.zeros(1)),
        lambda x: np.zeros((2, 2)).T.reshape(-1, copy=False) * x,
    ],
)
def test_the_same_errors(f):
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever it is
        f(2.0)
    with pytest.raises(type(expected.value)) as caught:
        derivative(f)(2.0)
    assert type(caught.value) is type(expected.value)
    assert caught.value.args == expected.value.args


def test_numbers_of_numpy_divide_by_zero():
    """Elements of arrays are NumPy's numbers, which warn where Python's raise."""
    with np.errstate(divide="ignore"):
        assert_array_equal(grad(lambda x: 1.0 / (x[0] - 2.0))(np.array([2.0])), [-np.inf])
    assert derivative(lambda x: abs(x**0.5))(-2.0) == pytest.approx(-0.5 / math.sqrt(2.0))


def test_what_traced_numbers_are_instances_of():
    def f(x, a):
        assert isinstance(x, float)
        assert not isinstance(x, int | str)
        assert isinstance(a, np.ndarray)
        assert isinstance(a[0], np.float64)
        assert np.isscalar(x)
        return x * a[0]

    assert grad(f, (0, 1))(2.0, np.ones(1))[0] == 1.0


def test_copies_of_others_that_would_share_memory():
    """What asks no array what it is makes a copy of a traced one: that must not grow stale."""

    def f(x):
        u = np.zeros(2)
        kept = np.ma.asarray(u)
        u[0] = x
        return kept[0] * x

    with pytest.raises(numgrad.DifferentiationError, match=r"u\[0\] = x\n.*doesn't see it"):
        derivative(f)(2.0)

    def g(x):
        u = np.zeros(2)
        total = np.ma.asarray(u).sum()
        u[0] = x
        return u[0] * x + total

    assert derivative(g)(2.0) == 4.0


class PairType(types.StructRef):
    pass


structref.register(PairType)


class Pair(structref.StructRefProxy):
    def __new__(cls, first, second):
        return structref.StructRefProxy.__new__(cls, first, second)


structref.define_proxy(Pair, PairType, ["first", "second"])


def test_what_is_compiled_alone_says_by_line_that_it_takes_none():
    def f(x):
        return Pair(x[0], 2.0)

    with pytest.raises(
        numgrad.DifferentiationError, match=r"(?s)StructRefProxy.__new__.*What is compiled"
    ):
        numgrad.grad(f, jit=False)(np.ones(2))
