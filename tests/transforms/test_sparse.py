"""Sparse Jacobians and Hessians against dense ones."""

import warnings

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad import Pattern
from numgrad.drivers.sparse.plans import backward_pays

# What a result is


@njit
def brusselator(y, n):
    u, v = y[: n * n].reshape(n, n), y[n * n :].reshape(n, n)
    result = np.empty(y.size)
    du, dv = result[: n * n].reshape(n, n), result[n * n :].reshape(n, n)
    for i in range(n):
        for j in range(n):
            a, b = u[i, j], v[i, j]
            down, right = (i + 1) % n, (j + 1) % n
            around_u = u[i - 1, j] + u[down, j] + u[i, j - 1] + u[i, right] - 4.0 * a
            around_v = v[i - 1, j] + v[down, j] + v[i, j - 1] + v[i, right] - 4.0 * b
            du[i, j] = 1.0 + a * a * b - 4.4 * a + 0.02 * around_u
            dv[i, j] = 3.4 * a - a * a * b + 0.02 * around_v
    return result


N = 6
Y = np.random.default_rng(0).uniform(0.5, 3.0, 2 * N * N)


@pytest.fixture(scope="module")
def dense():
    return numgrad.jacobian(brusselator)(Y, N)


@pytest.mark.parametrize(
    ("format", "check"),
    [
        ("csr", True),
        ("csc", False),
        pytest.param("csr", False, marks=pytest.mark.thorough),
        pytest.param("csc", True, marks=pytest.mark.thorough),
    ],
)
def test_formats(dense, format, check):
    jacobian = numgrad.sparse_jacobian(brusselator, format=format, check=check)
    found = jacobian(Y, N)
    assert found.format == format
    assert found.has_canonical_format
    assert found.nnz == np.count_nonzero(dense)
    assert_array_equal(found.toarray(), dense)
    found.data[:] = np.nan
    assert jacobian(Y, N, out=found.data) is found.data
    assert_array_equal(found.toarray(), dense)


@pytest.mark.parametrize("format", ["csr", pytest.param("csc", marks=pytest.mark.thorough)])
def test_backward(dense, format):
    jacobian = numgrad.sparse_jacobian(brusselator, format=format, mode="reverse")
    found = jacobian(Y, n=N)
    assert found.format == format
    assert_allclose(found.toarray(), dense, rtol=1e-14)
    found.data[:] = np.nan
    jacobian(Y, N, out=found.data)
    assert_allclose(found.toarray(), dense, rtol=1e-14)


def test_results_are_the_callers_own():
    """What a caller does to the arrays of a result leaves later ones as they are."""
    jacobian = numgrad.sparse_jacobian(brusselator)
    first, expected = jacobian(Y, N), jacobian(Y, N).toarray()
    first.indices[:] = 0
    first.indptr[:] = 0
    assert_array_equal(jacobian(Y, N).toarray(), expected)


def test_sizes_and_integers_have_patterns_of_their_own():
    jacobian = numgrad.sparse_jacobian(brusselator)
    for n in (3, 4, 3):
        y = np.linspace(0.5, 2.0, 2 * n * n)
        assert jacobian.pattern(y, n).shape == (2 * n * n, 2 * n * n)
        assert_allclose(jacobian(y, n).toarray(), numgrad.jacobian(brusselator)(y, n), rtol=1e-13)


def test_from_compiled_code(dense):
    pattern = numgrad.sparsity(brusselator, Y, N)
    fill = numgrad.sparse_jacobian(brusselator, pattern=pattern, format="csc")

    @njit
    def twice(y, n, data):
        fill(y, n, data)
        return fill(y, n, out=data)

    data = np.zeros(pattern.nnz)
    result = fill(Y, N)
    result.data[:] = twice(Y, N, data)
    assert_array_equal(result.toarray(), dense)
    without = numgrad.sparse_jacobian(brusselator)
    with pytest.raises(Exception, match="in compiled code a sparse derivative needs its pattern"):
        njit(lambda y, n: without(y, n))(Y, N)


# Patterns that change


