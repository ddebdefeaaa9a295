"""Roots found by iteration against their closed forms, at first and second order."""

import math
import pickle
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit, prange
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.transforms.implicit import solve_in_place


@njit
def bisect(p):
    low, high = 0.0, 1.0 + p
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if middle**3 > p else (middle, high)
    return middle


@njit
def cubic(x, p):
    return x**3 - p


cube_root = numgrad.implicit_root(bisect, cubic)
slope = numgrad.derivative(cube_root)
P = np.array([0.3, 1.0, 8.0, 100.0])


@njit
def kepler(mean, eccentricity, guess):
    x, error = guess, guess - eccentricity * math.sin(guess) - mean
    while abs(error) > 1e-14:
        x -= error / (1.0 - eccentricity * math.cos(x))
        error = x - eccentricity * math.sin(x) - mean
    return x


@njit
def kepler_equation(x, mean, eccentricity, guess):
    return x - eccentricity * math.sin(x) - mean


anomaly = numgrad.implicit_root(kepler, kepler_equation)


@njit
def circle_and_hyperbola(parameters):
    """Find x and y with x**2 + y**2 = p and x y = q by Newton's method."""
    p, q = parameters
    if p == 2.0 * q:
        return np.array([math.sqrt(q), math.sqrt(q)])
    x, y = 2.0, 0.5
    for _ in range(30):
        f, g, determinant = x * x + y * y - p, x * y - q, 2.0 * (x * x - y * y)
        x, y = x - (x * f - 2.0 * y * g) / determinant, y + (y * f - 2.0 * x * g) / determinant
    return np.array([x, y])


@njit
def both_equations(x, parameters):
    p, q = parameters
    return np.array([x[0] ** 2 + x[1] ** 2 - p, x[0] * x[1] - q])


crossing = numgrad.implicit_root(circle_and_hyperbola, both_equations)


# Scalars


def test_cube_root_to_second_order():
    curvature = numgrad.derivative(slope)
    for p in P:
        assert cube_root(p) == bisect(p)
        assert numgrad.derivative(bisect)(p) != pytest.approx(p ** (-2 / 3) / 3, rel=1e-2)
        assert slope(p) == pytest.approx(p ** (-2 / 3) / 3, rel=1e-14)
        assert curvature(p) == pytest.approx(-2 / 9 * p ** (-5 / 3), rel=1e-14)


@pytest.mark.thorough
def test_cube_root_to_third_order():
    third = numgrad.derivative(numgrad.derivative(slope))
    assert third(8.0) == pytest.approx(10 / 27 / 8 ** (8 / 3), rel=1e-14)


def test_value_is_what_the_solver_found():
    value, _ = numgrad.value_and_grad(cube_root)(7.0)
    assert value == bisect(7.0)


@pytest.mark.parametrize("guess_error", [0.0, 1e-8, 0.5])
def test_warm_start(guess_error):
    """An iteration that starts near its end has not brought its derivatives along."""
    m, e = 1.0, 0.3
    x = kepler(m, e, m)
    guess = x + guess_error
    by_mean = 1.0 / (1.0 - e * math.cos(x))
    by_eccentricity = math.sin(x) * by_mean
    by_both = (math.cos(x) * by_mean - e * math.sin(x) * by_mean * by_eccentricity) * by_mean
    gradient = numgrad.grad(anomaly, argnums=(0, 1, 2))
    assert_allclose(gradient(m, e, guess), (by_mean, by_eccentricity, 0.0), rtol=1e-13)
    mixed = numgrad.derivative(numgrad.derivative(anomaly), argnums=1)
    assert mixed(m, e, guess) == pytest.approx(by_both, rel=1e-13)
    if guess_error == 0.0:
        assert numgrad.derivative(kepler)(m, e, guess) == 0.0


def test_fixed_point():
    @njit
    def iterate(p, start):
        x = start
        for _ in range(400):
            x = math.cos(p * x)
        return x

    fixed = numgrad.implicit_root(iterate, lambda x, p, start: x - math.cos(p * x))
    x = iterate(1.2, 0.5)
    expected = -x * math.sin(1.2 * x) / (1.0 + 1.2 * math.sin(1.2 * x))
    assert numgrad.derivative(fixed)(1.2, x) == pytest.approx(expected, rel=1e-13)


def test_minimum():
    """The residual is a derivative itself: of (x - p)**2 / 2 + x**4 / 4, so x + x**3 = p."""

    @njit
    def minimise(p):
        x = 0.0
        for _ in range(50):
            x -= (x + x**3 - p) / (1.0 + 3.0 * x * x)
        return x

    energy = njit(lambda x, p: 0.5 * (x - p) ** 2 + 0.25 * x**4)
    minimum = numgrad.implicit_root(minimise, numgrad.derivative(energy))
    assert minimum(10.0) == pytest.approx(2.0, rel=1e-14)
    assert numgrad.derivative(minimum)(10.0) == pytest.approx(1.0 / 13.0, rel=1e-14)


