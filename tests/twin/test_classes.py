"""Objects that carry numbers: constants, and what their fields can't hold."""

import linecache
from typing import NamedTuple

import numpy as np
import pytest
from numba import float64, njit, types
from numba.experimental import jitclass, structref

import numgrad


class Point(NamedTuple):
    x: float
    y: float


class State(NamedTuple):
    values: np.ndarray
    scale: float


@njit
def ruled(x):
    return 1.0 if x > 0.0 else 0.0


@numgrad.rule(ruled)
def _(x):
    return ruled(x), 5.0


@jitclass([("mass", float64), ("stiffness", float64[:])])
class Spring:
    def __init__(self, mass, stiffness):
        self.mass = mass
        self.stiffness = stiffness

    def energy(self, x):
        buffer = np.zeros(2)
        buffer[0] = 0.5 * self.stiffness[0] * x * x
        return buffer[0] + buffer[1]

    def sum(self, x, scale=1.0):
        return self.energy(x) + scale * ruled(x)

    def store(self, out, x):
        out[0] = self.mass * x

    def weigh(self, mass):
        self.mass = mass

    @property
    def weight(self):
        return 9.0 * self.mass

    @staticmethod
    def square(x):
        return x * x


@structref.register
class ParticleType(types.StructRef):
    def preprocess_fields(self, fields):
        return tuple((name, types.unliteral(kind)) for name, kind in fields)


class Particle(structref.StructRefProxy):
    def __new__(cls, mass, charge):
        return structref.StructRefProxy.__new__(cls, mass, charge)


structref.define_proxy(Particle, ParticleType, ["mass", "charge"])

SPRING = Spring(2.0, np.array([3.0]))
PARTICLE = Particle(2.0, 3.0)
POINT = Point(2.0, 3.0)
RECORDS = np.array([(2.0, 3.0), (5.0, 6.0)], [("a", np.float64), ("b", np.float64)])


def named_tuple_built_inside(x):
    point = Point(x, x * x)
    first, second = point
    return point.x * point.y + first * second


def array_in_a_named_tuple(x):
    state = State(np.zeros(2), x)
    state.values[0] = x * x
    return state.values[0] * state.scale


def constructed(x):
    return Spring(2.0, np.ones(1)).sum(x)


def filled_by_a_method(x, spring):
    out = np.zeros(1)
    spring.store(out, x)
    return out[0] * out[0]


# Each with what else it takes, and its derivative at 3.
READ = [
    (lambda x, p: x * p.x * p.y, POINT, 6.0),
    (lambda x: x * POINT.x, None, 2.0),
    (named_tuple_built_inside, None, 54.0),
    (array_in_a_named_tuple, None, 27.0),
    (lambda x, s: x * x * s.mass * s.stiffness[0], SPRING, 36.0),
    (lambda x, s: s.energy(x), SPRING, 9.0),
    (lambda x, s: s.energy(2.0) * x + s.weight * x, SPRING, 24.0),
    (lambda x, s: s.square(x), SPRING, 6.0),
    (lambda x, s: s.sum(scale=2.0, x=x), SPRING, 19.0),
    (lambda x, t: t[1].mass * x, (1, SPRING), 2.0),
    (constructed, None, 8.0),
    (filled_by_a_method, SPRING, 24.0),
    (lambda x, p: p.mass * x, PARTICLE, 2.0),
    (lambda x: Particle(x * x, 2.0).mass, None, 6.0),
    (lambda x, r: x * r[1].a + x * r[0]["b"] + x * r.a[0], RECORDS, 10.0),
    (lambda x, r: x * r.b, RECORDS[0], 3.0),
    (lambda x: x * RECORDS[1].b, None, 6.0),
]


@pytest.mark.parametrize(("function", "constant", "expected"), READ)
def test_fields_are_read(function, constant, expected):
    arguments = (3.0,) if constant is None else (3.0, constant)
    assert numgrad.grad(function)(*arguments) == pytest.approx(expected, rel=1e-14)


def test_by_the_fields_of_a_named_tuple():
    f = njit(lambda p: p.x * p.x * p.y)
    assert numgrad.grad(f)(POINT) == (12.0, 4.0)
    assert numgrad.hessian(f)(POINT) == ((6.0, 4.0), (4.0, 0.0))


def test_second_derivative_through_a_method():
    energy = njit(lambda x, s: s.energy(x))
    assert numgrad.derivative(numgrad.derivative(energy))(3.0, SPRING) == 3.0


def test_a_field_that_takes_a_constant():
    @njit
    def f(x, spring):
        spring.weigh(5.0)
        return spring.mass * x

    spring = Spring(2.0, np.ones(1))
    assert numgrad.grad(f)(3.0, spring) == 5.0
    assert spring.mass == 5.0


def set_in_record(x, record):
    record.a = x
    return record.a


def test_fields_that_cannot_hold_derivatives():
    with pytest.raises(numgrad.DifferentiationError, match="carries derivatives") as raised:
        numgrad.grad(set_in_record)(3.0, RECORDS[0])
    message = str(raised.value)
    number = int(message.split(f"{__file__}, line ")[1].split(":")[0])
    assert linecache.getline(__file__, number).strip() == "record.a = x"
    assert "record" in message
    assert "derivatives would be lost" in message


@pytest.mark.parametrize("thing", [SPRING, PARTICLE, RECORDS])
def test_classes_have_no_gradient(thing):
    with pytest.raises(TypeError, match="can't be differentiated by"):
        numgrad.grad(njit(lambda thing: 1.0))(thing)
