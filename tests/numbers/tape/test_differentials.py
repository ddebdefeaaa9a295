"""Differentials by hand: what duals with one are made of, and the sweeps over them."""

import numpy as np
import pytest

from numgrad.numbers.dual.number import Dual
from numgrad.numbers.tape.differentials import (
    ZERO,
    ComplexDifferential,
    Differential,
    linear_sum,
    mapped,
)
from numgrad.tracer.sweeps import backward, forward, steps_to


def variable(value):
    dx = Differential()
    return Dual(value, dx), dx


def test_sums_keep_their_terms():
    (x, dx), (y, dy) = variable(2.0), variable(3.0)
    z = x * y + np.sin(x)
    (dz,) = z.partials
    product, sine = dz.sources
    assert (product.sources, product.slopes) == ((dx, dy), (3.0, 2.0))
    assert (sine.sources, sine.slopes) == ((dx,), (np.cos(2.0),))
    assert backward({dz: 1.0}) == {
        **{dz: 1.0, product: 1.0, sine: 1.0},
        **{dx: 3.0 + np.cos(2.0), dy: 2.0},
    }
    assert forward(steps_to([dz]), {dy: 0.5})[dz] == 1.0


def test_orders_are_those_of_computing():
    x, dx = variable(2.0)
    y = x
    for _ in range(5):
        y = y * x
    steps = steps_to(y.partials)
    assert [step.order for step in steps] == sorted(step.order for step in steps)
    assert steps[0] is dx
    assert steps_to(y.partials, {steps[-1]}) == [steps[-1]]  # nothing beyond an end


def test_constants_are_left_out():
    _, dx = variable(1.0)
    assert linear_sum([(2.0, ZERO)]) is ZERO
    assert linear_sum([(2.0, ZERO), (3.0, dx)]).sources == (dx,)
    assert (dx.real, dx.imag) == (dx, ZERO)


def test_complex_numbers_have_two():
    _, dx = variable(1.0)
    z = Dual(1.0 + 2.0j, dx)
    assert z.partials[0].real is dx
    assert z.partials[0].imag is ZERO
    (dw,) = (z * (3.0 - 1.0j)).partials
    assert [backward({part: 1.0})[dx] for part in (dw.real, dw.imag)] == [3.0, -1.0]
    with pytest.raises(TypeError, match="a Dual with a real value has real partials"):
        Dual(1.0, ComplexDifferential(dx, dx))


def test_zero_times_infinity_moves_nothing():
    x, dx = variable(0.0)
    (dy,) = (np.sqrt(x) * 0.0).partials
    assert backward({dy: 1.0})[dx] == 0.0
    (dz,) = np.sqrt(x * 0.0).partials
    assert backward({dz: 1.0})[dx] == 0.0


def test_a_map_goes_back_by_its_adjoint():
    matrix = np.array([[1.0, 2.0j], [3.0, 4.0 - 1.0j], [0.0, 1.0]])
    dx, dy = Differential(), Differential()

    def push(numbers):
        return matrix @ numbers

    def pull(numbers):
        return matrix.conj().T @ numbers

    images = mapped([dx, ComplexDifferential(ZERO, dy)], True, 3, push, pull)
    for k, image in enumerate(images):
        for part, take in ((image.real, np.real), (image.imag, np.imag)):
            found = backward({part: 1.0})
            slopes = [take(matrix[k, 0]), take(1j * matrix[k, 1])]
            assert [found[dx], found[dy]] == slopes
            moved = [forward(steps_to([part]), {each: 1.0})[part] for each in (dx, dy)]
            assert moved == slopes
    assert mapped([ZERO, ZERO], False, 3, push, pull) == [ZERO] * 3
