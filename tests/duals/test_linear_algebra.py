"""np.linalg on matrices of duals, each function against differences of NumPy's own."""

from functools import cache

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

# One line an expression, by what decides how long it takes to compile. Beside the square matrix x
# there are y, with one row more, z, with one column more, and A and b without derivatives.

TABLE = """
np.linalg.solve(x, b)
np.linalg.solve(x, x.T)
np.linalg.solve(A, y.T)
np.linalg.inv(x)
np.linalg.det(x) * b
np.linalg.slogdet(x)[1] * b
np.linalg.matrix_power(x, 5)
np.linalg.matrix_power(x, -2)
np.linalg.cholesky(x @ x.T)
np.linalg.cholesky(x + 6.0 * np.eye(3))
np.linalg.qr(y)[0] @ z
np.linalg.qr(y)[1]
np.linalg.qr(z)[1]
np.linalg.eigh(x)[0]
up(np.linalg.eigh(x)[1])
np.linalg.eigvalsh(x)
np.linalg.svd(y)[1]
up(np.linalg.svd(y)[0])
up(np.linalg.svd(z, 0)[2].T)
np.linalg.norm(y, 2) * b
np.linalg.norm(z, -2) * b
np.linalg.cond(x) * b
np.linalg.pinv(y)
np.linalg.pinv(z)
np.linalg.lstsq(y, y[:, 0] ** 2)[0]
np.linalg.lstsq(y, y * y)[1]
np.linalg.lstsq(z, z)[3]
np.linalg.matrix_rank(x) * x
"""

LINES = TABLE.strip().splitlines()
STEP = 4e-3  # for second derivatives


@njit
def up(vectors):
    """Let the first component of every column be positive, which LAPACK leaves open."""
    return vectors * np.sign(vectors[0])


@njit
def weighed(array):
    """Return the sum of all elements, each with another weight."""
    total, weight = 0.0, 1.0
    for number in array.flat:
        total += weight * number
        weight = 0.3 - 0.9 * weight
    return total


def function(expressions):
    """Return the function of a square matrix that returns the values of expressions, weighed."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(3, 3)) + 2.0 * np.eye(3), rng.normal(size=3)
    namespace = {"np": np, "up": up, "weighed": weighed, "A": a, "b": b}
    source = "def f(x):\n"
    source += "    y = np.concatenate((x, x[:1] * x[1:2]))\n"
    source += "    z = np.ascontiguousarray(y.T)\n    return np.array([\n"
    source += "".join(f"        weighed({each}),\n" for each in expressions) + "    ])\n"
    exec(source, namespace)
    return namespace["f"]


def point():
    rng = np.random.default_rng(5)
    return rng.normal(size=(3, 3)) + 2.0 * np.eye(3)


def slope(f, step):
    """Return the derivative of a function at 0: central differences, extrapolated."""
    fine, coarse = ((f(h) - f(-h)) / (2 * h) for h in (step / 2, step))
    return (4 * fine - coarse) / 3


def test_first_and_second_order():
    """Along two directions: values, both first derivatives and the second one."""
    x, f = point(), function(LINES)
    compiled = njit(f)
    one, other = np.random.default_rng(2).uniform(-1.0, 1.0, (2, 3, 3))

    @njit
    def slopes(x, t):
        return numgrad.jvp(compiled, (x,), (t,))

    (values, by_one), (by_other, seconds) = numgrad.jvp(slopes, (x, one), (other, None))
    first = [slope(lambda s: f(x + s * along), 1e-3) for along in (one, other)]
    second = slope(lambda s: slope(lambda t: f(x + s * one + t * other), STEP), STEP)
    for k, line in enumerate(LINES):
        assert_allclose(values[k], f(x)[k], rtol=1e-12, err_msg=line)
        assert_allclose([by_one[k], by_other[k]], [each[k] for each in first], rtol=1e-8, err_msg=line)
        assert_allclose(seconds[k], second[k], rtol=1e-5, atol=1e-5, err_msg=line)
