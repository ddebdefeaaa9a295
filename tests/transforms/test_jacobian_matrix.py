"""The Jacobian as one matrix, and the manual's page on SciPy, which asks for it."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from docs.building import examples

PAGE = Path(__file__).parents[2] / "docs" / "with_scipy.md"


@njit
def outputs(x, k, rows):
    return np.array([x[0] * x[1] * k, rows.sum() * k, x[1]])


X, ROWS = np.array([2.0, 3.0]), np.ones((2, 2))
EXPECTED = [
    [15.0, 10.0, 6.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 4.0, 5.0, 5.0, 5.0, 5.0],
    [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
]


@pytest.mark.parametrize("jit", [True, False])
def test_columns(jit):
    assert_allclose(numgrad.jacobian_matrix(outputs, (0, 1, 2), jit=jit)(X, 5.0, ROWS), EXPECTED)
    by_k = numgrad.jacobian_matrix(outputs, argnums=1, jit=jit)(X, 5.0, ROWS)
    assert_allclose(by_k, np.array(EXPECTED)[:, 2:3])
    by_name = numgrad.jacobian_matrix(outputs, (0, 1, 2), jit=jit)(X, rows=ROWS, k=5.0)
    assert_allclose(by_name, EXPECTED)
    one = numgrad.jacobian_matrix(lambda x, k: x[0] * k, argnums=(0, 1), jit=jit)(X, 5.0)
    assert_allclose(one, [[5.0, 0.0, 2.0]])


@pytest.mark.parametrize("jit", [True, False])
def test_functions_that_return_lists(jit):
    def rates(t, y):
        return [y[1], -(y[0] ** 3)]

    for y in (np.array([1.0, 2.0]), [1, 2]):
        found = numgrad.jacobian(rates, argnums=1, jit=jit)(0.0, y)
        assert_allclose(found, [[0.0, 1.0], [-3.0, 0.0]])


def test_tuples_are_refused():
    with pytest.raises(TypeError, match="not of tuples"):
        numgrad.jacobian_matrix(lambda p: p[0] * p[1], jit=False)((1.0, 2.0))


@pytest.mark.thorough  # the manual's own run has it too
def test_the_page_on_scipy(tmp_path):
    pytest.importorskip("scipy", reason="the page is about it")
    if not PAGE.exists():
        pytest.skip("the manual isn't there")
    assert examples.run("with_scipy", PAGE.read_text("utf-8"), tmp_path) == []
    missing = [name for name in examples.PACKAGES if find_spec(name) is None]
    if missing:
        pytest.skip(f"of the page, what needs {', '.join(missing)}: not installed")