@njit
def branching(x):
    result = x * x
    for k in range(x.size):
        if x[k] > 1.0:
            result[k] *= x[k - 1]
    return result


def afresh(**settings):
    """Return the Jacobian of such a function, which knows no pattern yet."""
    jacobian = numgrad.sparse_jacobian(branching, **settings)
    jacobian._plans.clear()
    jacobian._calls = 0
    return jacobian


LOW, HIGH = np.linspace(0.1, 0.9, 5), np.linspace(1.1, 1.9, 5)


def test_a_pattern_that_grows_is_found_anew_with_one_warning():
    jacobian = afresh()
    assert jacobian(LOW).nnz == 5
    with pytest.warns(RuntimeWarning, match="found anew") as caught:
        found = jacobian(HIGH)
    assert len(caught) == 1
    assert_allclose(found.toarray(), numgrad.jacobian(branching)(HIGH), rtol=1e-13)
    assert jacobian(LOW).nnz == 10  # it stays, and warns no more
    assert_allclose(jacobian(LOW).toarray(), numgrad.jacobian(branching)(LOW), rtol=1e-13)


def test_a_pattern_that_grows_has_no_place_in_out():
    jacobian = afresh()
    data = jacobian(LOW).data
    with (
        pytest.warns(RuntimeWarning, match="found anew"),
        pytest.raises(ValueError, match="out has not as many numbers"),
    ):
        jacobian(HIGH, out=data)


def test_every_so_manieth_call_is_checked():
    jacobian = afresh(check=3)
    jacobian(LOW)
    for _ in range(2):
        assert jacobian(HIGH).nnz == 5
    with pytest.warns(RuntimeWarning, match="found anew"):
        assert jacobian(HIGH).nnz == 10


def test_union_over_points():
    pattern = numgrad.sparsity(branching, LOW, at=[HIGH])
    assert pattern == numgrad.sparsity(branching, HIGH)
    jacobian = numgrad.sparse_jacobian(branching, pattern=pattern)
    for x in (LOW, HIGH):
        assert_allclose(jacobian(x).toarray(), numgrad.jacobian(branching)(x), rtol=1e-13)


@pytest.mark.parametrize("mode", ["forward", pytest.param("reverse", marks=pytest.mark.thorough)])
def test_a_users_pattern_that_lacks_entries(mode):
    jacobian = afresh(pattern=np.eye(5), mode=mode)
    with pytest.warns(RuntimeWarning, match="found anew"):
        found = jacobian(HIGH)
    assert_allclose(found.toarray(), numgrad.jacobian(branching)(HIGH), rtol=1e-14)
    compiled = numgrad.sparse_jacobian(branching, pattern=np.eye(5), mode=mode)
    with pytest.raises(ValueError, match="outside the pattern"):
        njit(lambda x: compiled(x))(HIGH)


def test_patterns_of_other_sizes():
    for shape, message in (((5, 6), "as many columns"), ((6, 5), "as many rows")):
        jacobian = numgrad.sparse_jacobian(branching, pattern=np.ones(shape))
        with pytest.raises(ValueError, match=message):
            jacobian(LOW)


def test_nan_is_no_reason_to_look_for_another_pattern():
    x = LOW.copy()
    x[2] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = afresh()(x).toarray()
    assert np.isnan(found[2, 2])
    assert found[1, 1] == 2.0 * x[1]


# Arguments and results of other kinds


@njit
def in_place(t, state, out, scale):
    y, z = state
    for k in range(y.size):
        out[k] = scale * y[k] * y[k - 1] - t * z
    y[0] = 17.0


def test_in_place():
    y, out = np.arange(1.0, 5.0), np.zeros(4)
    jacobian = numgrad.sparse_jacobian(in_place, argnums=1, out_argnum=2)
    found = jacobian(2.0, (y, 3.0), out, 0.5).toarray()
    expected = np.zeros((4, 5))
    before = np.arange(1.0, 5.0)
    for k in range(4):
        expected[k, k] = 0.5 * before[k - 1]
        expected[k, (k - 1) % 4] = 0.5 * before[k]
    expected[:, 4] = -2.0
    assert_array_equal(found, expected)
    assert_array_equal(out, 0.5 * before * np.roll(before, 1) - 6.0)
    assert y.tolist() == [17.0, 2.0, 3.0, 4.0]  # as one call leaves it
    y[:] = before
    found = numgrad.sparsity(in_place, 2.0, (y, 3.0), out, 0.5, argnums=1, out_argnum=2)
    assert_array_equal(found.toarray(), expected != 0.0)
    assert_array_equal(y, before)


