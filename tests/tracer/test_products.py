"""Products with matrices of constants, against the same product number by number."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

A, X = np.random.default_rng(6).normal(size=(2, 4, 4))
PRODUCTS = {
    "matrix with vector": lambda x: A @ x[0],
    "vector with matrix": lambda x: x[1] @ A,
    "matrix with matrix": lambda x: A[:3] @ x,
    "transposed": lambda x: x.T @ A[:, 1:],
    "row with matrix": lambda x: A[2] @ x,
    "matrix with column": lambda x: np.dot(x, A[:, 1]),
    "two vectors": lambda x: np.dot(A[0], x[2]),
    "vectors the other way": lambda x: x[2] @ A[0],
    "constants that are traced": lambda x: np.full((2, 4), 3.0) @ x,
    "steps": lambda x: A[::2, ::-1] @ x.T[::-1],
    "single precision": lambda x: A.astype(np.float32) @ x.astype(np.float32),
    "complex constants": lambda x: np.abs((A + 1j * A.T) @ x),
    "whole numbers": lambda x: np.arange(8).reshape(2, 4) @ x,
}


def by_number(a, b):
    """The product of two arrays in loops."""
    rows, columns = np.atleast_2d(a), np.asarray(b).reshape(len(b), -1)
    return sum(rows[:, k, None] * columns[k] for k in range(len(columns)))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name, mode):
    f = PRODUCTS[name]
    value, slopes = f(X), numgrad.jacobian(f, mode=mode, jit=False)(X)
    single = name == "single precision"
    for place in np.ndindex(X.shape):
        step = np.zeros_like(X)
        step[place] = 1e-2 if single else 1e-6
        expected = (np.asarray(f(X + step), float) - f(X - step)) / (2.0 * step[place])
        tolerance = 1e-4 if single else 1e-8
        assert_allclose(slopes[(..., *place)], expected, tolerance, tolerance)
    traced, _ = numgrad.jvp(f, (X,), (X,), jit=False)
    assert_array_equal(traced, value)
    assert np.asarray(slopes).dtype == np.asarray(value).dtype


def test_second_order():
    def f(x):
        return np.sum(np.sin(A @ x) @ A[:, :2])

    x = X[0]
    weights = A[:, :2].sum(axis=1)
    expected = -A.T @ np.diag(np.sin(A @ x) * weights) @ A
    for outer in ("forward", "reverse"):
        for inner in ("forward", "reverse"):
            gradient = numgrad.grad(lambda x: f(x[:, None].T[0]), mode=inner, jit=False)
            found = numgrad.jacobian(gradient, mode=outer, jit=False)(x)
            assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_what_is_infinite_meets_zeros(mode):
    """As in loops: where a factor is 0, nothing moves, however steep the other."""
    constants = np.array([[0.0, 1.0], [2.0, 0.0]])

    def product(x):
        return constants @ np.sqrt(x)

    def loops(x):
        return by_number(constants, np.sqrt(x))[:, 0]

    x = np.array([0.0, 4.0])
    found, expected = (numgrad.jacobian(f, mode=mode, jit=False)(x) for f in (product, loops))
    assert_array_equal(found, expected)
    assert_array_equal(found, [[0.0, 0.25], [np.inf, 0.0]])


def test_results_lie_in_memory_as_numpys():
    def f(x):
        y = x @ A
        y.ravel()[1] = 7.0  # a view, since the product is in C order
        return y

    expected = f(X)
    value, _ = numgrad.jvp(f, (X,), (X,), jit=False)
    assert_array_equal(value, expected)


def test_what_does_not_fit_is_refused_as_by_numpy():
    for f in (lambda x: A @ x[:3], lambda x: x @ A[:3], lambda x: A @ x[0, 0]):
        with pytest.raises(ValueError, match="matmul"):
            numgrad.jacobian(f, jit=False)(X)


def test_a_classifier_of_thousands_of_weights():
    rng = np.random.default_rng(0)
    rows, signs = rng.normal(size=(50, 10_000)), np.sign(rng.normal(size=50))

    def loss(weights):
        return np.sum(np.log1p(np.exp(-signs * (rows @ weights))))

    weights = 0.01 * rng.normal(size=10_000)
    tracemalloc.start()
    try:
        found = numgrad.grad(loss, jit=False)(weights)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    expected = rows.T @ (-signs / (1.0 + np.exp(signs * (rows @ weights))))
    assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    assert peak < 5 * rows.nbytes  # not a number of Python's for each product
