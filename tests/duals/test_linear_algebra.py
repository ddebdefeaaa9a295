"""The rules of linear algebra, against differences of NumPy's own functions."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad

pytest.importorskip("scipy", reason="Numba's linear algebra needs SciPy")

C = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
D = np.array([[1.0, 0.0], [2.0, 1.0], [0.5, 3.0]])
X = np.array([0.1, 0.3, 0.2, 0.15, 0.4, 0.25, 0.05, 0.35, 0.12])


def systems(x):
    a = C + x.reshape(3, 3)
    by_vector = np.linalg.solve(a, x[:3])
    by_matrix = np.linalg.solve(a, D)
    constant = np.linalg.solve(C, x.reshape(3, 3))
    return np.concatenate(
        (by_vector, by_matrix.ravel(), constant.ravel(), np.linalg.inv(a).ravel())
    )


def determinants(x):
    a = x.reshape(3, 3)
    _, logarithm = np.linalg.slogdet(a - C)
    singular = np.linalg.det(np.outer(x[:3], x[3:6]))
    return np.array([np.linalg.det(C + a), logarithm, singular])


def factors(x):
    a = C + x.reshape(3, 3)
    q, r = np.linalg.qr(a[:, :2].copy())
    w, v = np.linalg.eigh(a)
    return np.concatenate(
        (
            np.linalg.cholesky(a).ravel(),
            q.ravel(),
            r.ravel(),
            w,
            v.ravel(),
            np.linalg.eigvalsh(a),
        )
    )


def singular_values(x):
    a = (C + x.reshape(3, 3))[:, :2].copy()
    u, s, v = np.linalg.svd(a, False)
    solution, squares, _, sizes = np.linalg.lstsq(a, x[3:6] + 1.0)
    return np.concatenate(
        (u.ravel(), s, v.ravel(), np.linalg.pinv(a).ravel(), solution, squares, sizes)
    )


def powers(x):
    a = C + x.reshape(3, 3)
    both = np.dot(np.linalg.matrix_power(a, 3), np.linalg.matrix_power(a, -2))
    return np.concatenate((both.ravel(), np.linalg.matrix_power(a, 0).ravel()))


ALL = [systems, determinants, factors, singular_values, powers]


def differences(f, x, step=2e-3):
    """Return the Jacobian by central differences of eighth order."""
    weights = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
    columns = []
    for k in range(x.size):
        e = np.zeros(x.size)
        e[k] = step
        columns.append(
            sum(w * (f(x + n * e) - f(x - n * e)) for n, w in enumerate(weights, 1)) / step
        )
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("f", ALL)
def test_first_order(f):
    compiled = njit(f)
    value, jacobian = compiled(X), numgrad.jacobian(compiled)(X)
    assert_allclose(value, f(X), rtol=1e-12, atol=1e-14)
    assert_allclose(jacobian, differences(f, X), rtol=1e-9, atol=1e-10)


def unknown(x):
    return np.linalg.solve(C + x.reshape(3, 3), x[:3])


@pytest.mark.parametrize(
    "f", [unknown, *(pytest.param(f, marks=pytest.mark.thorough) for f in ALL)]
)
def test_second_order(f):
    compiled = njit(f)
    first = numgrad.jacobian(compiled)
    assert_allclose(numgrad.hessian(compiled)(X), differences(first, X), rtol=1e-8, atol=1e-9)


@njit
def equal_values(x):
    w, _ = np.linalg.eigh(np.diag(x))
    return w


def test_equal_eigenvalues_have_slopes_that_are_finite():
    jacobian = numgrad.jacobian(equal_values)(np.array([2.0, 2.0, 1.0]))
    assert_allclose(jacobian.sum(axis=0), 1.0)
    assert_allclose(jacobian[0], [0.0, 0.0, 1.0])


def test_what_cannot_be_solved_raises_as_numba_does():
    x = np.zeros(9)
    singular = njit(lambda x: np.linalg.solve(x.reshape(3, 3), x[:3])[0])
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        numgrad.grad(singular)(x)
