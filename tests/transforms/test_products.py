"""Directional derivatives against Jacobians and Hessians."""

from functools import partial

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.twin.functions import (
    product,
    rosenbrock,
    rosenbrock_gradient,
    rosenbrock_hessian,
    rotate,
    rotate_jacobian,
)

x = np.linspace(-1.0, 1.5, 7)
v = np.linspace(2.0, -1.0, 7)


def test_jvp_of_numbers():
    assert numgrad.jvp(product, (3.0, 2.0), (1.0, 10.0)) == (12.0, 124.0)
    assert numgrad.jvp(product, (3.0, 2.0), (1.0, None)) == (12.0, 4.0)


def test_jvp_of_arrays():
    value, tangent = numgrad.jvp(rotate, (x,), (v,))
    assert_array_equal(value, rotate(x))
    assert_allclose(tangent, rotate_jacobian(x) @ v, rtol=1e-14)
    value, tangent = numgrad.jvp(rosenbrock, (x,), (v,))
    assert value == rosenbrock(x)
    assert tangent == pytest.approx(rosenbrock_gradient(x) @ v, rel=1e-13)


def test_jvp_of_tuples():
    @njit
    def f(t, n):
        return (t[0] * t[1], n), t[0] * np.ones(2)

    value, tangent = numgrad.jvp(f, ((2.0, 3.0), 4), ((1.0, 0.5), None))
    assert value[0] == (6.0, 4)
    assert tangent[0] == (4.0, None)
    assert_array_equal(value[1], [2.0, 2.0])
    assert_array_equal(tangent[1], [1.0, 1.0])


def test_hvp():
    result = numgrad.hvp(rosenbrock, x, v)
    assert_allclose(result, rosenbrock_hessian(x) @ v, rtol=1e-12)
    assert numgrad.hvp(lambda t: t**3, 2.0, 10.0) == 120.0


def test_inside_njit():
    @njit
    def inside(x, v):
        return numgrad.jvp(rosenbrock, (x,), (v,)), numgrad.hvp(rosenbrock, x, v)

    (value, tangent), second = inside(x, v)
    assert value == rosenbrock(x)
    assert tangent == pytest.approx(rosenbrock_gradient(x) @ v, rel=1e-13)
    assert_allclose(second, rosenbrock_hessian(x) @ v, rtol=1e-12)


def test_jvp_of_a_gradient_is_hvp():
    gradient = numgrad.grad(rosenbrock)
    _, tangent = numgrad.jvp(gradient, (x,), (v,))
    assert_allclose(tangent, rosenbrock_hessian(x) @ v, rtol=1e-12)


@pytest.mark.parametrize(
    ("primals", "tangents", "error", "message"),
    [
        (x, (v,), TypeError, "primals must be a tuple"),
        ((x,), v, TypeError, "tangents must be a tuple"),
        ((x,), (v, v), TypeError, "1 primals, but 2 tangents"),
        ((x,), (v[:3],), ValueError, "shape"),
        ((x,), (1.0,), TypeError, "arranged like"),
        ((x,), (v[:, None],), TypeError, "arranged like"),
        ((np.arange(3) > 0,), (np.ones(3),), TypeError, "can't be differentiated"),
    ],
)
def test_errors(primals, tangents, error, message):
    with pytest.raises(error, match=message):
        numgrad.jvp(rosenbrock, primals, tangents)


def test_no_direction():
    for jit in (True, False):
        with pytest.raises(TypeError, match="every tangent is None"):
            numgrad.jvp(lambda x, y: x * y, (1.0, 2.0), (None, None), jit=jit)


def scaled(x, scale, weights):
    return scale * np.sum(weights * x**3)


