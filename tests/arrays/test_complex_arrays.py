"""Arrays of complex duals: their parts are views of them, in any order and precision, nested too.

The truth is differences of the functions themselves.
"""

from collections import namedtuple

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

POINT = np.array([0.7, 1.3, 0.4, 2.1])

Pair = namedtuple("Pair", "part count")


def slope(f, step=1e-3):
    """Return the derivative of a function at 0 to eighth order."""
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    return sum(w * (f(k * step) - f(-k * step)) for k, w in weights.items()) / step


def differences(f, x):
    """Return the Jacobian of a function."""
    columns = [slope(lambda s, to=unit: f(x + s * to)) for unit in np.eye(x.size)]
    return np.stack(columns, axis=-1)


@njit
def real_of(z):
    return z.real


@njit
def imag_as_given(function, z):
    return function(z)


@njit
def write(part, value):
    part[...] = value


@njit
def seen_later(x):
    """Parts taken before the array is written to."""
    z = np.zeros((2, 3), np.complex128)
    z[0, 1] = x[0] + 1j * x[1]
    sliced, transposed, reshaped = z.real[0][1:], z.T.imag, z.reshape(-1).real
    in_function, named, listed = np.real(z), Pair(z.imag, 2), [z.real, z.real]
    by_callee, by_argument, column = real_of(z), imag_as_given(np.imag, z), z[:, 1].imag
    fortran = np.asfortranarray(z)
    in_fortran = fortran.real
    alone = np.zeros((), np.complex128)
    real_alone, imag_alone = alone.real, np.imag(alone)
    z[0, 1] = x[2] * x[0] + 1j * x[3] * x[3]
    z[1, 2] = 3.0 * x[1]
    fortran[0, 1] = x[3] * x[1]
    alone[()] = x[0] * x[1] + 2j * x[3]
    return np.array(
        [
            sliced[0] * x[0],
            transposed[1, 0] * x[0],
            reshaped[5] * x[3] + reshaped.sum(),
            in_function[1, 2] * x[0],
            named.part[0, 1] * named.count,
            listed[1][0, 1] * x[3],
            by_callee[1, 2] ** 2,
            by_argument[0, 1] * x[1],
            column[0] * x[2],
            in_fortran[0, 1] * x[2],
            real_alone[()] * x[1],
            imag_alone[()] * x[1],
            (z.real * z.imag).sum() + z.real.max() + np.abs(z).sum(),
        ]
    )


@njit
def written(x):
    """Parts that are written to."""
    z = np.zeros((3, 4), np.complex128)
    z.real[0] = x
    z.imag[0, 1] = x[0] * x[2]
    z[1].imag[...] = x * x
    z[1].real[::2] = x[1]
    z.T.real[2] += x[:3]
    write(z[2].imag, x[3])
    z.imag[1] *= x[0]
    np.multiply(z.real[0], x, z.imag[2])
    z[2].real[:] = z[1].imag
    np.imag(z)[0, 3] = x[3] ** 3
    flat = z.real.flat
    flat[4] = x[2]
    for k, number in enumerate(x):
        z.real[1, k] -= number
    w = z * z
    return np.concatenate((w.real.copy().ravel(), w.imag.copy().ravel()))


@pytest.mark.parametrize("f", [seen_later, written], ids=lambda f: f.__name__)
def test_parts_are_views(f):
    assert_allclose(numgrad.jacobian(f)(POINT), differences(f, POINT), rtol=1e-9, atol=1e-9)


@njit
def product_of_parts(x):
    z = np.zeros(x.size, np.complex128)
    part = z.imag
    z.real[...] = x * x
    part[...] = np.sin(x)
    z[1:] *= z[:-1].copy()
    part[0] = part[1] * x[0]
    total = part[2] * abs(z[1])
    for number in z.real:
        total += number * number
    return total


slopes = numgrad.grad(product_of_parts)


def test_several_passes():
    x = np.linspace(0.3, 0.9, 23)
    assert_allclose(slopes(x), differences(product_of_parts, x), rtol=1e-9, atol=1e-9)


@pytest.mark.thorough
def test_second_derivatives():
    x = np.linspace(0.3, 0.9, 23)
    direction = np.cos(np.arange(23.0))
    along = numgrad.hvp(product_of_parts, x, direction)
    expected = slope(lambda s: slopes(x + s * direction))
    assert_allclose(along, expected, rtol=1e-8, atol=1e-8)


@njit
def single(x):
    z = np.zeros(x.size, np.complex64)
    part = z.real
    z.imag[...] = x
    z[:2] = (x * x)[:2] * np.complex64(1 + 2j)
    return part[:3] * z.imag[:3]


