"""Products of matrices as records: all kinds of operands, against forward mode and by hand."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad

RNG = np.random.default_rng(3)
A, B, C = (RNG.normal(size=size) for size in ((3, 4), (4, 5), (5, 3)))


@njit
def chain(a, b, c):
    """Two products, of which operands may be constants, results of products, views and vectors."""
    return np.sum(np.sin(a @ b @ c)) + np.sum(a[0] @ b + b @ c[:, 0].copy() @ b)


def chain_by_hand(a, b, c):
    """The gradient by a, b and c."""
    weights, first, last = np.cos(a @ b @ c), a[:1], c[:, :1]
    ones = np.ones((1, b.shape[1]))
    by_a = weights @ c.T @ b.T
    by_a[:1] += ones @ b.T
    by_b = a.T @ weights @ c.T + first.T @ ones
    by_b += (b @ ones.T) @ last.T + (b @ last) @ ones
    by_c = b.T @ a.T @ weights
    by_c[:, :1] += b.T @ b @ ones.T
    return by_a, by_b, by_c


@pytest.mark.parametrize("argnums", [0, 1, pytest.param((0, 2), marks=pytest.mark.thorough)])
def test_constants_beside_numbers_with_derivatives(argnums):
    expected = chain_by_hand(A, B, C)
    for order in "CF":
        given = [np.array(x, order=order) for x in (A, B, C)]
        if order == "F":
            given[0] = given[0].copy(order="C")  # rows of which are vectors without gaps
        found = numgrad.grad(chain, argnums, mode="reverse")(*given)
        positions = np.atleast_1d(argnums)
        for k, one in zip(positions, found if positions.size > 1 else [found], strict=True):
            assert_allclose(one, expected[k], rtol=1e-13)


@njit
def quadratic(x, a):
    y = a @ x
    return np.sum(y**3)


def test_precisions_and_steps():
    x = RNG.normal(size=4)
    gradient = numgrad.grad(quadratic, mode="reverse")
    for a in (A, np.ascontiguousarray(A.T).T, A.astype(np.float32)):
        same = x.astype(a.dtype)
        found = gradient(same, a)
        assert found.dtype == a.dtype
        expected = 3.0 * a.T @ (a @ same) ** 2
        assert_allclose(found, expected, rtol=1e-13 if a.dtype == float else 1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("outer", ["forward", "reverse"])
@pytest.mark.parametrize("inner", ["forward", "reverse"])
def test_second_order(outer, inner):
    gradient = numgrad.grad(quadratic, mode=inner)
    hessian = numgrad.jacobian(gradient, mode=outer)
    x = RNG.normal(size=4)
    assert_allclose(hessian(x, A), 6.0 * A.T * (A @ x) @ A, rtol=1e-12)
    by_matrix = njit(lambda a, x: np.sum(gradient(x, a) ** 2))
    found = numgrad.grad(by_matrix, mode=outer)(A, x)
    y, g = A @ x, 3.0 * A.T @ (A @ x) ** 2
    expected = 12.0 * np.outer(y * (A @ g), x) + 6.0 * np.outer(y**2, g)
    assert_allclose(found, expected, rtol=1e-12)
