"""vmap against a loop in Python."""

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

points = np.random.default_rng(0).normal(size=(11, 5))


def test_numbers():
    x, y = np.arange(5.0), np.arange(5.0)[::-1]
    assert_array_equal(numgrad.vmap(product)(x, y), x * y * y)
    assert_array_equal(numgrad.vmap(product, in_axes=(0, None))(x, 3.0), 9.0 * x)


def test_arrays():
    assert_array_equal(numgrad.vmap(rosenbrock)(points), [rosenbrock(p) for p in points])
    assert_array_equal(numgrad.vmap(rotate)(points), [rotate(p) for p in points])


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_axes(axis):
    lying = np.moveaxis(points, 0, axis)
    assert_array_equal(numgrad.vmap(rotate, in_axes=axis)(lying), [rotate(p) for p in points])


@pytest.mark.parametrize("axis", [1, -1])
def test_axes_of_results(axis):
    expected = np.moveaxis(np.array([rotate_jacobian(p) for p in points]), 0, axis)
    by_point = numgrad.jacobian(rotate)
    assert_allclose(numgrad.vmap(by_point, out_axes=axis)(points), expected, rtol=1e-14)
    found = numgrad.vmap(numgrad.jacobian(rotate, jit=False), out_axes=axis, jit=False)(points)
    assert_allclose(found, expected, rtol=1e-14)
    inside = njit(lambda points: numgrad.vmap(by_point, 0, "auto", axis)(points))
    assert_allclose(inside(points), expected, rtol=1e-14)


def test_derivative_of_what_lies_along_another_axis():
    def total(points):
        along = numgrad.vmap(rotate, out_axes=1)(points)
        return (along[0] * along[1]).sum()

    slope, step = numgrad.grad(total)(points), 1e-6 * np.cos(np.arange(points.size))
    step = step.reshape(points.shape)
    difference = (total(points + step) - total(points - step)) / 2e-6
    assert_allclose(np.sum(slope * step) / 1e-6, difference, rtol=1e-7)


@pytest.mark.parametrize("count", [1, 11, 5000])
def test_derivatives(count):
    many = np.random.default_rng(1).normal(size=(count, 5))
    gradients = numgrad.vmap(numgrad.grad(rosenbrock))(many)
    assert_allclose(gradients, [rosenbrock_gradient(p) for p in many], rtol=1e-10, atol=1e-10)


def test_jacobians():
    jacobians = numgrad.vmap(numgrad.jacobian(rotate))(points)
    assert_allclose(jacobians, [rotate_jacobian(p) for p in points], rtol=1e-14)


@pytest.mark.thorough
def test_hessians():
    hessians = numgrad.vmap(numgrad.hessian(rosenbrock))(points)
    assert_allclose(hessians, [rosenbrock_hessian(p) for p in points], rtol=1e-12, atol=1e-11)
    assert numgrad.vmap(numgrad.hessian(rosenbrock))(np.empty((0, 5))).shape == (0, 5, 5)


def test_value_and_gradient_of_tuples():
    @njit
    def f(t):
        return t[0] * t[1]

    x, y = np.arange(4.0), np.arange(4.0) + 1.0
    values, (by_x, by_y) = numgrad.vmap(numgrad.value_and_grad(f))((x, y))
    assert_array_equal(values, x * y)
    assert_array_equal(by_x, y)
    assert_array_equal(by_y, x)


def test_derivative_of_vmap():
    jacobian = numgrad.jacobian(numgrad.vmap(rosenbrock))(points)
    expected = np.zeros((11, 11, 5))
    for i, p in enumerate(points):
        expected[i, i] = rosenbrock_gradient(p)
    assert_allclose(jacobian, expected, rtol=1e-11, atol=1e-11)


def test_vmap_of_vmap():
    stacked = np.stack([points, 2.0 * points])
    result = numgrad.vmap(numgrad.vmap(rosenbrock))(stacked)
    assert_array_equal(result, [[rosenbrock(p) for p in block] for block in stacked])


def test_out():
    out = np.empty((11, 5))
    map_gradient = numgrad.vmap(numgrad.grad(rosenbrock))
    assert map_gradient(points, out=out) is out
    assert_array_equal(out, map_gradient(points))
    with pytest.raises(ValueError, match="shape"):
        map_gradient(points, out=np.empty((10, 5)))
    with pytest.raises(TypeError, match="out"):
        map_gradient(points, out=np.empty((11, 5), np.float32))


def test_inside_njit():
    map_gradient = numgrad.vmap(numgrad.grad(rosenbrock))

    @njit
    def inside(points):
        return map_gradient(points), numgrad.vmap(rosenbrock)(points)

    gradients, values = inside(points)
    assert_allclose(gradients, map_gradient(points), rtol=1e-14)
    assert_array_equal(values, [rosenbrock(p) for p in points])


def test_no_items():
    assert numgrad.vmap(product)(np.empty(0), np.empty(0)).shape == (0,)
    with pytest.raises(ValueError, match="no items"):
        numgrad.vmap(rotate)(np.empty((0, 3)))
    with pytest.raises(ValueError, match="no items"):
        numgrad.vmap(numgrad.jacobian(rotate))(np.empty((0, 3)))


def test_no_items_of_known_shape():
    """The derivatives of a number have the shape of what they are taken by."""
    none = np.empty((0, 5))
    assert numgrad.vmap(numgrad.grad(rosenbrock))(none).shape == (0, 5)
    assert numgrad.vmap(numgrad.grad(rosenbrock))(none, out=none) is none
    values, gradients = numgrad.vmap(numgrad.value_and_grad(rosenbrock))(none)
    assert values.shape == (0,)
    assert gradients.shape == (0, 5)


@pytest.mark.thorough
def test_no_items_of_other_axes_and_of_two_arguments():
    none = np.empty((0, 5))
    assert numgrad.vmap(numgrad.grad(rosenbrock), in_axes=1)(none.T).shape == (0, 5)
    weighted = njit(lambda x, w: (x[0] * w).sum())
    by_both = numgrad.vmap(numgrad.jacobian(weighted, argnums=(0, 1)), in_axes=(0, None))
    assert [each.shape for each in by_both(none, np.ones(3))] == [(0, 5), (0, 3)]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: numgrad.vmap(product)(1.0, 2.0), TypeError, "needs an array"),
        (lambda: numgrad.vmap(product)(np.ones(3), 2.0), TypeError, "None in in_axes"),
        (lambda: numgrad.vmap(product)(np.ones(3), np.ones(4)), ValueError, "different lengths"),
        (lambda: numgrad.vmap(product, (0,))(np.ones(3), np.ones(3)), ValueError, "1 entries"),
        (lambda: numgrad.vmap(product, "x"), TypeError, "in_axes must be"),
        (lambda: numgrad.vmap(product, target="gpu"), ValueError, "target must be"),
        (lambda: numgrad.vmap(product, out_axes="x"), TypeError, "out_axes must be"),
        (
            lambda: numgrad.vmap(product, out_axes=-1)(np.ones(3), np.ones(3), out=np.ones(3)),
            TypeError,
            "leave out out_axes",
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
