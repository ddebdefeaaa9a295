"""Which way a Jacobian is taken in mode auto, by the numbers of inputs and outputs."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.transforms.outputs import INPUTS_AN_OUTPUT, count_of


@njit
def some(x, count, scale=1.0):
    """As many numbers as are asked for."""
    if count < 0:
        raise ValueError("a number of results is not negative")
    total, results = np.sum(x * x), np.empty(count)
    for k in range(count):
        results[k] = np.sin(x[k] * total) * scale + x[-1]
    return results


X = np.linspace(0.1, 1.0, 64)
FEW = X.size // INPUTS_AN_OUTPUT
jacobian, forward, reverse = (
    numgrad.jacobian(some, mode=mode) for mode in ("auto", "forward", "reverse")
)


def goes_backward(f, *arguments):
    return "reverse mode" in str(numgrad.explain(f, *arguments)).splitlines()[0]


def test_few_outputs_go_backward():
    """As in the mode that is chosen, at any number of outputs."""
    assert goes_backward(some, X, 1)
    assert goes_backward(some, X, FEW)
    assert not goes_backward(some, X, FEW + 1)
    assert not goes_backward(some, X[:32], 1)
    assert_allclose(jacobian(X, FEW), reverse(X, FEW), rtol=1e-13, atol=1e-14)
    assert_allclose(jacobian(X, FEW), forward(X, FEW), rtol=1e-12, atol=1e-14)
    # the first call by 64 inputs has chosen
    assert_allclose(jacobian(X, 64), reverse(X, 64), rtol=1e-13, atol=1e-14)


def test_calls_of_other_kinds():
    expected, out = reverse(X, 4, 2.0), np.empty((4, 64))
    assert numgrad.jacobian(some)(X, 4, 2.0, out=out) is out
    assert_array_equal(out, expected)
    assert_array_equal(numgrad.jacobian(some)(X, 4, 2.0, out), expected)
    assert_allclose(numgrad.jacobian(some)(X, count=4, scale=2.0), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="not negative"):
        numgrad.jacobian(some)(X, -1)


@njit
def counted(x, calls):
    calls[0] += 1
    return x[:2] * np.sum(x)


@njit
def drawn(x):
    return x[:2] * np.random.random()  # noqa: NPY002 - what compiled code draws from


def test_what_has_effects_is_not_called_for_its_outputs():
    calls = np.zeros(1, np.int64)
    assert not goes_backward(counted, X, np.zeros(1, np.int64))
    numgrad.jacobian(counted)(X, calls)
    assert calls[0] == 1
    assert not goes_backward(drawn, X)


@njit
def stored(x, out):
    for k in range(out.size):
        out[k] = x[k] * x[k - 1]


@pytest.mark.parametrize("count", [FEW, FEW + 1])
def test_an_argument_that_holds_the_result_tells_without_a_call(count):
    found = numgrad.jacobian(stored, out_argnum=1)(X, np.empty(count))
    expected = np.zeros((count, X.size))
    for k in range(count):
        expected[k, k], expected[k, k - 1] = X[k - 1], X[k]
    assert_array_equal(found, expected)
    mode = "reverse" if count == FEW else "forward"
    transform = numgrad.jacobian(stored, out_argnum=1)
    assert (transform.hint((X, np.empty(count))) == transform.hint((X, np.empty(1)))) == (
        mode == "reverse"
    )


def test_numbers_in_a_result():
    assert count_of((1.0, np.zeros((2, 3)), (np.zeros(2, np.complex64), 3, None), True, "a")) == 11
    assert count_of(np.float32(1.0)) == count_of(2.0) == 1
    assert count_of(1j) == 2
