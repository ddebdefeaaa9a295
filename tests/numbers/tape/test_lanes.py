"""Several results in one sweep, against forward mode: lanes of adjoints."""

import ctypes

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.numbers.tape import lanes, threads


@njit
def mixed(x, count):
    """Some numbers that share what they are made of, the first and the last one the same."""
    common, results = 0.0, np.zeros(count)
    for i in range(x.size):
        common += np.sin(x[i]) * x[i - 1]
    for k in range(count):
        results[k] = np.exp(common / (k + 1.0)) * x[k % x.size] + 0.5 * x[-1] * common
    results[-1] = results[0]
    return results


X = np.linspace(-0.7, 1.3, 11)


def both(f, *arguments, **settings):
    """Return what compiled code computes backward, and plain Python forward."""
    yield numgrad.jacobian(f, mode="reverse", **settings)(*arguments)
    yield numgrad.jacobian(f, mode="forward", jit=False, **settings)(*arguments)


reverse = numgrad.jacobian(mixed, mode="reverse")
forward = numgrad.jacobian(mixed, mode="forward", jit=False)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9])
def test_any_number_of_results(count):
    expected = forward(X, count)
    for _ in range(2):  # the second time the adjoints that are left must be 0
        assert_allclose(reverse(X, count), expected, rtol=1e-13, atol=1e-14)


