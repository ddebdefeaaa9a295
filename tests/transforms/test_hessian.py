"""Hessians against those by hand."""

import numpy as np
import pytest
from numba import njit, types
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.twin.functions import product, rosenbrock, rosenbrock_hessian, rotate, wave

hessian_of_rosenbrock = numgrad.hessian(rosenbrock)


@pytest.mark.parametrize("size", [2, 8, 20, 50])
def test_array(size):
    x = np.linspace(-1.0, 1.5, size)
    result = hessian_of_rosenbrock(x)
    assert_allclose(result, rosenbrock_hessian(x), rtol=1e-13, atol=1e-12)
    assert_array_equal(result, result.T)


def test_arrays_that_share_chunks_of_inputs():
    """Half of the Hessian is computed, chunk by chunk, and the rest mirrored."""

    @njit
    def entwined(matrix, scale, line):
        return scale * (matrix * matrix).sum() * (line * line).sum()

    rng = np.random.default_rng(0)
    matrix, line = rng.random((2, 7)).T, rng.random(9)
    (by_line, mixed), (other, by_matrix) = numgrad.hessian(entwined, (2, 0))(matrix, 2, line)
    assert_allclose(by_line, 4.0 * (matrix**2).sum() * np.eye(9), rtol=1e-13)
    assert_allclose(mixed, 8.0 * np.multiply.outer(line, matrix), rtol=1e-13)
    assert_allclose(other, 8.0 * np.multiply.outer(matrix, line), rtol=1e-13)
    expected = 4.0 * (line**2).sum() * np.eye(14).reshape(7, 2, 7, 2)
    assert_allclose(by_matrix, expected, rtol=1e-13)


def test_numbers_beside_arrays():
    """There the whole Hessian is computed."""
    line = np.linspace(1.0, 2.0, 12)
    result = numgrad.hessian(lambda x, s: s * s * (x * x).sum(), (0, 1))(line, 3.0)
    assert_allclose(result[0][0], 18.0 * np.eye(12), rtol=1e-14)
    assert_allclose(result[0][1], 12.0 * line, rtol=1e-14)
    assert_allclose(result[1][0], 12.0 * line, rtol=1e-14)
    assert result[1][1] == pytest.approx(2.0 * (line**2).sum(), rel=1e-14)


def test_no_inputs():
    assert hessian_of_rosenbrock(np.zeros(0)).shape == (0, 0)


def test_chunks_shared_among_threads(monkeypatch):
    monkeypatch.setattr("numgrad.transforms.jacobian.SHARED_NUMBERS", 1)
    x = np.linspace(-1.0, 1.5, 140)
    result = numgrad.hessian(rosenbrock)(x)
    assert_allclose(result, rosenbrock_hessian(x), rtol=1e-13, atol=1e-12)


def test_several_arguments():
    result = numgrad.hessian(product, argnums=(0, 1))(3.0, 2.0)
    assert result == ((0.0, 4.0), (4.0, 6.0))


def test_vector_valued_function():
    p = np.array([2.0, 3.0, 5.0])
    result = numgrad.hessian(rotate)(p)
    expected = np.zeros((3, 3, 3))
    for i in range(3):
        j = (i + 1) % 3
        expected[i, j, j] = 2.0 * p[i]
        expected[i, i, j] = expected[i, j, i] = 2.0 * p[j]
    assert_array_equal(result, expected)


def test_third_derivative():
    third = numgrad.derivative(numgrad.derivative(numgrad.derivative(wave)))
    x = 0.6
    expected = np.exp(-x * x) * (
        (-8.0 * x**3 + 18.0 * x) * np.sin(x) + (12.0 * x * x - 7.0) * np.cos(x)
    )
    assert third(x) == pytest.approx(expected, rel=1e-13)


def test_out_and_inside_njit():
    x = np.linspace(0.0, 1.0, 9)
    out = np.empty((9, 9))
    assert hessian_of_rosenbrock(x, out=out) is out
    assert_allclose(out, rosenbrock_hessian(x), rtol=1e-13, atol=1e-12)

    @njit
    def inside(x):
        return hessian_of_rosenbrock(x)

    assert_allclose(inside(x), out, rtol=1e-14)


def test_powers_at_zero_are_exact():
    power = numgrad.derivative(numgrad.derivative(lambda x, n: x**n))
    for n in range(5):
        assert power(0.0, n) == (2.0 if n == 2 else 0.0)
        assert power(0.0, float(n)) == (2.0 if n == 2 else 0.0)


def test_the_passes_within_are_compiled_once():
    """The first pass and all others call the same function, from one input on."""
    hessian_of_rosenbrock(np.linspace(0.1, 1.0, 8))
    half = hessian_of_rosenbrock.half
    assert half.overloads
    assert not [kinds for kinds in half.overloads if isinstance(kinds[0], types.Literal)]
