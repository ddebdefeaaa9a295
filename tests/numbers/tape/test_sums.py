"""Sums of arrays as records, of elements that lie in any order, against forward mode."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from numgrad.numbers.tape.sums import FEWEST

RNG = np.random.default_rng(5)
X = RNG.normal(size=2 * FEWEST)


@njit
def sums(x):
    """Sums of consecutive elements, of some in other orders, of constants and of the same ones."""
    mixed, twice = np.ones(x.size), np.empty(2 * x.size)
    mixed[::3] = x[::3]
    twice[::2], twice[1::2] = x * x, x[::-1]
    square = x[: x.size // 2 * 2].reshape((2, -1))
    return np.array(
        [
            np.sum(x),
            np.sum(x[::-1] * x),
            np.sum(x[::2]) * np.sum(x[3:]),
            np.sum(mixed) ** 2,
            np.sum(twice),
            np.sum(square.T * square.T),
            np.mean(np.exp(x)),
            x[:0].sum() + x[:1].sum() * 2.0,
            np.sum(np.full(x.size, x[0])),
        ]
    )


@njit
def sums_so_far(x):
    total = np.cumsum(x)
    return np.concatenate((total * x, np.cumsum(x[::-1]), np.cumsum(total), np.cumsum(x[:3])))


@njit
def sums_along(x):
    """Sums of many elements and of few, along one axis and two, in other orders, of nothing."""
    box = (x * x)[: x.size // 6 * 6].reshape((3, -1, 2))
    return np.concatenate(
        (
            np.sum(box, axis=1).ravel(),
            np.sum(box, 0).ravel(),
            np.sum(box.T, axis=(0, 1)),
            np.sum(box, axis=(0, 2)),
            box[:, ::-1].sum(axis=2).ravel(),
            np.sum(box[:0], axis=0).ravel(),
            np.cumsum(box, axis=1).ravel() * x[0],
        )
    )


def compare(f, *arguments):
    found = numgrad.jacobian(f, mode="reverse")(*arguments)
    expected = numgrad.jacobian(f, mode="forward", jit=False)(*arguments)  # nothing to compile
    tolerance = 1e-12 if arguments[0].dtype == float else 1e-4
    assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("count", [3, FEWEST - 1, FEWEST, FEWEST + 1, 2 * FEWEST])
def test_sums(count):
    compare(sums, X[:count])


@pytest.mark.parametrize("count", [3, FEWEST, FEWEST + 3])
def test_sums_so_far(count):
    compare(sums_so_far, X[:count])


@pytest.mark.parametrize("count", [6, 6 * FEWEST])
def test_sums_along_axes(count):
    compare(sums_along, np.linspace(-1.0, 2.0, count))


def test_by_hand():
    x = RNG.normal(size=100)
    f = njit(lambda x: np.sum(np.cumsum(x) ** 2))
    expected = 2.0 * np.cumsum(np.cumsum(x)[::-1])[::-1]
    assert_allclose(numgrad.grad(f, mode="reverse")(x), expected, rtol=1e-13)


@pytest.mark.thorough
def test_single_precision():
    compare(sums, X.astype(np.float32))
    compare(sums_so_far, X.astype(np.float32))


@pytest.mark.thorough
@pytest.mark.parametrize("outer", ["forward", "reverse"])
@pytest.mark.parametrize("inner", ["forward", "reverse"])
def test_second_order(outer, inner):
    f = njit(lambda x: np.sum(np.sin(x) * x) ** 2 + np.sum(np.cumsum(x) ** 3))
    hessian = numgrad.jacobian(numgrad.grad(f, mode=inner), mode=outer)
    s, by_x, by_x_twice = X @ np.sin(X), X * np.cos(X) + np.sin(X), 2 * np.cos(X) - X * np.sin(X)
    lower = np.tri(X.size)
    expected = 2.0 * np.outer(by_x, by_x) + 2.0 * s * np.diag(by_x_twice)
    expected += 6.0 * lower.T @ (np.cumsum(X)[:, None] * lower)
    assert_allclose(hessian(X), expected, rtol=1e-11, atol=1e-11)


def test_what_is_infinite_reaches_its_own_terms_alone():
    """A sum with the adjoint 0 hands nothing on, and an infinite slope stays with its element."""
    f = njit(lambda x: np.sum(np.sqrt(x)), error_model="numpy")
    x = np.arange(20.0)
    expected = np.append(np.inf, 0.5 / np.sqrt(x[1:]))
    assert_allclose(numgrad.grad(f, mode="reverse")(x), expected)