@njit
def several(x, m, c):
    return np.sum(m, axis=1) * x[:2], x[0] * c, 3, x.size > 2


def test_several_arguments_and_results():
    """One matrix, in which they are one after another."""
    x, m, c = np.arange(1.0, 4.0), np.arange(6.0).reshape(2, 3), 2.0
    jacobian = numgrad.sparse_jacobian(several, argnums=(2, 0, 1))
    found = jacobian(x, m, c).toarray()
    blocks = numgrad.jacobian(several, argnums=(2, 0, 1))(x, m, c)[:2]
    rows = [
        np.hstack([np.reshape(b, (n, -1)) for b in row])
        for row, n in zip(blocks, (2, 1), strict=True)
    ]
    assert_array_equal(found, np.vstack(rows))


@njit
def of_a_matrix(a):
    return a[:, 1:] * a[:, :-1] + a[:, 2:3]


@pytest.mark.thorough
def test_arrays_that_lie_otherwise_in_memory():
    """Inputs and outputs are in C order wherever they lie."""
    a = np.arange(1.0, 13.0).reshape(3, 4)
    expected = numgrad.jacobian(of_a_matrix)(a).reshape(9, 12)
    for other in (np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2]):
        assert_array_equal(numgrad.sparse_jacobian(of_a_matrix)(other).toarray(), expected)


def test_nothing_to_differentiate_by():
    assert afresh()(np.zeros(0)).shape == (0, 0)


@pytest.mark.thorough
def test_single_precision():
    x = HIGH.astype(np.float32)
    found = afresh()(x)
    assert found.dtype == np.float32
    assert_allclose(found.toarray(), numgrad.jacobian(branching)(x), rtol=1e-6)


@pytest.mark.thorough
def test_complex_numbers():
    z = np.array([1.0 + 2.0j, 0.5 - 1.0j, 2.0 + 0.1j])
    squares = njit(lambda z: z * z * z[0])
    found = numgrad.sparse_jacobian(squares)(z)
    assert_allclose(found.toarray(), numgrad.jacobian(squares)(z), rtol=1e-14)


def test_infinite_slopes():
    """Where a product is nan that must be 0, it is computed with care, as by `jacobian`."""
    roots = njit(lambda x: np.sqrt(x[1:]) * x[:-1])
    x = np.array([2.0, 0.0, 3.0])
    found = numgrad.sparse_jacobian(roots, check=False)(x).toarray()
    assert_allclose(found, numgrad.jacobian(roots)(x), rtol=1e-13)


def test_a_function_with_derivatives_in_it():
    @njit
    def gradients(x, weight):
        def energy(y, w):
            return w * y[0] * y[1] ** 2

        result = np.empty(x.size)
        for k in range(x.size):
            pair = np.array([x[k], x[k - 1]])
            result[k] = numgrad.grad(energy)(pair, weight)[1]
        return result

    x = np.linspace(1.0, 2.0, 4)
    jacobian = numgrad.sparse_jacobian(gradients)
    for weight in (0.0, 1.5):  # a factor of 0 hides nothing from later calls
        assert_allclose(
            jacobian(x, weight).toarray(), numgrad.jacobian(gradients)(x, weight), rtol=1e-13
        )


# Backward


@njit
def with_a_dense_row(x):
    result = x * x
    result[0] = np.sum(x**3)
    return result


