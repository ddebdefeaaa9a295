"""Pullbacks that users state, in plain Python."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.transforms import test_pullback as stated
from tests.transforms.test_pullback import foreign, foreign_like

X = stated.X


def test_foreign_code():
    expected = numgrad.grad(stated.by_numpy, jit=False)(X)
    for mode in ("auto", "reverse"):
        found = numgrad.grad(stated.by_foreign_code, mode=mode, jit=False)(X)
        assert_allclose(found, expected, rtol=1e-13)
    value, (product,) = numgrad.vjp(stated.by_foreign_code, (X,), 2.0, jit=False)
    assert_allclose(value, stated.by_numpy.py_func(X), rtol=1e-14)
    assert_allclose(product, 2.0 * expected, rtol=1e-13)


def test_more_results_than_inputs_go_backward_all_the_same():
    def f(x):
        return np.concatenate([foreign(x), foreign(2.0 * x)])

    def plainly(x):
        return np.concatenate([np.cumprod(x), np.cumprod(2.0 * x)])

    found = numgrad.jacobian(f, jit=False)(X)
    assert_allclose(found, numgrad.jacobian(plainly, jit=False)(X), rtol=1e-13)


def test_second_derivatives_are_those_of_the_pullback():
    for f, expected in (
        (stated.by_foreign_code, stated.by_numpy),
        (stated.by_many, stated.by_none),
    ):
        gradient = numgrad.grad(f, mode="reverse", jit=False)
        assert_allclose(gradient(X), numgrad.grad(expected, jit=False)(X), rtol=1e-12)
        found = numgrad.jacobian(gradient, mode="reverse", jit=False)(X)
        assert_allclose(found, numgrad.hessian(expected, jit=False)(X), rtol=1e-11, atol=1e-13)


def test_forward_mode_says_that_there_is_none():
    for derivative in (
        numgrad.grad(stated.by_foreign_code, mode="forward", jit=False),
        lambda x: numgrad.trace(stated.by_foreign_code, x),
        lambda x: numgrad.jvp(stated.by_foreign_code, (x,), (x,), jit=False),
    ):
        with pytest.raises(numgrad.DifferentiationError, match="for reverse mode alone"):
            derivative(X)
    with pytest.raises(numgrad.DifferentiationError, match="takes real numbers alone"):
        numgrad.grad(lambda x: np.sum(np.abs(foreign(1j * x))), jit=False)(X)


def test_in_a_graph():
    graph = numgrad.trace(stated.by_foreign_code, X, mode="reverse")
    assert "foreign" in [node.operation for node in graph]
    assert_allclose(graph.inputs[0].adjoint, numgrad.grad(stated.by_numpy, jit=False)(X), 1e-13)


def test_what_is_stated_is_believed():
    found = numgrad.grad(lambda x: foreign_like(x).sum(), jit=False)(X)
    assert_allclose(found, 8.0 * X)
    single = numgrad.grad(lambda x: foreign_like(x).sum(), jit=False)(X.astype(np.float32))
    assert single.dtype == np.float32


def test_constants_go_through_and_can_be_written_to():
    def f(x):
        y = np.ones(4) * 2.0
        z = foreign(y)
        z[0] = x[0]
        return np.sum(z * x)

    gradient = numgrad.grad(f, mode="forward", jit=False)(X)
    assert_array_equal(gradient, [2.0 * X[0], 4.0, 8.0, 16.0])


def with_pullback(function, stating):
    compiled = njit(function)
    numgrad.pullback(compiled)(stating)
    return lambda x: np.sum(compiled(x, 2.0))


@pytest.mark.parametrize("message", stated.WRONG)
def test_wrong_pullbacks(message):
    f = with_pullback(stated.scaled, stated.WRONG[message])
    with pytest.raises(TypeError, match=f"the pullback of scaled.*{message}"):
        numgrad.grad(f, mode="reverse", jit=False)(X)


def test_wrong_shapes_and_written_arguments():
    f = with_pullback(stated.scaled, lambda cotangent, x, factor: (cotangent[1:], None))
    with pytest.raises(ValueError, match="has not the shape of its argument"):
        numgrad.grad(f, mode="reverse", jit=False)(X)
    f = with_pullback(stated.scaled_in_place, lambda cotangent, x, factor: (cotangent, None))
    with pytest.raises(ValueError, match="writes to an argument"):
        numgrad.grad(lambda x: f(1.0 * x), mode="reverse", jit=False)(X.copy())
