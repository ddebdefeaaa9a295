"""np.linalg on matrices of duals, each function against differences of NumPy's own."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.arrays.beside_jax import IS_INSTALLED, pushed_forward

pytest.importorskip("scipy", reason="Numba's linear algebra needs SciPy")

# One line an expression, by what decides how long it takes to compile. Beside the square matrix x
# there are y, with one row more, z, with one column more, and A and b without derivatives.

TABLE = """
np.linalg.solve(x, b)
np.linalg.solve(x, x.T)
np.linalg.solve(A, y.T)
np.linalg.inv(x)
np.linalg.det(x) * b
np.linalg.slogdet(x)[1] * b
np.linalg.matrix_power(x, 5)
np.linalg.matrix_power(x, -2)
np.linalg.cholesky(x @ x.T)
np.linalg.cholesky(x + 6.0 * np.eye(3))
np.linalg.qr(y)[0] @ z
np.linalg.qr(y)[1]
np.linalg.qr(z)[1]
np.linalg.eigh(x)[0]
up(np.linalg.eigh(x)[1])
np.linalg.eigvalsh(x)
np.linalg.svd(y)[1]
up(np.linalg.svd(y)[0])
up(np.linalg.svd(z, 0)[2].T)
np.linalg.norm(y, 2) * b
np.linalg.norm(z, -2) * b
np.linalg.norm(z, -1) * b
np.linalg.norm(z, -np.inf) * b
np.linalg.cond(x) * b
np.linalg.pinv(y)
np.linalg.pinv(z)
np.linalg.lstsq(y, y[:, 0] ** 2)[0]
np.linalg.lstsq(y, y * y)[1]
np.linalg.lstsq(z, z)[3]
np.linalg.matrix_rank(x) * x
"""

LINES = TABLE.strip().splitlines()
STEP = 4e-3  # for second derivatives


@njit
def up(vectors):
    """Let the first component of every column be positive, which LAPACK leaves open."""
    return vectors * np.sign(vectors[0])


@njit
def weighed(array):
    """Return the sum of all elements, each with another weight."""
    total, weight = 0.0, 1.0
    for number in array.flat:
        total += weight * number
        weight = 0.3 - 0.9 * weight
    return total


def function(expressions):
    """Return the function of a square matrix that returns the values of expressions, weighed."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(3, 3)) + 2.0 * np.eye(3), rng.normal(size=3)
    namespace = {"np": np, "up": up, "weighed": weighed, "A": a, "b": b}
    source = "def f(x):\n"
    source += "    y = np.concatenate((x, x[:1] * x[1:2]))\n"
    source += "    z = np.ascontiguousarray(y.T)\n    return np.array([\n"
    source += "".join(f"        weighed({each}),\n" for each in expressions) + "    ])\n"
    exec(source, namespace)
    return namespace["f"]


def point():
    rng = np.random.default_rng(5)
    return rng.normal(size=(3, 3)) + 2.0 * np.eye(3)


def slope(f, step):
    """Return the derivative of a function at 0: central differences, extrapolated."""
    fine, coarse = ((f(h) - f(-h)) / (2 * h) for h in (step / 2, step))
    return (4 * fine - coarse) / 3


