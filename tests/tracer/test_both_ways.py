"""One definition, two ways to run it: the functions on arrays compiled, and in plain Python.

What Numba has no function for is compared with differences of NumPy's own.
"""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.arrays import expressions as arrays
from tests.arrays import test_statistics as statistics
from tests.arrays.linalg import test_linear_algebra as matrices

# Both ways. Of complex matrices c and h, which are Hermitian; vectors only in what their phases
# leave alone.

COMPLEX = """
np.linalg.solve(c, c[0])
np.linalg.inv(c)
np.linalg.cholesky(h)
np.linalg.qr(c)[0]
np.linalg.qr(c)[1]
np.linalg.eigvalsh(h)
np.linalg.svd(c)[1]
np.linalg.pinv(c[:, :2].copy())
np.linalg.matrix_power(c, -2)
np.linalg.lstsq(c[:, :2].copy(), c[0])[0]
np.linalg.det(c) * c
np.linalg.slogdet(c)[0] * c
np.linalg.slogdet(c)[1] * c
np.linalg.cond(c) * c
np.linalg.norm(c, 2) * c
spectral(h)
np.cov(c)
np.correlate(c[0], c[1], mode="full")
np.vdot(c[0], c[1]) * c
np.var(c) * c
""".strip().splitlines()


@njit
def spectral(h):
    w, v = np.linalg.eigh(h)
    return (v * np.sqrt(w)) @ np.conj(v.T)


@njit
def weighed(array):
    """Return the sum of all elements, each with another weight: of both parts."""
    total, weight = 0.0, 1.0
    for number in array.flat:
        total += weight * np.real(number) + 0.7 * weight * np.imag(number)
        weight = 0.3 - 0.9 * weight
    return total


def of_complex(expressions):
    """Return the function of a real matrix that returns the values of complex expressions."""
    namespace = {"np": np, "spectral": spectral, "weighed": weighed}
    source = "def f(x):\n    c = x + 1j * (x @ x)\n    h = c @ np.conj(c.T) + np.eye(3)\n"
    source += "    return np.array([\n"
    source += (
        "".join(f"        weighed(np.asarray({each})),\n" for each in expressions) + "    ])\n"
    )
    exec(source, namespace)
    return namespace["f"]


def plain_function(f):
    """Return a function whose helpers are plain, for differences of NumPy's own values."""
    names = f.__globals__
    names.update({k: getattr(v, "py_func", v) for k, v in list(names.items())})
    return f


def compare(expressions, compiled, traced, **tolerances):
    for expression, one, other in zip(expressions, compiled, traced, strict=True):
        assert_allclose(other, one, err_msg=expression, **tolerances)


def compare_at_second_order(lines, f, x, one, other, **tolerances):
    """Compare derivatives in plain Python along two directions with differences of the first."""

    def slope(x):
        return numgrad.jvp(f, (x,), (one,), jit=False)[1]

    _, second = numgrad.jvp(slope, (x,), (other,), jit=False)
    compare(lines, matrices.slope(lambda s: slope(x + s * other), 1e-3), second, **tolerances)


# Compiling takes the time: tests of the functions on arrays, where all are compiled at first order,
# compare that with plain Python as well, and so do the thorough tests of the squares below.

MATRICES = [(matrices.function, matrices.LINES), (of_complex, COMPLEX)]


@pytest.mark.parametrize(("make", "lines"), MATRICES, ids=["real", "complex"])
def test_matrices_at_second_order(make, lines):
    """Against differences of the first, in plain Python."""
    one, other = np.random.default_rng(2).uniform(-1.0, 1.0, (2, 3, 3))
    x, f = matrices.point(), make(lines)
    compare_at_second_order(lines, f, x, one, other, rtol=1e-6, atol=1e-6)


SOME = ["np.linalg.solve(c, c[0])"]


@pytest.mark.parametrize(
    "lines", [SOME, pytest.param(COMPLEX, marks=pytest.mark.thorough)], ids=["some", "all"]
)
def test_complex_matrices(lines):
    x, f = matrices.point(), of_complex(lines)
    one = np.random.default_rng(2).uniform(-1.0, 1.0, (3, 3))
    compiled, traced = (
        numgrad.jvp(g, (x,), (one,), jit=jit)[1] for g, jit in ((njit(f), True), (f, False))
    )
    compare(lines, compiled, traced, rtol=1e-9, atol=1e-9)


