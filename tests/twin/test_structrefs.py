"""Structrefs that hold derivatives, made in a differentiated function or given to it."""

import numpy as np
import pytest
from numba import njit, types
from numba.experimental import structref
from numba.extending import overload_attribute, overload_method
from numpy.testing import assert_allclose

import numgrad

X = 1.3


@structref.register
class ParticleType(types.StructRef):
    def preprocess_fields(self, fields):
        return tuple((name, types.unliteral(kind)) for name, kind in fields)


class Particle(structref.StructRefProxy):
    def __new__(cls, mass, charge):
        return structref.StructRefProxy.__new__(cls, mass, charge)


structref.define_proxy(Particle, ParticleType, ["mass", "charge"])


@njit
def ruled(x):
    return 1.0 if x > 0.0 else 0.0


@numgrad.rule(ruled)
def _(x):
    return ruled(x), 5.0


@overload_method(ParticleType, "energy")
def _energy(self, speed):
    def energy(self, speed):
        buffer = np.zeros(2)
        buffer[0] = 0.5 * self.mass * speed * speed
        self.charge += speed
        return buffer[0] + buffer[1]

    return energy


@overload_method(ParticleType, "sign")
def _sign(self):
    return lambda self: ruled(self.charge)


@overload_attribute(ParticleType, "double")
def _double(self):
    return lambda self: 2.0 * self.charge


@njit
def numbers(x):
    p = Particle(1.0, 2.0)
    q = p
    p.mass = x * x
    p.charge = p.charge * 3
    return q.mass * p.charge + p.energy(x) + p.charge * x


@njit
def arrays(x):
    p = Particle(np.zeros(3), 2.0)
    p.mass[1] = x * x
    p.mass = p.mass * x
    return p.mass.sum() * p.charge


@njit
def make(k):
    return Particle(k, k)


@njit
def made_by_another(x):
    p = make(2.0)
    p.mass = x
    return p.mass * x * p.charge


@njit
def listed(x):
    ps = [Particle(x * k, 1.0) for k in range(3)]
    for p in ps:
        p.charge = p.mass * x
    return ps[2].charge


@njit
def every(x):
    return np.array([numbers(x), arrays(x), made_by_another(x), listed(x)])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_structrefs_made_inside(mode):
    expected = (every(X + 1e-6) - every(X - 1e-6)) / 2e-6
    assert_allclose(numgrad.jacobian(every, mode=mode)(X), expected, rtol=1e-6)


def test_second_derivative():
    first = numgrad.derivative(numbers)
    expected = (first(X + 1e-6) - first(X - 1e-6)) / 2e-6
    assert numgrad.derivative(first)(X) == pytest.approx(expected, rel=1e-6)


def test_many_partials():
    """They lie in vectors of the processor's, which want to be aligned."""

    @njit
    def f(v):
        result = np.empty(20)
        for k in range(20):
            p = Particle(v[0] * v[1], 2.0)
            p.charge = p.mass * v.sum()
            result[k] = p.charge
        return result

    v = np.linspace(1.0, 2.0, 16)
    found = numgrad.jacobian(f, mode="forward")(v)
    slopes = np.full(16, v[0] * v[1])
    slopes[:2] += v[1::-1] * v.sum()
    assert_allclose(found, np.tile(slopes, (20, 1)), rtol=1e-14)


@njit
def write_numbers(x, p):
    p.mass = x * p.mass
    return p.mass * p.energy(x)


@njit
def write_arrays(x, p):
    p.mass[0] = x
    p.mass = p.mass * x
    return p.mass.sum() * p.charge


@njit
def held_by(p):
    return p.mass, p.charge


GIVEN = [
    (write_numbers, lambda: Particle(2.0, 3.0)),
    (write_arrays, lambda: Particle(np.ones(3), 3.0)),
]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(("function", "given"), GIVEN)
def test_structrefs_hold_what_one_call_leaves(function, given, mode):
    expected = (function(X + 1e-6, given()) - function(X - 1e-6, given())) / 2e-6
    once, differentiated = given(), given()
    function(X, once)
    found = numgrad.grad(function, mode=mode)(X, differentiated)
    assert found == pytest.approx(expected, rel=1e-6)
    for one, other in zip(held_by(once), held_by(differentiated), strict=True):
        assert_allclose(one, other, rtol=1e-14)


def test_several_passes_write_constants_once():
    @njit
    def f(v, p):
        p.charge += 1.0
        return v * p.charge

    p = Particle(2.0, 3.0)
    assert_allclose(numgrad.jacobian(f, mode="forward")(np.ones(40), p), 4.0 * np.eye(40))
    assert held_by(p) == (2.0, 4.0)


def test_methods_follow_rules():
    @njit
    def f(x):
        p = Particle(1.0, 2.0)
        p.charge = x * x
        return p.sign()

    assert numgrad.grad(f)(3.0) == 30.0


def test_attributes_that_are_computed():
    @njit
    def f(x):
        p = Particle(x, 2.0)
        p.charge = x
        return p.double

    with pytest.raises(numgrad.DifferentiationError, match="The attribute double of a structref"):
        numgrad.grad(f)(X)


def test_one_structref_under_two_names():
    p = Particle(2.0, 3.0)

    @njit
    def f(x, p, q):
        p.mass = x
        return q.mass

    with pytest.raises(ValueError, match="shares memory"):
        numgrad.grad(f)(X, p, p)