def test_precision():
    narrow = numgrad.implicit_root(lambda p: np.float32(np.sqrt(p)), lambda x, p: x * x - p)
    derivative = numgrad.derivative(narrow)(np.array([4.0, 9.0], np.float32))
    assert derivative.dtype == np.float32
    assert_allclose(derivative, [1 / 4, 1 / 6], rtol=1e-6)


def test_complex():
    root = numgrad.implicit_root(lambda p: p**0.5, lambda x, p: x * x - p)
    assert numgrad.derivative(root)(3.0 + 4.0j) == pytest.approx(0.5 / (2.0 + 1.0j), rel=1e-14)


# Arrays


def closed_form(p, q):
    s, d = math.sqrt(p + 2 * q), math.sqrt(p - 2 * q)
    value = [(s + d) / 2, (s - d) / 2]
    by_p = [(1 / s + 1 / d) / 4, (1 / s - 1 / d) / 4]
    by_q = [(1 / s - 1 / d) / 2, (1 / s + 1 / d) / 2]
    by_p_twice = [-(1 / s**3 + 1 / d**3) / 8, -(1 / s**3 - 1 / d**3) / 8]
    return value, by_p, by_q, by_p_twice


def test_two_unknowns():
    value, by_p, by_q, _ = closed_form(5.0, 1.5)
    assert_allclose(crossing((5.0, 1.5)), value, rtol=1e-14)
    derivatives = numgrad.jacobian(crossing)((5.0, 1.5))
    assert_allclose(derivatives, [by_p, by_q], rtol=1e-13)


@pytest.mark.thorough
def test_two_unknowns_to_second_order():
    second = njit(lambda p: crossing((p, 1.5))[1])
    *_, expected = closed_form(5.0, 1.5)
    curvature = numgrad.derivative(numgrad.derivative(second))(5.0)
    assert curvature == pytest.approx(expected[1], rel=1e-13)


class Matrix(NamedTuple):
    values: np.ndarray
    shift: float


@njit
def square_root(matrix):
    """Return the root of a matrix of two rows, by the theorem of Cayley and Hamilton."""
    x = matrix.values.copy()
    x[0, 0], x[1, 1] = x[0, 0] + matrix.shift, x[1, 1] + matrix.shift
    determinant = math.sqrt(x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0])
    scale = math.sqrt(x[0, 0] + x[1, 1] + 2.0 * determinant)
    x[0, 0], x[1, 1] = x[0, 0] + determinant, x[1, 1] + determinant
    return x / scale


@njit
def is_square_root(x, matrix):
    result = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            result[i, j] = x[i, 0] * x[0, j] + x[i, 1] * x[1, j] - matrix.values[i, j]
        result[i, i] -= matrix.shift
    return result