def test_constants_and_numbers_without_derivatives():
    @njit
    def f(x):
        return np.array([1.0, x[0] * x[1], 2.0, x[1], x[1]])

    expected = [[0.0, 0.0], [3.0, 2.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    assert_array_equal(numgrad.jacobian(f, mode="reverse")(np.array([2.0, 3.0])), expected)


def test_infinite_slopes_stay_in_their_lanes():
    f = njit(lambda x: np.array([np.sqrt(x[0]), x[1], np.log(x[0]), x[0]]), error_model="numpy")
    expected = [[np.inf, 0.0], [0.0, 1.0], [np.inf, 0.0], [1.0, 0.0]]
    assert_array_equal(numgrad.jacobian(f, mode="reverse")(np.array([0.0, 1.0])), expected)


def test_complex_and_single_precision():
    f = njit(lambda z: np.array([np.sum(z * z), z[0] * z[1], np.abs(z[0]) * z[1]]))
    z = np.array([1.0 + 2.0j, 0.5 - 1.0j])
    found, expected = both(f, z)
    assert_allclose(found, expected, rtol=1e-14)
    f, x = njit(lambda x: x[::-1] * x.sum()), X.astype(np.float32)
    found, expected = both(f, x)
    assert found.dtype == expected.dtype == np.float32
    assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_results_of_several_dimensions_and_inputs():
    f = njit(lambda x, y: (np.outer(x, y) * y[0], x.sum() * y))
    arguments = X[:2], X[:3]
    found, expected = both(f, *arguments, argnums=(0, 1))
    for one, other in zip(found, expected, strict=True):
        for jacobian, same in zip(one, other, strict=True):
            assert_allclose(jacobian, same, rtol=1e-14)


LIMIT = 900_000  # bytes: enough for the statements below, and not for lanes beside them


def test_without_room_each_result_has_a_sweep():
    """The limit holds for lanes too; where they don't fit, the derivative is right all the same."""
    x = np.linspace(0.1, 1.0, 3000)
    expected = reverse(x, 5)
    before = threads.STATE[threads.LIMIT]
    numgrad.release_memory()
    try:
        numgrad.tape_limit(LIMIT)
        assert_allclose(reverse(x, 5), expected, rtol=1e-13)
        assert threads.STATE[threads.ALLOCATED] <= LIMIT
    finally:
        threads.STATE[threads.LIMIT] = before


@njit
def of_records(x, a):
    """Results that share records of all kinds, each of which some results don't depend on."""
    products, row = a @ x, np.outer(x, x)[0] @ a.T
    total, so_far = np.sum(np.sin(x) * x), np.cumsum(x * x)
    mixed = np.sum(x[::-1]) * np.cumsum(x[::2])[3]
    return np.array(
        [
            products[0] * total,
            row[1],
            np.sum(so_far * x),
            mixed,
            x[0],
            products @ row,
            total + so_far[-1],
        ]
    )


def has_lanes():
    """Whether this thread has a tape for lanes."""
    library, _, key = threads.system()
    get = getattr(library, threads.GET)
    get.restype = ctypes.c_void_p
    return get(key(threads.STATE[lanes.LANES - 1])) is not None


def test_records():
    x, a = np.linspace(-0.5, 1.0, 40), np.cos(np.arange(120.0)).reshape(3, 40)
    numgrad.release_memory()
    found, expected = both(of_records, x, a)
    assert has_lanes()
    assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    assert_allclose(numgrad.jacobian(of_records, 1, mode="reverse")(x, a)[1, 1], x[0] * x)


@pytest.mark.thorough
def test_records_of_linear_algebra():
    @njit
    def f(x):
        matrix = np.outer(x, x) + np.diag(2.0 + np.cos(x))
        return np.concatenate((np.linalg.cholesky(matrix)[:, 1], np.linalg.solve(matrix, x)))

    x = np.linspace(0.1, 1.0, 5)
    numgrad.release_memory()
    found, expected = (numgrad.jacobian(f, mode=mode)(x) for mode in ("reverse", "forward"))
    assert has_lanes()
    assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_what_runs_again_has_a_sweep_for_each_result():
    g = numgrad.checkpoint(njit(lambda x: np.array([np.sum(x * x), x[0]])))
    f = njit(lambda x: g(x) * x[1])
    numgrad.release_memory()
    found = numgrad.jacobian(f, mode="reverse")(X)
    assert not has_lanes()
    assert_allclose(found, numgrad.jacobian(f, mode="forward", jit=False)(X), rtol=1e-13)


@pytest.mark.thorough
def test_nested():
    """A tape whose numbers are as large as the lanes is under way."""
    f = njit(lambda x: np.sum(numgrad.jacobian(mixed, mode="reverse")(x, lanes_wide) ** 2))
    for outer in ("forward", "reverse"):
        found = numgrad.grad(f, mode=outer)(X[:3])
        assert_allclose(found, numgrad.grad(g, mode="forward")(X[:3]), rtol=1e-11)


lanes_wide = lanes.LANES
g = njit(lambda x: np.sum(numgrad.jacobian(mixed, mode="forward")(x, lanes_wide) ** 2))


@njit
def several(x):
    common = np.sin(x).sum()
    return common * x[0], (x[1] / common, 3), common**2, x[1], common - x[2], x[1]


def test_numbers_in_a_tuple():
    found, expected = both(several, X)
    for one, other in zip(flat(found), flat(expected), strict=True):
        assert_allclose(one, other, rtol=1e-13, atol=1e-15)


def flat(nested):
    """Return the arrays in nested tuples; None has none."""
    if isinstance(nested, tuple):
        return [array for each in nested for array in flat(each)]
    return [] if nested is None else [nested]


@njit
def beside_lanes(x):
    """Lanes are opened, for constants, while a tape of numbers as large as they is written."""
    total = 0.0
    for i in range(x.size):
        total += np.sin(x[i]) * x[i - 1]
    slopes = reverse(CONSTANTS, 5)
    for i in range(x.size):
        total *= 1.0 + slopes[i, i % 2] * x[i] ** 2
    return total


@njit
def without_lanes(x):
    total = 0.0
    for i in range(x.size):
        total += np.sin(x[i]) * x[i - 1]
    for i in range(x.size):
        total *= 1.0 + SLOPES[i, i % 2] * x[i] ** 2
    return total


CONSTANTS = np.array([0.3, 0.7])
SLOPES = forward(CONSTANTS, 5)


def third_derivative(f, mode):
    """Along two directions, of the gradient: values of four words where it goes backward."""
    gradient = numgrad.grad(f, mode=mode)
    slope = njit(lambda x: numgrad.jvp(gradient, (x,), (ONE,))[1])
    return njit(lambda x: numgrad.jvp(slope, (x,), (OTHER,))[1])


ONE, OTHER = np.array([1.0, -0.5, 0.2]), np.array([0.3, 0.9, -1.0])


@pytest.mark.thorough
def test_lanes_while_numbers_as_large_are_recorded():
    x = np.array([0.4, 0.8, 1.1])
    found = third_derivative(beside_lanes, "reverse")(x)
    assert_allclose(found, third_derivative(without_lanes, "forward")(x), rtol=1e-12)