# Lines whose functions others have too
REPEATED = (
    "np.linalg.slogdet(x)[1] * b",
    "np.linalg.matrix_power(x, -2)",
    "np.linalg.eigvalsh(x)",
    "np.linalg.norm(z, -np.inf) * b",
    "np.linalg.solve(x, b)",
    "np.linalg.solve(A, y.T)",
    "np.linalg.matrix_power(x, 5)",
    "np.linalg.cholesky(x + 6.0 * np.eye(3))",
    "np.linalg.qr(y)[1]",
    "np.linalg.qr(z)[1]",
    "np.linalg.eigh(x)[0]",
    "up(np.linalg.svd(y)[0])",
    "up(np.linalg.svd(z, 0)[2].T)",
    "np.linalg.pinv(z)",
    "np.linalg.lstsq(y, y * y)[1]",
    "np.linalg.lstsq(z, z)[3]",
    "np.linalg.norm(z, -2) * b",
    "np.linalg.norm(z, -1) * b",
)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([line for line in LINES if line not in REPEATED], id="some"),
        pytest.param(LINES, marks=pytest.mark.thorough, id="all"),
    ],
)
def test_first_order(lines):
    """The chunk has a partial for every element of the matrix. In plain Python too."""
    x, f, compared = point(), function(lines), 0
    one = np.random.default_rng(2).uniform(-1.0, 1.0, (3, 3))
    slopes = numgrad.jacobian(njit(f))(x)
    plain = numgrad.jacobian(f, jit=False)(x)
    for k, line in enumerate(lines):
        assert_allclose(plain[k], slopes[k], rtol=1e-9, atol=1e-9, err_msg=line)
        for direction in np.eye(9).reshape(9, 3, 3):
            expected = slope(lambda s, k=k, to=direction: f(x + s * to)[k], 1e-3)
            assert_allclose(np.sum(slopes[k] * direction), expected, 1e-8, 1e-9, err_msg=line)
        expected = by_jax(line, x, one)
        if expected is not None:
            assert_allclose(np.sum(slopes[k] * one), expected, 1e-9, 1e-10, err_msg=line)
            compared += 1
    assert compared > len(lines) // 2 or not IS_INSTALLED


# JAX makes these matrices symmetric first, and so has other slopes by their elements.
SYMMETRIC = ("np.linalg.eigh", "np.linalg.eigvalsh", "np.linalg.cholesky(x +")


def by_jax(line, x, *directions):
    """Return JAX's derivative of a line of the table along directions, or None."""
    if any(each in line for each in SYMMETRIC):
        return None
    rng = np.random.default_rng(3)
    constants = rng.normal(size=(3, 3)) + 2.0 * np.eye(3), rng.normal(size=3)
    rows = "np.concatenate((x, x[:1] * x[1:2]))"
    expression = f"weighed((lambda y, z: {line})({rows}, {rows}.T))"
    return pushed_forward(expression, ("x", "A", "b"), x, constants, *directions)


@pytest.mark.thorough
def test_second_order():
    """Along two directions: values, both first derivatives and the second one."""
    x, f = point(), function(LINES)
    compiled = njit(f)
    one, other = np.random.default_rng(2).uniform(-1.0, 1.0, (2, 3, 3))

    @njit
    def slopes(x, t):
        return numgrad.jvp(compiled, (x,), (t,))

    (values, by_one), (by_other, seconds) = numgrad.jvp(slopes, (x, one), (other, None))
    first = slope(lambda s: f(x + s * one), 1e-3), slope(lambda s: f(x + s * other), 1e-3)
    second = slope(lambda s: slope(lambda t: f(x + s * one + t * other), STEP), STEP)
    for k, line in enumerate(LINES):
        assert_allclose(values[k], f(x)[k], rtol=1e-12, err_msg=line)
        assert_allclose(by_one[k], first[0][k], rtol=1e-8, err_msg=line)
        assert_allclose(by_other[k], first[1][k], rtol=1e-8, err_msg=line)
        assert_allclose(seconds[k], second[k], rtol=1e-5, atol=1e-5, err_msg=line)


@njit
def eigenvalues(x):
    return np.linalg.eigvalsh(x)


@njit
def eigenvectors(x):
    return np.linalg.eigh(x)[1]


@njit
def both_eigen(x):
    return eigenvalues(x), eigenvectors(x)


def test_repeated_eigenvalues():
    """Their sums have derivatives; their vectors have one where nothing couples them."""
    jacobian, _ = numgrad.jacobian(both_eigen)(np.eye(3))
    assert_allclose(jacobian.sum(axis=0), np.eye(3))
    _, vectors = numgrad.jacobian(both_eigen)(np.diag([1.0, 1.0, 2.0]))
    undefined = np.isnan(vectors).any(axis=(0, 1))
    assert_array_equal(undefined, [[False] * 3, [True, False, False], [False] * 3])
    assert_allclose(np.abs(vectors[:, 2, 2, 0]), [1.0, 0.0, 0.0])


