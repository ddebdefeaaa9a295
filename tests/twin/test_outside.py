"""Objects of jitclasses under global names: read where they are, and refused where written."""

import gc

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from tests.tracer.test_jitclasses import Model

X = np.array([1.3, 0.7, 2.1])
MODES = [{"mode": "forward"}, {"mode": "reverse"}, {"jit": False}]
MODEL = Model(2.0, np.arange(3.0))


def weighed(value):
    return MODEL.weights[1] * value


def found(x):
    return MODEL.energy(x) * MODEL.scale + weighed(x[0])


def by_hand(x):
    return 2.0 * MODEL.scale**2 * MODEL.weights * x + [MODEL.weights[1], 0.0, 0.0]


@pytest.mark.parametrize("keywords", MODES, ids=str)
def test_methods_and_fields(keywords):
    gradient = numgrad.grad(found, **keywords)
    assert_allclose(gradient(X), by_hand(X))
    MODEL.scale = 3.0
    MODEL.weights[1] = 5.0
    assert_allclose(gradient(X), by_hand(X))  # as it is when the derivative is called
    MODEL.scale, MODEL.weights[1] = 2.0, 1.0


@pytest.mark.parametrize("keywords", MODES, ids=str)
def test_bound_methods(keywords):
    gradient = numgrad.grad(MODEL.energy, **keywords)
    assert_allclose(gradient(X), 2.0 * MODEL.scale * MODEL.weights * X)


def test_nested_derivatives():
    def twice(x):
        return numgrad.derivative(weighed)(x) * x**2

    for keywords in MODES:
        assert_allclose(numgrad.grad(twice, **keywords)(3.0), 6.0)


def test_captured_objects_stay_alive():
    def of(scale):
        model = Model(scale, np.full(3, scale))
        return lambda x: model.energy(x)

    gradients = [numgrad.grad(of(scale)) for scale in (1.0, 2.0)]
    gc.collect()
    for scale, gradient in zip((1.0, 2.0), gradients, strict=True):
        assert_allclose(gradient(X), 2.0 * scale**2 * X)
        gc.collect()
        assert_allclose(gradient(X), 2.0 * scale**2 * X)


def test_what_writes_to_one_is_refused():
    def stepped(x):
        MODEL.step(x[0])  # there
        return MODEL.scale

    def counting():
        MODEL.steps += 1  # there
        return MODEL.steps

    def counted(x):
        return counting() * x[0]

    def filled(x, weights):
        weights[0] = x[0]
        return weighed(x[0])

    for mode in ("forward", "reverse"):
        for function in (stepped, counted):
            with pytest.raises(numgrad.DifferentiationError, match="# there\nIt writes to an obj"):
                numgrad.grad(function, mode=mode)(X)
        with pytest.raises(numgrad.DifferentiationError, match="may hold the same memory"):
            numgrad.grad(filled, mode=mode)(X, MODEL.weights)
    with pytest.raises(numgrad.DifferentiationError, match="What is stored in the field scale"):
        numgrad.grad(stepped, jit=False)(X)
    assert (MODEL.scale, MODEL.steps) == (2.0, 0)


def test_numba_refuses_them_still():
    with pytest.raises(NotImplementedError, match="Cannot lower constant of type"):
        njit(lambda: MODEL.scale)()
