"""NumPy's functions of arrays on traced arrays: the expressions that compiled code is tested by."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.arrays.expressions import TABLES, arguments, differences, function

MORE = {
    (6,): """
        np.average(x, weights=np.arange(1.0, 7.0))
        np.quantile(x, 0.3)
        np.nanmedian(x)
        np.nanmean(x) * np.nanstd(x) * np.nanprod(x) * np.nanmax(x)
        np.square(np.array([x[0], x[1]]))
        np.add.reduce(x) * np.multiply.reduce(x)
        np.add.accumulate(x) + np.add.outer(x, v)[1]
        np.maximum.reduce(x)
        np.full(3, x[2])
        np.zeros_like(x) + x.astype(np.float64)
        np.nan_to_num(x)
        np.sinc(x)
        np.log(np.linalg.det(x[:4].reshape(2, 2)) ** 2)
        np.linalg.solve(np.diag(x + 3.0) + A[0] * 0.1, v)
        np.linalg.inv(np.outer(v[:3], x[:3]) + np.eye(3))
        np.trapezoid(x, v) + np.polyval(x, 0.3)
        np.einsum("i,j->ij", x, v)
        np.modf(x)[0] + np.floor(x) + np.round(x)
        np.tensordot(x, v, axes=1)
        sum(x) + x.tolist()[0] + x.item(1)
        math.sin(x[0]) * math.log(x[1] + 3.0, 2.0) * math.hypot(x[0], x[1], x[2])
        math.prod(x) + max(x[0], x[1], 0.5) + min(x)
        float_into(np.empty(3), x)
        in_place(x.copy())
        float_into(v[:3].copy(), x)
        np.partition(x, 2) * np.partition(x, [1, 3])
        np.meshgrid(x, v)[0]
        np.full_like(v, x[1]) * np.full((2, 1), x[2])
        np.cumsum(x, 0, None, np.zeros(6))
        np.add(x, v, out=np.ones(6), where=x > 0.5)
        np.lib.stride_tricks.as_strided(x, (3, 2), (16, 8)) ** 2
        [e * i for (i,), e in np.ndenumerate(x)][3]
        np.diag(x)[2] + np.diag(x.reshape(2, 3))[1]
        np.arange(x[0], stop=2.0, step=v[1]) * x[1]
        np.arange(x[0] + 4.0, dtype=np.float32) + np.arange(step=x[1], stop=2.2 * x[1])[0]
    """,
    (3, 4): """
        np.max(x, axis=1)
        np.ptp(x, axis=0) + np.median(x, axis=0)
        np.var(x, axis=0, ddof=1) + np.std(x, axis=0)
        np.mean(x, axis=(0, 1), keepdims=True)
        np.percentile(x, [20.0, 70.0], axis=1)
        np.linalg.norm(x, axis=1)
        np.linalg.norm(x, 1) * np.linalg.norm(x, "fro")
        np.sort(x, axis=0)
        np.prod(x, axis=1, keepdims=True)
        np.moveaxis(x, 0, 1) @ w
        np.split(x, 2, axis=1)[1]
        np.tile(x, (1, 2))
        np.rot90(x)
        np.take_along_axis(x, np.argsort(x, axis=1), axis=1)
        np.tril(x) + np.triu(x)
        np.multiply.reduce(x, axis=0)
        np.divide(x, v, out=np.empty((3, 4)))
    """,
}


def float_into(array, x):
    array[:] = x[:3]
    array[1] *= x[5]
    row = array[1:]
    row[1] = row[0] * x[4]
    return array


def in_place(x):
    x += 1.0
    x *= x
    x[::2] -= x[1]
    x.sort()
    np.copyto(x[:2], x[2:4])
    x[3:].fill(x[0])
    return x


def each(table):
    for shape, text in table.items():
        for line in text.strip().splitlines():
            yield pytest.param(shape, line.strip(), id=line.strip())


def made(expression):
    f = function([expression])
    import math

    f.__globals__.update(math=math, plain=np.ones(6), float_into=float_into, in_place=in_place)
    return f


@pytest.mark.parametrize(("shape", "expression"), [*each(TABLES), *each(MORE)])
def test_against_differences(shape, expression):
    x, *constants = arguments(shape)
    f = made(expression)
    (value,) = f(x.copy(), *constants)
    (result,) = numgrad.jacobian(f, jit=False)(x, *constants)
    (slopes,) = differences(lambda x: f(x, *constants), x, 1e-3)
    assert_allclose(result, slopes, rtol=1e-7, atol=1e-8)
    ((traced_value,), _) = numgrad.jvp(f, (x, *constants), (x, *(None,) * 6), jit=False)
    assert_array_equal(traced_value, value)  # to the last bit
    assert np.asarray(traced_value).shape == np.asarray(value).shape


@pytest.mark.parametrize(("shape", "expression"), [*each(TABLES)][::3])
def test_second_order(shape, expression):
    """The Hessian of the sum of squares, against differences of its gradient."""
    x, *constants = arguments(shape)
    f = made(f"np.real(np.sum(np.square({expression})))")
    total = lambda x: f(x, *constants)[0]  # noqa: E731
    hessian = numgrad.hessian(total, jit=False)(x)
    gradient = numgrad.grad(total, jit=False)
    (slopes,) = differences(lambda x: (gradient(x),), x, 1e-3)
    assert_allclose(hessian, slopes, rtol=1e-6, atol=1e-7)


def test_nan_as_in_numpy():
    def f(x):
        return np.min(x), x.max(), np.sort(x), np.nanmax(x), np.nansum(x), np.median(x)

    x = np.array([2.0, np.nan, 1.0, 3.0])
    values, tangents = numgrad.jvp(f, (x,), (np.arange(4.0),), jit=False)
    for value, expected in zip(values, f(x), strict=True):
        assert_array_equal(value, expected)
    assert_array_equal(tangents[2], [2.0, 0.0, 3.0, 1.0])


def test_first_of_equal_extrema():
    lowest, highest = numgrad.jacobian(lambda x: (x.min(), np.max(x)), jit=False)(
        np.array([1.0, 2.0, 1.0, 2.0])
    )
    assert_array_equal(lowest, [1.0, 0.0, 0.0, 0.0])
    assert_array_equal(highest, [0.0, 1.0, 0.0, 0.0])


def test_two_equal_numbers_share_the_derivative():
    def f(x, y):
        return max(x, y), np.minimum(x, y), np.maximum(x, [y, 0.0])[0]

    for by_x, by_y in numgrad.jacobian(f, (0, 1), jit=False)(2.0, 2.0):
        assert by_x == by_y == 0.5


def test_norms_at_the_origin_and_far_from_it():
    norm = numgrad.grad(lambda x: np.linalg.norm(x), jit=False)
    assert_array_equal(norm(np.zeros(3)), np.zeros(3))
    for scale in (1e-200, 1e200):
        assert_allclose(norm(scale * np.array([3.0, 4.0])), [0.6, 0.8], rtol=1e-14)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_determinants_of_singular_matrices(rank):
    rng = np.random.default_rng(rank)
    a = rng.integers(-2, 3, (3, rank)) @ rng.integers(-2, 3, (rank, 3)) * 1.0
    cofactors = [
        [(-1.0) ** (i + j) * minor(a, i, j) for j in range(3)] for i in range(3)
    ]  # Jacobi's formula
    assert_allclose(numgrad.grad(np.linalg.det, jit=False)(a), cofactors, atol=1e-13)


def minor(a, i, j):
    return np.linalg.det(np.delete(np.delete(a, i, 0), j, 1))


def test_single_precision_stays():
    def f(x):
        y = np.zeros(3, np.float32)
        y[:] = x * np.float64(2.0)
        return np.sum(x), np.mean(x), x @ x, np.linalg.norm(x), np.cumsum(x), x.var(), 2.0 * x, y

    for result in numgrad.jacobian(f, jit=False)(np.ones(3, np.float32)):
        assert result.dtype == np.float32


def test_complex_arrays():
    def f(z):
        return np.abs(z), z * z, np.real(z), z.imag, np.conj(z), np.sum(z).real, np.var(z)

    z = np.array([1 + 2j, 3 - 1j])
    values, tangents = numgrad.jvp(f, (z,), (np.array([1j, 2.0]),), jit=False)
    step = 1e-6 * np.array([1j, 2.0])
    for up, down, value, tangent in zip(f(z + step), f(z - step), values, tangents, strict=True):
        assert_allclose(tangent, (up - down) / 2e-6, atol=1e-8)
        assert np.asarray(value).dtype == np.asarray(tangent).dtype


def test_values_without_derivatives():
    def f(x):
        assert x.shape == np.shape(x) == (6,)
        assert x.ndim == np.ndim(x) == 1
        assert x.size == len(x) == 6
        assert x.dtype == np.float64
        assert np.isfinite(x).all()
        return np.argmin(x), x > 1.0, np.argsort(x), np.count_nonzero(x), x.astype(int)

    x = arguments((6,))[0]
    assert numgrad.jacobian(f, jit=False)(x) == (None,) * 5
    for value, expected in zip(numgrad.jvp(f, (x,), (x,), jit=False)[0], f(x), strict=True):
        assert_array_equal(value, expected)


def test_object_arrays_hold_traced_numbers():
    """What NumPy or a library converts keeps the derivatives."""

    def f(x):
        objects = x.__array__()
        return np.sum(objects * objects) + np.sum(np.exp(objects)) + np.array(x, object)[0]

    x = np.array([1.0, 2.0])
    assert_allclose(numgrad.grad(f, jit=False)(x), 2 * x + np.exp(x) + [1.0, 0.0], rtol=1e-14)


def test_errors_of_numpy():
    for f in (lambda x: x @ x[1:], lambda x: np.min(x[:0]), lambda x: np.reshape(x, (2, 2))):
        with pytest.raises(ValueError, match=r"mismatch|zero-size|cannot reshape"):
            numgrad.jacobian(f, jit=False)(np.ones(3))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        numgrad.jacobian(np.linalg.inv, jit=False)(np.ones((2, 2)))


@pytest.mark.parametrize(
    "expression",
    [
        "np.linalg.qr(x[:4].reshape(2, 2), 'raw')",
        "np.linalg.svd(x[:4].reshape(2, 2), hermitian=True)",
        "np.spacing(x)",
        "np.mean(x, dtype=np.float32)",
        "np.add.reduce(x, where=x > 1.0)",
        "np.float64(x[0])",
        "list(map(float, x))",
        "plain.__setitem__(0, x[0])",
        "plain.__iadd__(x)",
        "np.copyto(plain, x)",
        "np.put(plain, 0, x[0])",
        "np.add(x, x, out=plain)",
        "np.add.at(plain, 0, x[0])",
        "np.cumsum(x, 0, None, plain)",
        "[each for each in np.nditer(x)]",
        "np.array(x, str).astype(float) * x.view(np.int64)",
        "np.einsum('ii->i', np.zeros((2, 2), complex)) + x[0]",
        "np.broadcast_arrays(x)[0].view(np.complex128)",
        "math.ulp(x[0])",
        "np.lib.stride_tricks.as_strided(x, (2,), (4,))",
    ],
)
def test_no_derivative_is_lost_in_silence(expression):
    x, *constants = arguments((6,))
    with pytest.raises(numgrad.DifferentiationError, match=r"can't be differentiated"):
        numgrad.jacobian(made(expression), jit=False)(x, *constants)
