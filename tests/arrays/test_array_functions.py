"""NumPy's functions of arrays on arrays of duals, each against differences of NumPy's own."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.arrays.beside_jax import IS_INSTALLED, pushed_forward
from tests.arrays.expressions import (
    MORE,
    PARAMETERS,
    QUICK,
    TABLES,
    arguments,
    differences,
    function,
    groups,
)


def groups_of_first_order():
    for k, group in enumerate([*groups(1, QUICK), *groups(1, MORE)]):
        is_fast = k < len(list(groups(1, QUICK))) and k % 2 == 0
        yield pytest.param(*group, marks=() if is_fast else pytest.mark.thorough)


@pytest.mark.parametrize(("shape", "expressions"), list(groups_of_first_order()))
def test_first_order(shape, expressions):
    """Compiled along every element of x, and in plain Python."""
    x, *constants = arguments(shape)
    f = function(expressions)
    compiled = njit(f)

    def along(direction):
        return numgrad.jvp(compiled, (x, *constants), (direction, *(None,) * len(constants)))

    values, columns = f(x, *constants), [along(each) for each in np.eye(x.size).reshape(-1, *shape)]
    slopes = differences(lambda x: f(x, *constants), x, 1e-3)
    plain = numgrad.jacobian(f, jit=False)(x, *constants)
    for k, line in enumerate(expressions):
        assert_allclose(columns[0][0][k], values[k], rtol=1e-13, atol=1e-14, err_msg=line)
        jacobian = np.stack([tangents[k] for _, tangents in columns], axis=-1)
        jacobian = jacobian.reshape(slopes[k].shape)
        assert_allclose(jacobian, slopes[k], rtol=1e-8, atol=1e-9, err_msg=line)
        assert_allclose(plain[k], jacobian, rtol=1e-10, atol=1e-11, err_msg=line)
        compare_with_jax(np.tensordot(jacobian, x + 1.0, x.ndim), line, shape, x + 1.0)


SECOND = ["x.std()"]
STEP = 5e-3


def groups_of_second_order():
    """Return one; each third expression is thorough, plain Python runs the same bodies too."""
    yield (6,), SECOND
    for group in groups(3):
        yield pytest.param(*group, marks=pytest.mark.thorough)


@pytest.mark.parametrize(("shape", "expressions"), list(groups_of_second_order()))
def test_second_order(shape, expressions):
    """The second derivative along two directions of squares, since most functions are linear."""
    x, *constants = arguments(shape)
    f = function([f"({each}) ** 2" for each in expressions])
    compiled = njit(f)

    @njit
    def slopes(x, t, A, B, v, w, i, m):  # noqa: N803
        tangents = (t, None, None, None, None, None, None)
        return numgrad.jvp(compiled, (x, A, B, v, w, i, m), tangents)[1]

    one, other = np.random.default_rng(3).uniform(-1.0, 1.0, (2, *shape))
    primals, tangents = (x, one, *constants), (other, *(None,) * 7)
    _, results = numgrad.jvp(slopes, primals, tangents)

    def along(s):
        return f(x + s[0] * one + s[1] * other, *constants)

    def slope(s):
        return [each[..., 0] for each in differences(along, s, STEP)]

    for k, expected in enumerate(differences(slope, np.zeros(2), STEP)):
        assert_allclose(results[k], expected[..., 1], rtol=1e-6, atol=1e-7, err_msg=expressions[k])
        compare_with_jax(results[k], f"({expressions[k]}) ** 2", shape, one, other)


# JAX has no derivative of these, and says 0.
WITHOUT_JAX = ("np.arange(x[0], x[0] + 2.2, 0.5)", "np.unique(x)")


def compare_with_jax(actual, expression, shape, *directions):
    if any(each in expression for each in WITHOUT_JAX):
        return
    x, *constants = arguments(shape)
    expected = pushed_forward(expression, PARAMETERS.split(", "), x, constants, *directions)
    if expected is not None:
        assert_allclose(actual, expected, rtol=1e-11, atol=1e-12, err_msg=f"JAX: {expression}")


@pytest.mark.skipif(not IS_INSTALLED, reason="JAX isn't installed, beside which these are tested")
def test_jax_knows_most_of_the_table():
    """A comparison that compared nothing would not be noticed."""
    compared = 0
    for shape, table in TABLES.items():
        for line in table.strip().splitlines():
            x, *constants = arguments(shape)
            found = pushed_forward(line, PARAMETERS.split(", "), x, constants, x)
            compared += found is not None
    assert compared > 90


def test_what_has_no_derivative():
    @njit
    def f(x):
        return (
            np.argmin(x),
            x.argmax(),
            np.any(x > 1.0),
            np.all(x),
            np.argsort(x),
            np.searchsorted(np.sort(x), x),
            np.count_nonzero(x),
        )

    x = arguments((6,))[0]
    values, tangents = numgrad.jvp(f, (x,), (x,))
    assert tangents == (None,) * 7
    for value, expected in zip(values, f(x), strict=True):
        assert_array_equal(value, expected)


def test_nan_as_in_numpy():
    @njit
    def f(x):
        return (
            np.min(x),
            x.max(),
            np.ptp(x),
            np.sort(x),
            np.argmin(x),
            np.argsort(x)[-1],
            np.nanmax(x),
            np.nansum(x),
            np.median(x),
        )

    x = np.array([2.0, np.nan, 1.0, 3.0])
    values, tangents = numgrad.jvp(f, (x,), (np.arange(4.0),))
    for value, expected in zip(values, f.py_func(x), strict=True):
        assert_array_equal(value, expected)
    assert_array_equal(tangents[3], [2.0, 0.0, 3.0, 1.0])


def test_single_precision_stays():
    @njit
    def f(x):
        return np.sum(x), np.mean(x), np.dot(x, x), np.linalg.norm(x), np.cumsum(x), x.var()

    for result in numgrad.jacobian(f)(np.ones(3, np.float32)):
        assert result.dtype == np.float32