def test_single_precision():
    jacobian = numgrad.jacobian(single)(POINT.astype(np.float32))
    assert jacobian.dtype == np.float32
    double = njit(lambda x: np.array([2 * x[0] ** 4, 2 * x[1] ** 4, 0 * x[2]]))
    assert_allclose(jacobian, numgrad.jacobian(double)(POINT), rtol=1e-6)


@njit
def by_complex(z):
    """Its argument is written to through its parts."""
    z.real[1:] += z.imag[:-1]
    z.imag[0] *= z.real[2]
    return z * z


def test_arguments_are_complex():
    """By complex numbers along the real axis; what the caller has is not touched between passes."""
    z = np.linspace(0.2, 0.8, 20) + 1j * np.linspace(0.9, 0.3, 20)

    def shifted(x):
        return by_complex.py_func(x + z)

    expected = differences(lambda x: shifted(x).view(float).reshape(-1, 2), np.zeros(20))
    given = z.copy()
    jacobian = numgrad.jacobian(by_complex)(given)
    assert_allclose(jacobian.real, expected[:, 0], rtol=1e-8, atol=1e-9)
    assert_allclose(jacobian.imag, expected[:, 1], rtol=1e-8, atol=1e-9)
    left = z.copy()
    by_complex.py_func(left)
    assert_allclose(given, left, rtol=1e-15)


@njit
def into(x, out):
    out.real[...] = x * x
    np.imag(out)[1:] = x[1:] * x[0]


def test_written_output():
    out, left = np.ones(4, np.complex128), np.ones(4, np.complex128)
    jacobian = numgrad.jacobian(into, out_argnum=1)(POINT, out)
    into.py_func(POINT, left)
    assert_array_equal(out, left)
    expected = 2 * np.diag(POINT) + 1j * (POINT[0] * np.diag([0, 1, 1, 1]))
    expected[1:, 0] += 1j * POINT[1:]
    assert_allclose(jacobian, expected, rtol=1e-14)


@njit
def of_real(x):
    a = x * x
    part, nothing = a.real, a.imag
    part[1] = x[0]
    alone = np.real(np.asarray(x[2]))
    return a * x + nothing + np.imag(x) + alone


def test_parts_of_real_arrays():
    """The real part is the array, the imaginary part zeros that can't be written to."""
    assert_allclose(numgrad.jacobian(of_real)(POINT), differences(of_real.py_func, POINT))

    @njit
    def writing(x):
        x.imag[0] = x[1]
        return x.sum()

    with pytest.raises(numgrad.DifferentiationError, match=r"line \d+"):
        numgrad.grad(writing)(POINT)

    @njit
    def read_only(x):
        np.broadcast_to(x * 1j, (2, x.size)).real[0] = 0.0
        return x.sum()

    with pytest.raises(numgrad.DifferentiationError, match=r"line \d+"):
        numgrad.grad(read_only)(POINT)


@njit
def products(x):
    """Products with matrices that are large enough for BLAS, from either side."""
    n = 17
    a = np.arange(n * n).reshape(n, n) % 7 - 3.0 + 1j * (np.arange(n * n).reshape(n, n) % 5 - 2.0)
    z = np.zeros((n, n), np.complex128)
    z[0, :4], z[3, 2:6], z[:4, 7] = x, 1j * x * x, x * (1 + 1j)
    return a @ z + z @ a + (a @ z[0]) * z[3]


def test_products():
    pytest.importorskip("scipy", reason="Numba's products need SciPy")
    expected = differences(products.py_func, POINT)
    assert_allclose(numgrad.jacobian(products)(POINT), expected, rtol=1e-9, atol=1e-9)


@njit
def solution(x):
    n = 40  # more than a block of rows
    a = np.eye(n) * (3.0 + 1j) + 0.0j
    a[0, :4], a[5:9, 2] = x * 1j, x * x
    a[1, 0] = x[0] + 5j * x[1]
    right = np.zeros((n, 2), np.complex128)
    right[:4, 0], right[30:34, 1] = x, x * (2 - 1j)
    b = right[:, 0].copy()
    return np.linalg.solve(a, right)[:9, 0] + np.linalg.solve(a, b)[:9] + np.linalg.inv(a)[:9, 0]


@pytest.mark.thorough
def test_equations():
    pytest.importorskip("scipy", reason="Numba's linear algebra needs SciPy")
    expected = differences(solution.py_func, POINT)
    assert_allclose(numgrad.jacobian(solution)(POINT), expected, rtol=1e-9, atol=1e-9)