def test_a_dense_row_goes_backward():
    x = np.linspace(0.5, 1.5, 100)
    pattern = numgrad.sparsity(with_a_dense_row, x)
    assert pattern.colour_count == 100
    assert pattern.transposed.colour_count == 2
    assert backward_pays(pattern, 16)
    jacobian = numgrad.sparse_jacobian(with_a_dense_row)
    assert_allclose(jacobian(x).toarray(), numgrad.jacobian(with_a_dense_row)(x), rtol=1e-14)
    assert not backward_pays(numgrad.sparsity(branching, HIGH), 16)


# Hessians


@njit
def rosenbrock(x):
    total = 0.0
    for k in range(x.size - 1):
        total += 100.0 * (x[k + 1] - x[k] ** 2) ** 2 + (1.0 - x[k]) ** 2
    return total


@pytest.mark.parametrize("format", ["csr", "csc"])
def test_hessian(format):
    x = np.random.default_rng(1).normal(size=30)
    hessian = numgrad.sparse_hessian(rosenbrock, format=format)
    found = hessian(x)
    assert found.format == format
    assert found.nnz == 88
    assert hessian.pattern(x).colour_count == 3
    dense = numgrad.hessian(rosenbrock)(x)
    assert_allclose(found.toarray(), dense, rtol=1e-13)
    assert hessian(2.0 * x, out=found.data) is found.data
    assert_allclose(found.toarray(), numgrad.hessian(rosenbrock)(2.0 * x), rtol=1e-13)


@pytest.mark.thorough
def test_hessian_from_compiled_code():
    x = np.linspace(0.5, 1.5, 30)
    fill = numgrad.sparse_hessian(rosenbrock, pattern=numgrad.sparsity(rosenbrock, x, order=2))
    expected = fill(x)
    assert_allclose(njit(lambda x, data: fill(x, out=data))(x, np.empty(88)), expected.data)


@njit
def parametric(x, y, p):
    return p * x[0] ** 2 * y[1] + np.sum(y**2) + x[1] * y[0] ** 2


@pytest.mark.thorough
def test_hessian_by_several_arguments():
    """A parameter that is 0 where the pattern is found hides nothing from later calls."""
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])
    hessian = numgrad.sparse_hessian(parametric, argnums=(0, 1))
    dense = numgrad.hessian(parametric, argnums=(0, 1))
    for p in (0.0, 2.0):
        found = hessian(x, y, p).toarray()
        assert_allclose(found, np.block([list(row) for row in dense(x, y, p)]), rtol=1e-14)


# Settings


def test_settings():
    with pytest.raises(ValueError, match="format must be 'csr' or 'csc'"):
        numgrad.sparse_jacobian(branching, format="coo")
    with pytest.raises(TypeError, match="check must be"):
        numgrad.sparse_jacobian(branching, check="always")
    with pytest.raises(ValueError, match="mode must be"):
        numgrad.sparse_jacobian(branching, mode="sideways")
    with pytest.raises(TypeError, match="argnums must be"):
        numgrad.sparse_hessian(rosenbrock, argnums="x")
    with pytest.raises(TypeError, match="out_argnum must be"):
        numgrad.sparse_jacobian(branching, out_argnum="out")
    with pytest.raises(TypeError, match="out must be a writable array of float64"):
        numgrad.sparse_jacobian(branching)(LOW, out=np.zeros(5, np.float32))
    assert numgrad.sparse_jacobian(branching) is numgrad.sparse_jacobian(branching)
    assert repr(numgrad.sparse_jacobian(branching)) == "<numgrad.sparse_jacobian(branching)>"


def test_functions_without_sparse_derivatives():
    with pytest.raises(TypeError, match="returns no floats"):
        numgrad.sparse_jacobian(njit(lambda x: x.size))(LOW)
    with pytest.raises(TypeError, match="one real number"):
        numgrad.sparse_hessian(branching)(LOW)
    slopes = numgrad.sparse_jacobian(branching, pattern=np.eye(5))
    with pytest.raises(Exception, match="a sparse derivative can't be differentiated"):
        numgrad.jacobian(njit(lambda x: slopes(x)))(LOW)


def test_kept_pattern_is_a_pattern():
    assert isinstance(numgrad.sparse_jacobian(branching).pattern(LOW), Pattern)
