"""Objects of jitclasses where nothing is compiled, against what Numba makes of the same code."""

import numpy as np
import pytest
from numba import float32, float64, int64, njit
from numba.experimental import jitclass
from numpy.testing import assert_allclose

import numgrad
from tests.fields.reference import by_differences
from tests.twin.jitclasses import Body, Field, Node, Vec

X = np.array([1.3, 0.7, 2.1, 0.4, 1.9, 2.7])
MODES = "forward", "reverse"


@jitclass([("scale", float64), ("weights", float64[:]), ("steps", int64), ("short", float32)])
class Model:
    def __init__(self, scale, weights):
        self.scale = scale
        self.weights = weights

    def energy(self, x):
        return self.scale * np.sum(self.weights * x**2)

    def step(self, by):
        self.scale += by
        self.steps += 1

    def fill(self, x):
        for i in range(x.size):
            self.weights[i] = x[i] ** 2


@njit
def made(x):
    """Operators, properties that are set, objects in objects, items by methods."""
    first, second = Vec(x[0], x[1]), Vec(x[2], 2.0)
    total = (first + second) * x[3]
    total[0] = total[1] * x[4]
    total.size = total.size * 2.0
    body = Body(first, x[5])
    body.push(x[0])
    field = Field(4, x[1])
    for i in range(3):
        field.step(x[i])
    kept = abs(total) + first.dot(second) + total.tag + Vec(x[0], x[1]).itself().x
    return kept + body.v.x * body.pos[0] * body.pos[1] + field.total() * field.count[0]


@njit
def linked(x):
    last = Node(np.array([1.0, 2.0]), None)
    first = Node(np.array([3.0, 4.0]), last)
    return first.a[0] * x[0] ** 2 + last.a[1] * x[1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("function", [made, linked])
def test_objects_that_are_made(function, mode):
    found = numgrad.grad(function, mode=mode, jit=False)(X)
    assert_allclose(found, by_differences(function, X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("keywords", [{}, {"jit": False}, {"jit": False, "mode": "reverse"}])
def test_objects_that_are_given(keywords):
    """They are as one call of the function leaves them."""

    def change(x, model, body):
        model.step(x[0])
        model.fill(x)
        body.push(x[1])
        body.v.y = x[2]
        return model.energy(x) * body.v.x * body.v.y * body.pos[0]

    def given():
        return Model(2.0, np.arange(6.0)), Body(Vec(1.0, 2.0), 3.0)

    def value(x):
        return change(x, *given())

    model, body = given()
    found = numgrad.grad(change, **keywords)(X, model, body)
    assert_allclose(found, by_differences(value, X), rtol=1e-6, atol=1e-6)
    assert (model.scale, model.steps) == (2.0 + X[0], 1)
    assert_allclose(model.weights, X**2)
    assert (body.v.y, body.pos) == (X[2], (3.0 + X[1], X[1]))


def test_lists_of_objects_that_are_given():
    def push(x, bodies):
        for each in bodies:
            each.x += x[0]
        return bodies[0].x * bodies[1].x

    bodies = [Vec(1.0, 2.0), Vec(3.0, 4.0)]
    assert_allclose(numgrad.grad(push, jit=False)(X[:1], bodies), [4.0 + 2.0 * X[0]])
    assert [each.x for each in bodies] == [1.0 + X[0], 3.0 + X[0]]


def test_fields_hold_what_their_types_say():
    def rounded(x):
        model = Model(1, np.zeros(2))
        model.short = x[0]
        return model.short * model.steps + model.short

    gradient = numgrad.grad(rounded, jit=False)
    assert gradient(X[:1]) == 1.0

    def lost(x):
        model = Model(1.0, np.zeros(2))
        model.steps = x[0]  # a whole number
        return model.steps * x[0]

    with pytest.raises(numgrad.DifferentiationError, match="whole number\nWhat is stored in the "):
        numgrad.grad(lost, jit=False)(X)


def test_nested_derivatives_through_an_object():
    def outer(x):
        model = Model(x, np.ones(1))

        def inner(y):
            model.step(y)
            return model.scale * y

        return numgrad.derivative(lambda y: y * model.scale)(2.0) * x + inner(x)

    assert_allclose(numgrad.derivative(outer, jit=False)(3.0), 2 * 3.0 + 4 * 3.0)


def test_objects_with_two_names_are_refused():
    model = Model(2.0, np.arange(6.0))

    def twice(x, given):
        given.step(x[0])
        return given.scale * model.scale

    def by_memory(x, weights):
        weights[0] = x[0]
        return weights[0] * model.weights[0]

    def replaced(x, body):
        body.v = Vec(x[0], x[1])
        return body.v.x

    for function, given in ((twice, model), (by_memory, model.weights)):
        with pytest.raises(numgrad.DifferentiationError, match="shares memory with a variable"):
            numgrad.grad(function, jit=False)(X, given)
        with pytest.raises(numgrad.DifferentiationError, match="It writes to an argument, and"):
            numgrad.grad(function)(X, given)
    for jit in (True, False):
        with pytest.raises(ValueError, match="holds another object afterwards"):
            numgrad.grad(replaced, jit=jit)(X, Body(Vec(1.0, 2.0), 3.0))