@pytest.mark.thorough
def test_matrices_at_second_order_compiled():
    x, f = matrices.point(), matrices.function(matrices.LINES)
    one, other = np.random.default_rng(2).uniform(-1.0, 1.0, (2, 3, 3))
    compiled = njit(f)

    @njit
    def slope(x, t):
        return numgrad.jvp(compiled, (x,), (t,))[1]

    expected = numgrad.jvp(slope, (x, one), (other, None))[1]
    _, second = numgrad.jvp(
        lambda x: numgrad.jvp(f, (x,), (one,), jit=False)[1], (x,), (other,), jit=False
    )
    compare(matrices.LINES, expected, second, rtol=1e-8, atol=1e-8)


ARRAYS = [((4,), statistics.EXPRESSIONS), *arrays.groups(1)]


def squares(shape, lines):
    """Return the arguments and the function of squares, since most functions are linear."""
    return *arrays.arguments(shape), arrays.function([f"({each}) ** 2" for each in lines])


@pytest.mark.thorough
@pytest.mark.parametrize(("shape", "lines"), ARRAYS)
def test_arrays(shape, lines):
    x, *constants, f = squares(shape, lines)
    compiled = numgrad.jacobian(njit(f))(x, *constants)
    compare(lines, compiled, numgrad.jacobian(f, jit=False)(x, *constants), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(("shape", "lines"), ARRAYS)
def test_arrays_at_second_order(shape, lines):
    """Against differences of the first, in plain Python."""
    x, *constants, f = squares(shape, lines)
    one, other = np.random.default_rng(3).uniform(-1.0, 1.0, (2, *shape))

    def slope(x):
        return numgrad.jvp(lambda x: f(x, *constants), (x,), (one,), jit=False)[1]

    _, second = numgrad.jvp(slope, (x,), (other,), jit=False)
    steps = (slope(x + s * 1e-4 * other) for s in (1.0, -1.0))
    expected = [(up - down) / 2e-4 for up, down in zip(*steps, strict=True)]
    compare(lines, expected, second, rtol=1e-5, atol=1e-5)


# In plain Python alone: x of one shape, real and complex. M is x as a matrix of two rows, S a stack
# of square matrices of it, H a stack of Hermitian ones, v and b numbers that are real.

ALONE = """
np.linalg.solve(S, b)
np.linalg.solve(S, b[0])
np.linalg.solve(np.eye(2), S)
np.linalg.inv(S)
np.linalg.det(S)
np.linalg.slogdet(S)[1]
np.linalg.slogdet(S).sign
np.linalg.cholesky(H)
np.linalg.cholesky(H, upper=True)
np.linalg.qr(S)[0]
np.linalg.qr(np.swapaxes(S[:, :1], 1, 2), "complete").R
np.linalg.qr(S, "r")
np.linalg.eigvalsh(H)
np.linalg.eigvalsh(H, "U")
spectral(*np.linalg.eigh(H))
spectral(*np.linalg.eigh(H, "U"))
np.linalg.svd(S, compute_uv=False)
np.linalg.svdvals(S[:, :1])
rebuilt(*np.linalg.svd(M, full_matrices=False))
np.linalg.pinv(M)
np.linalg.pinv(S[:, :1])
np.linalg.pinv(S, rtol=1e-12)
np.linalg.lstsq(M.T, v[:3])[0]
np.linalg.lstsq(M.T, M.T)[3]
np.linalg.matrix_power(S, 3)
np.linalg.matrix_power(S, -1)
np.linalg.cond(S)
np.linalg.cond(S, 1)
np.linalg.cond(S, "nuc")
np.linalg.norm(M, "nuc")
np.linalg.norm(S, "nuc", axis=(0, 2), keepdims=True)
np.linalg.norm(S, 2, axis=(1, 2))
np.linalg.norm(S, -1, axis=(2, 1))
np.linalg.norm(S, "fro", axis=(1, 2))
np.linalg.norm(S, 3, axis=1)
np.linalg.norm(S, axis=(0, 1))
np.linalg.matrix_norm(S)
np.linalg.vector_norm(M, axis=0)
np.linalg.multi_dot([M, M.T, M])
np.linalg.tensorsolve(np.outer(x, x) + 3.0 * np.eye(6), v)
np.linalg.tensorinv(S[0], ind=1)
np.cov(M)
np.cov(x)
np.cov(M, aweights=v[:3])
np.cov(M, rowvar=False, ddof=0)
np.corrcoef(M)
np.corrcoef(x, v)
np.pad(M, ((1, 2), (0, 1)), "edge")
np.pad(M, 1, "linear_ramp", end_values=2.0)
np.pad(x, 2, "reflect", reflect_type="odd")
np.pad(M, 1, "mean")
np.pad(M, 1, constant_values=x[0])
np.split(x, 3)[1]
np.array_split(x, 4)[0]
np.hsplit(M, 3)[2]
np.vsplit(M, 2)[0]
np.dsplit(x.reshape(1, 2, 3), 3)[1]
np.gradient(x)
np.gradient(M)[0]
np.gradient(M, axis=1, edge_order=2)
np.gradient(x, np.cumsum(v))
np.trim_zeros(np.concatenate(([0.0], x, [0.0])))
np.linspace(x[:2], x[2:4], 5, axis=1)
np.logspace(x[0], x[1], 5, base=3.0)
np.polyfit(v, x, 2)
np.apply_along_axis(lambda row: row * row[0], 1, M)
np.average(M, axis=1, weights=v[:3])
np.correlate(v, x, "full")
np.median(M, axis=0)
np.quantile(np.real(M), [0.2, 0.5], axis=1, keepdims=True)
np.quantile(np.real(x), 0.3, method="hazen")
np.nanvar(np.where(v > 0.5, M.ravel(), np.nan), ddof=1)
np.nancumsum(np.where(v > 0.5, x, np.nan).reshape(2, 3), axis=1)
np.nanquantile(np.where(v > 0.5, np.real(x), np.nan), 0.3)
np.histogram(v, 3, weights=np.real(x))[0]
np.histogram(np.real(x), 3)[1]
np.bincount([3, 0, 2, 1, 1, 0], weights=np.real(x))
np.unwrap(9.0 * np.real(M), axis=0)
np.unwrap(9.0 * np.real(x), period=2.0)
np.partition(np.real(M), 1, axis=0)
np.interp(v, np.cumsum(v), x, left=x[0] * x[1])
np.fft.fft(x)
np.fft.ifft(M, 5, axis=0, norm="ortho")
np.fft.rfft(np.real(x))
np.fft.irfft(x, 7)
np.fft.hfft(x)
np.fft.ihfft(np.real(x))
np.fft.fft2(M)
np.fft.ifft2(M)
np.fft.rfft2(np.real(M))
np.fft.irfft2(M)
np.fft.fftn(S, axes=(0, 2))
np.fft.ifftn(S)
np.fft.rfftn(np.real(S))
np.fft.irfftn(S)
np.fft.fftshift(M)
np.fft.ifftshift(x)
np.linalg.norm([x[0], x[1]])
np.linalg.det([[x[0], x[1]], [x[2], 1.0]])
np.fft.fft([x[0], x[1]])
"""

NAMES = {
    "np": np,
    "v": np.array([1.7, 0.17, 1.39, 0.48, 1.09, 0.78]),
    "b": np.array([[[1.0], [0.3]], [[-0.4], [2.0]]]),
    "spectral": lambda w, v: (v * np.exp(w / 9.0)[..., None, :]) @ np.conj(np.swapaxes(v, 1, 2)),
    "rebuilt": lambda u, s, v: (u * np.sqrt(s)) @ v,
}


def alone(expression):
    source = (
        "def f(x):\n    M = x.reshape(2, 3)\n"
        "    S = np.stack((M[:, :2], M[:, 1:])) + 2.0 * np.eye(2)\n"
        "    H = S @ np.conj(np.swapaxes(S, 1, 2)) + np.eye(2)\n"
        f"    return {expression}\n"
    )
    namespace = dict(NAMES)
    exec(source, namespace)
    return namespace["f"]


def check_alone(f, x, direction, other, rtol=1e-6):
    """Compare value, first and second derivative along directions with NumPy and differences."""
    value, tangent = numgrad.jvp(f, (x,), (direction,), jit=False)
    expected = f(x)
    assert_array_equal(value, expected)  # to the last bit
    assert np.asarray(value).dtype == np.asarray(expected).dtype
    first = matrices.slope(lambda s: np.asarray(f(x + s * direction)), 1e-3)
    assert_allclose(tangent, first, rtol, 1e-8)

    def slope(x):
        return numgrad.jvp(f, (x,), (direction,), jit=False)[1]

    _, second = numgrad.jvp(slope, (x,), (other,), jit=False)
    expected = matrices.slope(lambda s: np.asarray(slope(x + s * other)), 1e-3)
    assert_allclose(second, expected, rtol, 1e-7)


@pytest.mark.parametrize("expression", ALONE.strip().splitlines())
def test_alone(expression):
    x, one, other, *more = np.random.default_rng(4).uniform(-1.0, 1.0, (6, 6))
    f = alone(expression)
    check_alone(f, x, one, other)
    a, b, c = more
    check_alone(f, x + 1j * a, one + 1j * b, other + 1j * c)


# Where there is no derivative, or a convention


def test_repeated_eigenvalues():
    jacobian = numgrad.jacobian(matrices.eigenvalues, jit=False)(np.eye(3))
    assert_allclose(jacobian.sum(axis=0), np.eye(3))
    vectors = numgrad.jacobian(matrices.eigenvectors, jit=False)(np.diag([1.0, 1.0, 2.0]))
    undefined = np.isnan(vectors).any(axis=(0, 1))
    assert_array_equal(undefined, [[False] * 3, [True, False, False], [False] * 3])
    assert_allclose(np.abs(vectors[:, 2, 2, 0]), [1.0, 0.0, 0.0])


def test_only_one_triangle_counts():
    x = np.array([[1.0, 9.0], [0.5, 3.0]])
    lower = numgrad.jacobian(lambda x: np.linalg.eigvalsh(x), jit=False)(x)
    upper = numgrad.jacobian(lambda x: np.linalg.eigvalsh(x, "U"), jit=False)(x)
    assert_array_equal(lower[:, 0, 1], [0.0, 0.0])
    assert_array_equal(upper[:, 1, 0], [0.0, 0.0])


def test_singular_values_at_zero():
    jacobian = numgrad.jacobian(lambda x: np.linalg.svd(x)[1], jit=False)(np.zeros((3, 3)))
    assert_array_equal(jacobian, np.zeros((3, 3, 3)))


@pytest.mark.parametrize("x", [np.arange(9.0).reshape(3, 3), np.diag([2.0, 0.0, 3.0])])
def test_determinants_of_singular_matrices(x):
    stack = np.stack((x, x.T, x + np.eye(3)))
    jacobian = numgrad.jacobian(np.linalg.det, jit=False)(stack)
    for k, matrix in enumerate(stack):
        assert_allclose(jacobian[k, k], matrices.cofactors(matrix), rtol=1e-13, atol=1e-13)
        assert_array_equal(jacobian[k, k - 1], np.zeros((3, 3)))


def test_logarithm_of_a_singular_matrix():
    f = matrices.without_derivative
    assert np.isnan(numgrad.jacobian(f, jit=False)(np.ones((3, 3)), 7)).all()


@pytest.mark.parametrize("which", range(6))
def test_what_has_no_result_or_no_derivative(which):
    with pytest.raises(np.linalg.LinAlgError):
        numgrad.jacobian(matrices.without_derivative, jit=False)(np.ones((3, 3)), which)


def test_single_precision_stays():
    def f(x):
        single = np.linalg.solve(x, x[0]), np.linalg.pinv(x), np.linalg.svd(x)[1], np.var(x, 0)
        more = np.median(x, axis=0), np.gradient(x[0]), np.fft.irfft(x[0]), np.pad(x, 1)
        return (*single, *more, np.linspace(x[0], 2.0, 3), np.pad(x, 1, "linear_ramp"))

    for result in numgrad.jacobian(f, jit=False)(matrices.point().astype(np.float32)):
        assert result.dtype == np.float32


def test_double_precision_where_numpy_has_it():
    x = matrices.point().astype(np.float32)
    value, tangent = numgrad.jvp(np.cov, (x,), (x,), jit=False)
    assert_array_equal(value, np.cov(x))
    assert_allclose(tangent, 2.0 * value, rtol=1e-6)


def test_stacks_without_matrices():
    x = np.ones((0, 3, 3))
    assert numgrad.jacobian(np.linalg.inv, jit=False)(x).shape == (0, 3, 3, 0, 3, 3)
    assert numgrad.jacobian(lambda x: np.linalg.eigh(x)[1], jit=False)(x).size == 0


def test_results_that_numpy_names():
    def f(x):
        result = np.linalg.svd(x)
        assert type(result).__name__ == "SVDResult"
        return result.S

    assert_allclose(numgrad.jacobian(f, jit=False)(np.diag([2.0, 1.0])).trace(0, 0, 1), [1.0, 1.0])