def test_matrix_unknown_and_named_tuple():
    """The derivative of a matrix's square root solves Sylvester's equation."""
    root = numgrad.implicit_root(square_root, is_square_root)
    matrix = Matrix(np.array([[4.0, 1.0], [0.5, 8.0]]), 1.0)
    x = root(matrix)
    assert_allclose(x @ x, matrix.values + np.eye(2), rtol=1e-14)
    tangent = np.array([[0.3, -1.0], [2.0, 0.7]])
    _, dx = numgrad.jvp(root, (matrix,), (Matrix(tangent, 2.0),))
    assert_allclose(dx @ x + x @ dx, tangent + 2.0 * np.eye(2), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_linear_equations(dtype):
    """Against NumPy, with zeros on the diagonal and rows in any order.

    Rows of one column stand for complex duals; otherwise the first column is 0 and stays so.
    """
    solve = njit(lambda matrix, rows: solve_in_place(matrix, rows))
    width = 4 if dtype is np.float64 else 1
    random = np.random.default_rng(7)
    for size in (0, 1, 2, 3, 5, 8, 40):
        matrix = random.normal(size=(size, size)).astype(dtype)
        matrix *= random.random((size, size)) < 0.6
        matrix += 3.0 * np.eye(size)[random.permutation(size)]
        rows = random.normal(size=(size, width)).astype(dtype)
        rows[:, 0] *= width == 1
        expected = np.linalg.solve(matrix, rows)
        solve(matrix, rows)
        assert_allclose(rows, expected, rtol=1e-10, atol=1e-12)


# Where it is called


def test_inside_functions_and_transforms():
    @njit
    def scaled(p):
        return p * numgrad.implicit_root(bisect, cubic)(p) + cube_root(2.0)

    assert scaled(8.0) == pytest.approx(16.0 + 2.0 ** (1 / 3), rel=1e-14)
    assert numgrad.derivative(scaled)(8.0) == pytest.approx(8.0 / 3.0, rel=1e-14)


def test_a_root_within_a_residual():
    """The ninth root, as the cube root of x**3 = p**(1/3)."""
    solve = njit(lambda p: p ** (1 / 9))
    root = numgrad.implicit_root(solve, njit(lambda x, p: x**3 - cube_root(p)))
    assert numgrad.derivative(root)(2.0) == pytest.approx(2.0 ** (-8 / 9) / 9, rel=1e-13)


def test_in_parallel():
    @njit(parallel=True)
    def slopes(p):
        result = np.empty_like(p)
        for k in prange(p.size):
            result[k] = slope(p[k])
        return result

    assert_allclose(slopes(P), P ** (-2 / 3) / 3, rtol=1e-14)
    assert_allclose(numgrad.vmap(cube_root)(P), np.cbrt(P), rtol=1e-14)


def test_object():
    assert repr(cube_root) == "<numgrad.implicit_root(bisect, cubic)>"
    assert cube_root.__name__ == "implicit_root(bisect, cubic)"
    assert cube_root.__wrapped__ is bisect
    assert numgrad.implicit_root(bisect, cubic) is cube_root
    copy = pickle.loads(pickle.dumps(cube_root))
    assert copy(8.0) == cube_root(8.0)
    assert copy.settings[0].py_func is not None
    assert cube_root(p=8.0) == cube_root(8.0)


# Errors


@pytest.mark.parametrize("arguments", [(3, cubic), (bisect, "cubic"), (bisect, [])])
def test_not_functions(arguments):
    with pytest.raises(TypeError, match="a function was expected"):
        numgrad.implicit_root(*arguments)


def test_residual_takes_other_arguments():
    with pytest.raises(TypeError, match=r"calls the residual as bisect\(x, p\)"):
        numgrad.implicit_root(bisect, bisect)
    with pytest.raises(TypeError, match=r"cubic\(x, mean, eccentricity, guess\)"):
        numgrad.implicit_root(kepler, cubic)


def test_double_root():
    root = numgrad.implicit_root(lambda p: 0.0 * p, cubic)
    with pytest.raises(np.linalg.LinAlgError, match="slope 0"):
        numgrad.derivative(root)(0.0)


def test_singular_jacobian():
    assert_array_equal(crossing((8.0, 4.0)), [2.0, 2.0])
    with pytest.raises(np.linalg.LinAlgError, match="Jacobian of the residual by x is singular"):
        numgrad.jacobian(crossing)((8.0, 4.0))


both = njit(lambda p: np.full(2, p))


@pytest.mark.parametrize(
    ("residual", "error", "message"),
    [
        (lambda x, p: x[0] - p, TypeError, "must return the same, not"),
        (lambda x, p: x * (1j * p), TypeError, "must return the same, not"),
        (lambda x, p: np.full(3, x[0] * p), ValueError, "has not the shape of the root"),
    ],
)
def test_residual_of_another_kind(residual, error, message):
    root = numgrad.implicit_root(both, residual)
    with pytest.raises(error, match=message):
        numgrad.jacobian(root)(5.0)


def test_solver_that_returns_an_integer():
    root = numgrad.implicit_root(lambda p: int(p), cubic)
    assert root(2.0) == 2
    with pytest.raises(TypeError, match="the unknown must be a float"):
        numgrad.derivative(root)(2.0)


def test_solver_that_overwrites_an_array_with_derivatives():
    @njit
    def in_place(p):
        p[0] = math.sqrt(p[0])
        return p[0]

    root = numgrad.implicit_root(in_place, njit(lambda x, p: x * x - p[0]))
    with pytest.raises(numgrad.DifferentiationError, match="overwrites an array"):
        numgrad.grad(root)(np.array([4.0]))


def test_solver_that_overwrites_a_guess():
    """Without derivatives the guess is an array like any other, and keeps what it is given."""

    @njit
    def in_place(p, guess):
        guess[0] = math.sqrt(p)
        return guess[0]

    root = numgrad.implicit_root(in_place, njit(lambda x, p, guess: x * x - p))
    guess = np.zeros(1)
    assert numgrad.grad(root)(4.0, guess) == 0.25
    assert_array_equal(guess, [2.0])


def test_residual_that_cannot_be_differentiated():
    root = numgrad.implicit_root(bisect, njit(lambda x, p: x - np.packbits(p)))
    with pytest.raises(numgrad.DifferentiationError, match="packbits"):
        numgrad.derivative(root)(2.0)
