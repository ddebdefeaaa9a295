"""Methods of objects that a function finds under a name, in plain Python."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numgrad

X = np.array([0.3, 1.2])


class Weights:
    def __init__(self, factor):
        self.factor = factor

    def weigh(self, v):
        y = np.zeros(2)
        y[0] = self.factor * math.exp(v)
        return y


class Model:
    shared = Weights(2.0)

    def __init__(self):
        self.scale = 3.0
        self.calls = 0
        self.own = Weights(0.5)
        self.function = lambda v: math.cos(v)

    def rate(self, v):
        y = np.zeros(2)
        y[1] = self.scale * math.sin(v) + self.helper(v)
        return y[1]

    def helper(self, v):
        self.calls += 1
        return self.shared.weigh(v)[0] + self.own.weigh(v)[0] + self.function(v)

    @property
    def steepness(self):
        return math.sqrt(self.scale)

    @staticmethod
    def power(v):
        return math.pow(v, 3.0)

    @classmethod
    def logarithm(cls, v):
        return math.log(v)

    def __call__(self, v):
        return math.tan(v)

    def __add__(self, v):
        return math.exp(v)

    def __radd__(self, v):
        return 2.0 * math.exp(v)

    def __getitem__(self, k):
        return math.sinh if k else math.cosh

    def __len__(self):
        return 2


MODEL = Model()

# By a function of the first number, its slope
FUNCTIONS = {
    "a method": (
        lambda x: MODEL.rate(x[0]),
        lambda v: 3.0 * math.cos(v) + 2.5 * math.exp(v) - math.sin(v),
    ),
    "a bound method": (
        lambda x: (lambda method: method(x[0]))(MODEL.helper),
        lambda v: 2.5 * math.exp(v) - math.sin(v),
    ),
    "a property": (lambda x: MODEL.steepness * x[0], lambda v: math.sqrt(3.0)),
    "a static method": (lambda x: MODEL.power(x[0]), lambda v: 3.0 * v**2),
    "a class method": (lambda x: MODEL.logarithm(x[0]), lambda v: 1.0 / v),
    "a call": (lambda x: MODEL(x[0]), lambda v: 1.0 / math.cos(v) ** 2),
    "an operator": (lambda x: MODEL + x[0], math.exp),
    "the other way round": (lambda x: x[0] + MODEL, lambda v: 2.0 * math.exp(v)),
    "an item": (lambda x: MODEL[1](x[0]) * len(MODEL), lambda v: 2.0 * math.cosh(v)),
    "an object it holds": (
        lambda x: MODEL.own.weigh(x[0])[0],
        lambda v: 0.5 * math.exp(v),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives(name):
    f, slope = FUNCTIONS[name]
    for mode in ("forward", "reverse"):
        assert_allclose(numgrad.grad(f, mode=mode, jit=False)(X), [slope(X[0]), 0.0])


def test_objects_in_closures():
    def of(model):
        return lambda x: model.rate(x[0])

    expected = FUNCTIONS["a method"][1](X[0])
    assert_allclose(numgrad.grad(of(Model()), jit=False)(X), [expected, 0.0])


def test_the_object_itself_is_read_and_written():
    model = Model()

    def f(x):
        assert isinstance(model, Model)
        assert model == model
        assert hash(model) == hash(MODEL_IN_TEST)
        assert repr(model) == repr(MODEL_IN_TEST)
        assert hasattr(model, "scale")
        assert not hasattr(model, "other")
        model.last = 7.0
        return model.helper(x[0])

    global MODEL_IN_TEST
    MODEL_IN_TEST = model
    numgrad.grad(f, jit=False)(X)
    assert model.calls == 1
    assert model.last == 7.0


MODEL_IN_TEST = None
MODELS = [Model(), MODEL]


class Chosen:
    def __init__(self):
        self.best = MODEL

    def value(self, v):
        return v * v if self.best is MODEL else v

    def is_same(self):
        return self is CHOSEN


CHOSEN = Chosen()


def test_identity_is_that_of_the_objects():
    """A stand-in is another thing than its object, which code that asks must not see."""

    def f(x):
        total = 0.0
        for model in MODELS:
            total += 2.0 * x[0] if model is MODEL else 3.0 * x[1]
        return total

    def by_argument(x):
        return g(MODEL, x) if type(MODEL) is Model and type(MODEL) is type(MODELS[0]) else x[1]

    def g(model, x):
        return x[0] * x[0] if model is MODELS[1] else x[1]

    assert_allclose(numgrad.grad(f, jit=False)(X), [2.0, 3.0])
    assert_allclose(numgrad.grad(by_argument, jit=False)(X), [2.0 * X[0], 0.0])
    assert_allclose(numgrad.grad(lambda x: CHOSEN.value(x[0]), jit=False)(X), [2.0 * X[0], 0.0])
    same = numgrad.grad(lambda x: x[0] if CHOSEN.is_same() else x[1], jit=False)
    assert_allclose(same(X), [1.0, 0.0])


def test_objects_of_libraries_and_values_are_left():
    import fractions
    from collections import namedtuple

    from numgrad.tracer.owners import is_users

    class Pair(namedtuple("Pair", "first second")):
        def total(self):
            return self.first + self.second

    for thing in (fractions.Fraction(1, 2), Pair(1.0, 2.0), np.ones(3), len, Model, 1.0, "text"):
        assert not is_users(thing)
    assert is_users(MODEL)