@njit
def functions_of_matrices(x):
    w, v = np.linalg.eigh(x)
    u, s, vt = np.linalg.svd(x)
    return v @ np.diag(np.exp(w)) @ v.T, u @ np.diag(s) @ vt, np.sum(np.exp(w)) + np.sum(s**2)


def divided_difference(x, e):
    """Return the derivative of exp(x), of a symmetric matrix, along a symmetric one."""
    w, v = np.linalg.eigh(x)
    same = np.abs(w[:, None] - w) < 1e-9
    apart = np.where(same, 1.0, w[:, None] - w)
    slopes = np.where(same, np.exp(w), (np.exp(w)[:, None] - np.exp(w)) / apart)
    return v @ (slopes * (v.T @ e @ v)) @ v.T


@pytest.mark.parametrize("jit", [pytest.param(True, marks=pytest.mark.thorough), False])
def test_matrix_functions_at_equal_values_are_right_or_nan(jit):
    rng = np.random.default_rng(5)
    q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    x = q @ np.diag([1.0, 1.0, 2.0, 3.0]) @ q.T
    x = 0.5 * (x + x.T)
    w, v = np.linalg.eigh(x)
    kept_apart, coupled = rng.normal(size=(2, 4, 4))
    kept_apart, coupled = (v @ (e + e.T) @ v.T for e in (kept_apart, coupled))
    block = v.T @ kept_apart @ v
    block[0, 1] = block[1, 0] = 0.0
    kept_apart = v @ block @ v.T

    exponential, same, traces = numgrad.jvp(functions_of_matrices, (x,), (kept_apart,), jit=jit)[1]
    assert_allclose(exponential, divided_difference(x, kept_apart), rtol=1e-9, atol=1e-9)
    trace = np.trace(np.exp(w) * (v.T @ kept_apart @ v)) + 2.0 * np.trace(x @ kept_apart)
    assert_allclose(traces, trace, rtol=1e-12)
    right = np.isnan(same) | np.isclose(same, kept_apart, rtol=1e-8, atol=1e-8)
    assert right.all()

    exponential, same, traces = numgrad.jvp(functions_of_matrices, (x,), (coupled,), jit=jit)[1]
    right = divided_difference(x, coupled)
    assert (np.isnan(exponential) | np.isclose(exponential, right, rtol=1e-9)).all()
    assert np.isnan(exponential).any()
    assert (np.isnan(same) | np.isclose(same, coupled, rtol=1e-9)).all()
    trace = np.trace(np.exp(w) * (v.T @ coupled @ v)) + 2.0 * np.trace(x @ coupled)
    assert_allclose(traces, trace, rtol=1e-12)


def test_only_the_lower_triangle_counts():
    x = np.array([[1.0, 9.0, 7.0], [0.5, 3.0, 8.0], [0.2, 0.3, 7.0]])
    symmetric = np.tril(x) + np.tril(x, -1).T
    jacobian, _ = numgrad.jacobian(both_eigen)(x)
    assert_array_equal(jacobian[:, *np.triu_indices(3, 1)], np.zeros((3, 3)))
    assert_allclose(jacobian, numgrad.jacobian(both_eigen)(symmetric)[0])


@njit
def determinant(x):
    return np.linalg.det(x)


def cofactors(x):
    n = len(x)
    minors = [[np.delete(np.delete(x, i, 0), j, 1) for j in range(n)] for i in range(n)]
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return signs * np.linalg.det(np.array(minors))


@pytest.mark.parametrize(
    "x", [np.arange(9.0).reshape(3, 3), np.ones((3, 3)), np.diag([2.0, 0.0, 3.0]), np.zeros((3, 3))]
)
def test_determinant_of_singular_matrices(x):
    assert_allclose(numgrad.grad(determinant)(x), cofactors(x), rtol=1e-13, atol=1e-13)


