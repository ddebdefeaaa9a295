"""Operands that records refer to, in programs that write to them before the sweep.

Each computes a number from weights and a matrix of constants, which it may overwrite.
"""

import ctypes

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.numbers.tape import memory, threads

W = np.array([0.3, -0.8, 1.1])
X = np.array([[1.0, 2.0, -1.0], [0.5, -0.4, 0.7], [2.0, 0.1, 0.9], [-0.3, 1.2, 0.4]])
PROGRAMS = {}


def program(function):
    """Register a program; it is compiled."""
    PROGRAMS[function.__name__] = njit(function)
    return PROGRAMS[function.__name__]


@program
def left_as_it_is(w, x):
    return np.sum(np.sin(x @ w)) + np.sum((w @ x.T) ** 2)


@program
def element(w, x):
    y = x @ w
    x[0, 0] = 5.0
    return np.sum(y**2)


@program
def view(w, x):
    row, y = x[1], x @ w
    row[:] = 7.0
    return np.sum(y**2)


@njit
def overwrite(x):
    x[:] = -1.0


@program
def callee(w, x):
    y = x @ w
    overwrite(x[2:])
    return np.sum(y**2)


@program
def every_round(w, x):
    total = 0.0
    for _ in range(3):
        total += np.sum((x @ w) ** 2)
        x *= 1.5
    return total


@program
def of_its_own(w, x):
    made = x * 2.0
    y = made @ w
    made[:] = 0.0
    return np.sum(y**2)


@program
def one_of_two(w, x):
    either = x if w[0] > 0.0 else x.copy()
    y = either @ w
    either[0] = 3.0
    return np.sum(y**2)


@program
def in_a_tuple(w, x):
    both = (x, x[1:])
    y = both[0] @ w
    both[1][0, 0] = 3.0
    return np.sum(y**2)


@program
def in_a_list(w, x):
    some = [x, x]
    y = some[0] @ w
    some[1][0, 0] = 3.0
    return np.sum(y**2)


@program
def by_output(w, x):
    y = x @ w
    np.multiply(x, 2.0, x)
    return np.sum(y**2)


@program
def transposed(w, x):
    y = x.T @ (x @ w)
    x.T[0, 0] = 9.0
    return np.sum(y**2)


libc = ctypes.CDLL(None)
memset = libc.memset
memset.argtypes, memset.restype = (ctypes.c_size_t, ctypes.c_int, ctypes.c_size_t), None


@program
def by_address(w, x):
    y = x @ w
    memset(x.ctypes.data, 0, 8)
    return np.sum(y**2)


@njit
def inner(w, x):
    return np.sum(np.sin(x @ w))


backward = numgrad.grad(inner, mode="reverse")


@program
def of_an_inner_derivative(w, x):
    made = x + 1.0
    slopes = backward(w, made)
    made[:] = 0.0
    return np.sum(slopes**2)


@program
def of_an_inner_derivative_left(w, x):
    return np.sum(backward(w, x) ** 2)


OFTEN = "left_as_it_is", "of_its_own"
ONLY_BY_ROWS = ("one_of_two",)


@pytest.mark.parametrize(
    "name",
    [n if n in OFTEN else pytest.param(n, marks=pytest.mark.thorough) for n in PROGRAMS],
)
def test_written_before_the_sweep(name):
    reverse, forward = (numgrad.grad(PROGRAMS[name], mode=mode) for mode in ("reverse", "forward"))
    for x in (X, np.asfortranarray(X))[: 1 if name in ONLY_BY_ROWS else 2]:
        ours, theirs, plain = x.copy(order="K"), x.copy(order="K"), x.copy(order="K")
        PROGRAMS[name](W, plain)
        assert_allclose(reverse(W, ours), forward(W, theirs), rtol=1e-12)
        assert_array_equal(ours, plain)


@njit
def squares(w, x):
    return np.sum((x @ w) ** 2)


slopes = numgrad.grad(squares, mode="reverse")


def by_hand(w, x):
    return 2.0 * x.T @ (x @ w)


def test_constants_are_not_copied():
    w, x = np.ones(100), np.random.default_rng(0).normal(size=(300, 100))
    assert_allclose(slopes(w, x), by_hand(w, x), rtol=1e-13)
    assert threads.last_size(memory.LAST_LEAVES) < 3_000 < x.size
    assert_allclose(slopes(w, x[::2]), by_hand(w, x[::2]), rtol=1e-13)
    assert threads.last_size(memory.LAST_LEAVES) > x[::2].size


@njit
def of_two_names(w, x, bits):
    y = x @ w
    bits[0, 0] = 0
    return np.sum(y**2)


@njit
def of_two_names_of_floats(w, x, same):
    y = x @ w
    same[0, 0] = 0.0
    return np.sum(y**2)


def test_another_argument_has_the_same_memory():
    x = X.copy()
    found = numgrad.grad(of_two_names, mode="reverse")(W, x, x.view(np.int64))
    assert_allclose(found, by_hand(W, X), rtol=1e-14)
    assert x[0, 0] == 0.0
    with pytest.raises(ValueError, match="shares memory"):
        numgrad.grad(of_two_names_of_floats, mode="reverse")(W, x, x)


def test_results_go_where_a_constant_lies():
    x = X.copy()
    slopes(W, x, out=x[1])
    assert_allclose(x, np.vstack([X[:1], by_hand(W, X), X[2:]]), rtol=1e-14)


@njit
def raising(w, x):
    if x[0, 0] > 1e3:
        raise ValueError("too large")
    return squares(w, x)


def test_nothing_is_remembered_of_a_call_that_is_over():
    gradient = numgrad.grad(raising, mode="reverse")
    assert_allclose(gradient(W, X), by_hand(W, X), rtol=1e-14)
    assert threads.last_size(memory.LASTING) == 0
    with pytest.raises(ValueError, match="too large"):
        gradient(W, 2e3 * X)
    assert threads.last_size(memory.LASTING) == 0
    assert_allclose(gradient(W, X), by_hand(W, X), rtol=1e-14)