def test_constants_behind():
    x, v, weights = np.array([1.0, 2.0]), np.array([1.0, -1.0]), np.array([3.0, 4.0])
    expected = 6.0 * 10.0 * weights * x * v
    slope = 3.0 * 10.0 * weights * x**2 @ v
    along = scaled(x, 10.0, weights), slope
    for mode in ("forward", "reverse", "auto"):
        assert_allclose(numgrad.hvp(scaled, x, v, 10.0, weights, mode=mode), expected)
    assert_allclose(numgrad.hvp(scaled, x, v, 10.0, weights, jit=False), expected)
    place = np.empty(2)
    assert numgrad.hvp(scaled, x, v, 10.0, weights, out=place) is place
    assert_allclose(place, expected)
    assert_allclose(numgrad.jvp(scaled, (x,), (v,), 10.0, weights), along)
    assert_allclose(numgrad.jvp(scaled, (x, 10.0), (v, None), weights, jit=False), along)
    with pytest.raises(TypeError, match=r"jvp: primals must be a tuple .* not ndarray"):
        numgrad.jvp(scaled, x, (v,), 10.0, weights)


def test_constants_behind_in_compiled_code():
    @njit
    def compiled(x, v, weights):
        first = numgrad.hvp(compiled_scaled, x, v, 10.0, weights)
        second = np.empty(2)
        numgrad.hvp(compiled_scaled, x, v, 10.0, weights, out=second, mode="reverse")
        return first, second, numgrad.jvp(compiled_scaled, (x,), (v,), 10.0, weights)

    compiled_scaled = njit(scaled)
    x, v, weights = np.array([1.0, 2.0]), np.array([1.0, -1.0]), np.array([3.0, 4.0])
    first, second, along = compiled(x, v, weights)
    assert_allclose(first, 6.0 * 10.0 * weights * x * v)
    assert_allclose(second, first)
    assert_allclose(along, (scaled(x, 10.0, weights), 3.0 * 10.0 * weights * x**2 @ v))


def test_as_scipy_calls_it():
    optimize = pytest.importorskip("scipy.optimize")

    def valley(x, a, b):
        return (a - x[0]) ** 2 + b * (x[1] - x[0] ** 2) ** 2

    found = optimize.minimize(
        valley,
        np.array([-1.2, 1.0]),
        args=(1.0, 100.0),
        jac=numgrad.grad(valley),
        hessp=partial(numgrad.hvp, valley),
        method="Newton-CG",
    )
    assert_allclose(found.x, [1.0, 1.0], rtol=1e-4)


@pytest.mark.parametrize("size", [3, 8, 40])
@pytest.mark.parametrize("mode", ["auto", "forward"])
def test_gradients_that_are_differentiated_go_one_way(size, mode):
    """A call from Python tells how many inputs there are: one twin does, where there were two."""

    @njit
    def f(x):
        return np.sum(x**3) + x[0] * x[-1]

    x, v = np.linspace(0.5, 1.5, size), np.linspace(1.0, 2.0, size)
    expected = 6.0 * x * v
    expected[0] += v[-1]
    expected[-1] += v[0]
    gradient = numgrad.grad(f, mode=mode)
    assert_allclose(numgrad.jvp(gradient, (x,), (v,))[1], expected, rtol=1e-13)
    assert_allclose(numgrad.hvp(f, x, v, mode=mode), expected, rtol=1e-13)
    compiled = {hint for (hint, _), driver in gradient._drivers.items() if driver.overloads}
    assert compiled
    assert compiled <= {4, 8, "reverse"}  # of all sizes here; None would have two twins in it


def test_other_sizes_follow():
    @njit
    def f(x):
        return np.sum(x**3)

    gradient = numgrad.grad(f)
    for size in (3, 40, 8, 4, 3):
        x = np.linspace(0.5, 1.5, size)
        value, along = numgrad.jvp(gradient, (x,), (x,))
        assert_allclose(value, 3.0 * x**2, rtol=1e-14)
        assert_allclose(along, 6.0 * x**2, rtol=1e-14)
    value, along = numgrad.jvp(numgrad.grad(f, argnums=(0,)), (x,), (x,))
    assert_allclose(along[0], 6.0 * x**2, rtol=1e-14)