@pytest.mark.thorough
def test_determinant_of_nearly_singular_matrices():
    """The second derivative of a determinant has no part of the inverse."""
    x = np.diag([1.0, 2.0, 1e-13])
    second = numgrad.hessian(determinant)(x)
    assert_allclose([second[0, 0, 1, 1], second[0, 1, 1, 0]], [1e-13, -1e-13], rtol=1e-9)
    assert_allclose([second[1, 1, 2, 2], second[0, 2, 2, 0]], [1.0, -2.0], rtol=1e-13)


@njit
def without_derivative(x, which):
    if which == 0:
        return np.linalg.solve(x, x[0])
    if which == 1:
        return np.linalg.inv(x)[0]
    if which == 2:
        return np.linalg.qr(x)[1][0]
    if which == 3:
        return np.linalg.pinv(x)[0]
    if which == 4:
        return np.linalg.cholesky(x - 1.0)[0]
    if which == 5:
        return np.linalg.inv(x[:2])[0]
    return np.linalg.solve(x, x[0, :2])


@pytest.mark.parametrize("which", range(7))
def test_what_has_no_result_or_no_derivative(which):
    with pytest.raises(np.linalg.LinAlgError):
        numgrad.jacobian(without_derivative)(np.ones((3, 3)), which)


def test_logarithm_of_a_singular_matrix():
    logarithm = numgrad.jacobian(njit(lambda x: np.linalg.slogdet(x)[1] * x[0]))
    assert np.isnan(logarithm(np.ones((3, 3)))).all()


@pytest.mark.thorough
def test_pseudo_inverse_of_constant_rank():
    def f(x):
        return np.linalg.pinv(np.outer(x, x + 1.0))

    x = np.array([1.0, 2.0, 0.5])
    jacobian = numgrad.jacobian(njit(f))(x)
    for k, direction in enumerate(np.eye(3)):
        expected = slope(lambda s, to=direction: f(x + s * to), 1e-3)
        assert_allclose(jacobian[..., k], expected, rtol=1e-8, atol=1e-10)


def test_singular_values_at_zero():
    f = njit(lambda x: np.linalg.svd(x, False)[1])
    assert_array_equal(numgrad.jacobian(f)(np.zeros((3, 3))), np.zeros((3, 3, 3)))


@njit
def of_complex(x):
    c = x + 1j * (x @ x)
    h = c @ np.conj(c.T)
    w, v = np.linalg.eigh(h)
    root = (v * np.sqrt(w)) @ np.conj(v.T)
    solved = np.linalg.solve(c, root) + np.linalg.cholesky(h)
    return np.real(solved) * np.imag(np.linalg.det(c)) - np.imag(solved)


@pytest.mark.thorough
def test_complex():
    """The square root of a matrix doesn't depend on the phases of the eigenvectors."""
    x = point()
    jacobian = numgrad.jacobian(of_complex)(x)
    for direction in np.eye(9).reshape(9, 3, 3):
        expected = slope(lambda s, to=direction: of_complex.py_func(x + s * to), 1e-3)
        assert_allclose(np.sum(jacobian * direction, axis=(2, 3)), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.thorough
def test_large():
    """Blocks of rows, and products by BLAS."""

    @njit
    def f(x):
        return np.linalg.solve(x, x.T[:, :2]) + np.linalg.inv(x)[:, 1:3]

    x = np.random.default_rng(1).normal(size=(70, 70)) + 9.0 * np.eye(70)
    direction = np.random.default_rng(2).normal(size=(70, 70))
    value, tangent = numgrad.jvp(f, (x,), (direction,))
    assert_allclose(value, f(x), rtol=1e-12)
    expected = slope(lambda s: f.py_func(x + s * direction), 1e-3)
    assert_allclose(tangent, expected, rtol=1e-7, atol=1e-10)


@pytest.mark.thorough
def test_single_precision_stays():
    f = njit(lambda x: (np.linalg.solve(x, x[0]), np.linalg.inv(x), np.linalg.eigvalsh(x)))
    for result in numgrad.jacobian(f)(point().astype(np.float32)):
        assert result.dtype == np.float32
