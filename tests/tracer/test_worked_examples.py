"""What newcomers try first, on plain functions, on compiled ones, and without compiling."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.drivers.transform import compiled

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
B = np.array([[0.5, -1.0, 2.0], [3.0, 0.0, -2.5]])
GRID = np.linspace(-5.0, 5.0, 200)


def cubic(x):
    return 5 * x**3 + 2 * x**2 + 4 * x + 8


def parabola(x):
    return 2 * x**2 + 5


def polynomial(x):
    return 2 * x**3 + 5 * x**2 + 7 * x + 10


def quadratic(x, y):
    return 2 * x**2 + 5 * y**2


def polynomial_sum(x):
    return np.sum(2 * x**3 + 5 * x**2 + 7 * x + 10)


def quadratic_sum(x, y):
    return np.sum(2 * x**2 + 5 * y**2)


def sine(x):
    return np.sin(x)


def surface(x, y):
    return x**3 + 5 * x + y**2


ALL = (cubic, parabola, polynomial, polynomial_sum, quadratic, quadratic_sum, sine, surface)
PLAIN = {f.__name__: f for f in ALL}
# numgrad compiles a plain function the same way, once, so both forms share what is compiled
COMPILED = {name: compiled(f) for name, f in PLAIN.items()}
FORMS = {
    "plain": (PLAIN, True),
    "njit": (COMPILED, True),
    "plain, not compiled": (PLAIN, False),
    "njit, not compiled": (COMPILED, False),
}


@pytest.fixture(params=FORMS)
def form(request):
    """The functions, and whether derivatives compile them."""
    return FORMS[request.param]


# The gradient of samples


def test_gradient_of_cubes():
    x = np.array([-1.0, -2.0, 3.0, 4.0])
    assert_array_equal(numgrad.gradient(x**3), [-7.0, 14.0, 36.0, 37.0])
    assert_array_equal(numgrad.gradient(np.array([-1, -2, 3, 4]) ** 3), [-7.0, 14.0, 36.0, 37.0])


@pytest.mark.parametrize(
    "samples",
    [
        np.array([-2.0, 1.0, -3.0, 4.0, 5.0]) ** 2 + 5,
        A**2,
        np.random.default_rng(0).random((2, 2)),
        np.exp(1j * np.array([0.0, 0.5, 1.5, 2.0])),
    ],
    ids=["t**2 + 5", "2-D", "random 2x2", "complex"],
)
def test_gradient_of_samples(samples):
    assert_array_equal(numgrad.gradient(samples), np.gradient(samples))
    for axis in range(samples.ndim):
        assert_array_equal(numgrad.gradient(samples, axis=axis), np.gradient(samples, axis=axis))


# Functions of a number


def test_derivative_of_a_cubic(form):
    functions, jit = form
    f = functions["cubic"]
    assert f(2.0) == 64.0
    assert numgrad.derivative(f, jit=jit)(2.0) == 72.0
    graph = numgrad.trace(f, 2.0)
    assert (graph.value, graph.outputs[0].tangent) == (64.0, 72.0)


def test_derivative_of_a_parabola_in_two_ways(form):
    functions, jit = form
    assert numgrad.derivative(functions["parabola"], jit=jit)(5.0) == 20.0
    assert numgrad.jvp(functions["parabola"], (5.0,), (1.0,), jit=jit) == (55.0, 20.0)


def test_slope_of_sine_at_200_points(form):
    functions, jit = form
    slope = numgrad.derivative(functions["sine"], jit=jit)
    assert_allclose(slope(GRID), np.cos(GRID), rtol=1e-15, atol=1e-15)


def test_both_partial_derivatives_of_a_surface(form):
    functions, jit = form
    by_x, by_y = numgrad.derivative(functions["surface"], argnums=(0, 1), jit=jit)(GRID, GRID)
    assert_allclose(by_x, 3 * GRID**2 + 5, rtol=1e-14)
    assert_allclose(by_y, 2 * GRID, rtol=1e-14)


# Functions of arrays


def test_jacobian_of_a_polynomial(form):
    functions, jit = form
    f = functions["polynomial"]
    jacobian = numgrad.jacobian(f, jit=jit)(A)
    assert jacobian.shape == (2, 3, 2, 3)
    matrix = jacobian.reshape(6, 6)
    assert_array_equal(matrix, np.diag([23.0, 51.0, 91.0, 143.0, 207.0, 283.0]))
    assert_array_equal(np.diag(matrix).reshape(2, 3), 6 * A**2 + 10 * A + 7)


def test_gradient_of_the_sum_of_a_polynomial(form):
    functions, jit = form
    total = functions["polynomial_sum"]
    assert_array_equal(numgrad.grad(total, jit=jit)(A), 6 * A**2 + 10 * A + 7)


def test_jacobians_by_two_arrays(form):
    functions, jit = form
    by_x, by_y = numgrad.jacobian(functions["quadratic"], argnums=(0, 1), jit=jit)(A, B)
    assert_array_equal(by_x.reshape(6, 6), np.diag(4 * A.ravel()))
    assert_array_equal(by_y.reshape(6, 6), np.diag(10 * B.ravel()))


def test_gradients_by_two_arrays(form):
    functions, jit = form
    total = functions["quadratic_sum"]
    by_x, by_y = numgrad.grad(total, argnums=(0, 1), jit=jit)(A, B)
    assert_array_equal(by_x, 4 * A)
    assert_array_equal(by_y, 10 * B)
