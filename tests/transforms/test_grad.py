"""grad and value_and_grad against derivatives by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit, prange
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.twin.functions import (
    product,
    rosenbrock,
    rosenbrock_gradient,
    rosenbrock_hessian,
    wave,
    wave_slope,
)

gradient = numgrad.grad(rosenbrock)
value_and_gradient = numgrad.value_and_grad(rosenbrock)

# one pass and several; as many inputs as a pass has partials, one fewer and one more
SIZES = [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 129]


@pytest.mark.parametrize("size", SIZES)
def test_any_number_of_inputs(size):
    x = np.linspace(-1.5, 2.0, size)
    expected = rosenbrock_gradient(x)
    assert_allclose(gradient(x), expected, rtol=1e-13, atol=1e-12)
    value, same = value_and_gradient(x)
    assert value == rosenbrock(x)
    assert_allclose(same, expected, rtol=1e-13, atol=1e-12)  # rounded elsewhere: it is other code


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(-10, 10)))
def test_any_point(x):
    scale = 1.0 + np.abs(x).max() ** 3
    assert_allclose(gradient(x), rosenbrock_gradient(x), rtol=1e-13, atol=1e-12 * scale)


def test_many_inputs_on_all_threads():
    x = np.linspace(-1.0, 1.0, 3000)
    assert_allclose(gradient(x), rosenbrock_gradient(x), rtol=1e-13, atol=1e-12)


def test_plain_function_is_compiled():
    assert numgrad.grad(lambda x: x * x)(3.0) == 6.0


@njit
def mixed(x, scale, label, point, nested):
    if label == "twice":
        scale = scale * 2
    (a, b), c = nested
    return scale * x[0] * point[0] + point[1] ** 2 * x[1] + a * b * c


def test_arguments_of_all_kinds():
    x, nested = np.array([2.0, 3.0]), ((5.0, 7.0), 11.0)
    derive = numgrad.grad(mixed, argnums=(0, 3, 4))
    by_x, by_point, by_nested = derive(x, 2, "twice", (0.5, 4.0), nested)
    assert_array_equal(by_x, [2.0, 16.0])
    assert by_point == (8.0, 24.0)
    assert by_nested == ((77.0, 55.0), 35.0)
    by_x, _, _ = derive(x, 2, "once", (0.5, 4.0), nested)
    assert_array_equal(by_x, [1.0, 16.0])


def test_argnums():
    assert numgrad.grad(product)(3.0, 2.0) == 4.0
    assert numgrad.grad(product, argnums=1)(3.0, 2.0) == 12.0
    assert numgrad.grad(product, argnums=-1)(3.0, 2.0) == 12.0
    assert numgrad.grad(product, argnums=(1, 0))(3.0, 2.0) == (12.0, 4.0)
    assert numgrad.grad(product, argnums=(0,))(3.0, 2.0) == (4.0,)


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (2, 1, 3)])
def test_arrays_of_any_rank(shape):
    @njit
    def squares(x):
        total = 0.0
        for number in x.flat:
            total += number * number * number
        return total

    x = np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape)
    result = numgrad.grad(squares)(x)
    assert result.shape == shape
    assert_allclose(result, 3.0 * x**2, rtol=1e-15)


def test_arrays_in_any_order():
    wide = np.linspace(-1.0, 1.0, 20)
    for x in (wide[::2], wide[::-1], np.asfortranarray(wide)):
        assert_allclose(gradient(x), rosenbrock_gradient(x), rtol=1e-13, atol=1e-13)
    read_only = wide.copy()
    read_only.flags.writeable = False
    assert_allclose(gradient(read_only), rosenbrock_gradient(wide), rtol=1e-13, atol=1e-13)


def test_input_is_not_changed():
    x = np.linspace(0.0, 1.0, 12)
    before = x.copy()
    gradient(x)
    assert_array_equal(x, before)


def test_float32_stays_float32():
    x = np.linspace(0.0, 1.0, 40, dtype=np.float32)
    result = gradient(x)
    # the literals in the function are float64, and so is its value
    assert result.dtype == np.float64

    @njit
    def squares(x):
        total = np.float32(0)
        for number in x:
            total += number * number
        return total

    result = numgrad.grad(squares)(x)
    assert result.dtype == np.float32
    assert_array_equal(result, 2 * x)


def test_out():
    x = np.linspace(0.0, 1.0, 20)
    out = np.full(20, np.nan)
    assert gradient(x, out=out) is out
    assert_array_equal(out, gradient(x))
    strided = np.full(40, np.nan)[::2]
    assert gradient(x, out=strided) is strided
    assert_array_equal(strided, gradient(x))


@pytest.mark.parametrize(
    ("out", "error"),
    [
        (np.empty(19), ValueError),
        (np.empty(20, np.float32), TypeError),
        (np.empty((20, 1)), TypeError),
        ((np.empty(20), np.empty(20)), TypeError),
    ],
)
def test_out_that_does_not_fit_is_untouched(out, error):
    arrays_given = out if isinstance(out, tuple) else (out,)
    for array in arrays_given:
        array[...] = 7.0
    with pytest.raises(error, match="out"):
        gradient(np.linspace(0.0, 1.0, 20), out=out)
    assert all((array == 7.0).all() for array in arrays_given)


def test_inside_njit():
    @njit
    def global_and_made_inside(x):
        return gradient(x), numgrad.grad(rosenbrock)(x), numgrad.value_and_grad(rosenbrock)(x)

    for size in (3, 20, 70):
        x = np.linspace(0.0, 1.0, size)
        first, second, (value, third) = global_and_made_inside(x)
        expected = rosenbrock_gradient(x)
        for result in (first, second, third):
            assert_allclose(result, expected, rtol=1e-13, atol=1e-13)
        assert value == rosenbrock(x)


def test_inside_njit_by_several_arguments():
    @njit
    def steepest(x, y):
        return numgrad.grad(product, argnums=(0, 1))(x, y)

    assert steepest(3.0, 2.0) == (4.0, 12.0)


def test_inside_prange():
    @njit(parallel=True)
    def rows(points):
        result = np.empty_like(points)
        for i in prange(points.shape[0]):
            result[i] = gradient(points[i])
        return result

    points = np.linspace(-1.0, 1.0, 200).reshape(20, 10)
    expected = [rosenbrock_gradient(point) for point in points]
    assert_allclose(rows(points), expected, rtol=1e-13, atol=1e-13)


def test_newton_in_compiled_code():
    slope = numgrad.derivative(wave)

    @njit
    def root(x):
        for _ in range(20):
            x -= wave(x) / slope(x)
        return x

    assert abs(root(0.3)) < 1e-15


def test_function_passed_as_argument():
    @njit
    def twice(f, x):
        return f(f(x))

    expected = wave_slope(wave(0.4)) * wave_slope(0.4)
    assert numgrad.grad(twice, argnums=1)(wave, 0.4) == pytest.approx(expected, rel=1e-14)


def test_nested_derivative_of_captured_variable():
    """d/dx (x d/dy (x + y)) = 1: perturbations are not confused."""

    @njit
    def inner(y, x):
        return x + y

    by_y = numgrad.derivative(inner)

    @njit
    def outer(x):
        return x * by_y(1.0, x)

    assert numgrad.derivative(outer)(3.0) == 1.0


@pytest.mark.thorough
def test_gradient_of_gradient():
    @njit
    def length(x):
        g = gradient(x)
        total = 0.0
        for number in g:
            total += number * number
        return total

    x = np.linspace(0.2, 1.4, 6)
    expected = 2.0 * rosenbrock_hessian(x) @ rosenbrock_gradient(x)
    assert_allclose(numgrad.grad(length)(x), expected, rtol=1e-12)


def test_singular_input_leaves_the_others_alone():
    @njit
    def f(x, y):
        return math.sqrt(x) + y * y

    assert numgrad.grad(f, argnums=(0, 1))(0.0, 3.0) == (math.inf, 6.0)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: numgrad.grad(3), TypeError, "3 can't be differentiated"),
        (lambda: numgrad.grad(rosenbrock, "x"), TypeError, "argnums must be an int or a tuple"),
        (lambda: numgrad.grad(rosenbrock, ()), TypeError, "argnums must be"),
        (lambda: numgrad.grad(rosenbrock, True), TypeError, "argnums must be"),
        (lambda: numgrad.grad(product, (0, 0)), ValueError, "names an argument twice"),
        (lambda: numgrad.grad(product, (1, -1))(1.0, 2.0), ValueError, "names an argument twice"),
        (lambda: numgrad.grad(rosenbrock, 1)(np.ones(3)), ValueError, "argnums has 1"),
        (lambda: numgrad.grad(product)(True, 2.0), TypeError, "argument 0 of product .* bool"),
        (lambda: numgrad.grad(lambda x: x)(np.ones(3)), TypeError, "returns .*numgrad.jacobian"),
        (lambda: numgrad.grad(lambda x: x * 1j)(1.0), TypeError, "returns .*numgrad.jacobian"),
        (lambda: numgrad.grad(lambda x: (x, x))(1.0), TypeError, "returns .*numgrad.jacobian"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
