"""Functions of ``numba.stencil``, against differences of what Numba computes."""

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose

import numgrad

RANDOM = np.random.default_rng(0)
LINE, FIELD = RANDOM.normal(size=6), RANDOM.normal(size=(4, 5))
MODES = "forward", "reverse"
SCALE = 3.0


@numba.stencil
def neighbours(a):
    return 0.25 * (a[-1, 0] * a[1, 0] + a[0, -1] + np.sin(a[0, 1]))


@numba.stencil(cval=2.0, neighborhood=((-2, 1),))
def window(a, b, weight):
    total = 0.0
    for k in range(-2, 2):
        total += a[k] * b[k] * weight
    return total * SCALE


@numba.stencil(standard_indexing=("w",))
def weighted(a, w):
    if a[0] < 0.0:
        return a[-1] * w[0]
    return a[1] * w[1] + a[0] ** 2


@numba.stencil
def following(a):
    return a[1] * a[2]


@numba.njit
def sliced_sum(line):
    return np.sum(line * line)


@numba.stencil(neighborhood=((-1, 1),))
def of_slices(a):
    return sliced_sum(a[-1:2])


def of_field(x):
    return neighbours(neighbours(x))


def of_two(x):
    return window(x, x * x, 2.0)


def into(x):
    y = 0.5 * x
    weighted(x, x, out=y)
    return y


def into_filled(x):
    y = 0.5 * x
    window(x, x, 1.0, out=y)
    return y


def of_integers(x):
    return weighted(np.arange(5), x)


def beyond_one_end(x):
    return following(x)


def of_parts(x):
    return of_slices(x)


def of_lines(x):
    return (stencil_of_lambda(x) * x).sum()


stencil_of_lambda = numba.stencil(lambda a: a[-1] - 2.0 * a[0] ** 2 + a[1])

FUNCTIONS = [
    (of_field, FIELD),
    (of_two, LINE),
    (into, LINE),
    (of_integers, LINE),
    (of_lines, LINE),
]
MORE = [(into_filled, LINE), (beyond_one_end, LINE), (of_parts, LINE)]


def differences(f, x):
    """The Jacobian by central differences, of what Numba computes alone."""
    f = numba.njit(f)
    columns = []
    for k in range(x.size):
        step = np.zeros(x.size)
        step[k] = 1e-5
        step = step.reshape(x.shape)
        columns.append(np.asarray((f(x + step) - f(x - step)) / 2e-5))
    return np.moveaxis(np.array(columns), 0, -1).reshape(columns[0].shape + x.shape)


@pytest.mark.parametrize(("f", "x"), FUNCTIONS)
def test_derivatives(f, x):
    expected = differences(f, x)
    for mode in MODES:
        assert_allclose(numgrad.jacobian(f, mode=mode)(x), expected, atol=1e-8)
        assert_allclose(numgrad.jacobian(f, mode=mode, jit=False)(x), expected, atol=1e-8)


@pytest.mark.thorough
@pytest.mark.parametrize(("f", "x"), MORE)
def test_more_derivatives(f, x):
    test_derivatives(f, x)


def test_one_that_the_function_makes():
    def made(x):
        @numba.stencil
        def products(a):
            return a[0] * a[1]

        return np.sum(products(x))

    expected = differences(made, LINE)
    for keywords in ({"mode": "forward"}, {"mode": "reverse"}, {"jit": False}):
        assert_allclose(numgrad.grad(made, **keywords)(LINE), expected, atol=1e-8)


def test_second_derivatives():
    """The function is the sum of x[i] (x[i-1] - 2 x[i]^2 + x[i+1]) over what lies between."""
    n = len(LINE)
    expected = np.zeros((n, n))
    for k in range(1, n - 1):
        expected[k, k] -= 12.0 * LINE[k]
        for other in (k - 1, k + 1):
            expected[k, other] += 1.0
            expected[other, k] += 1.0
    assert_allclose(numgrad.hessian(of_lines)(LINE), expected, atol=1e-13)


def test_values_are_those_of_numba():
    for f, x in FUNCTIONS[:2]:
        value, _ = numgrad.jvp(f, (x,), (x,))
        assert_allclose(value, numba.njit(f)(x), rtol=1e-14)


def test_smaller_arrays_are_refused_as_by_numba():
    def of_unlike(x):
        return np.sum(window(x, x[1:], 1.0))

    for jit in (True, False):
        with pytest.raises(ValueError, match="Secondary stencil array has some dimension"):
            numgrad.grad(of_unlike, jit=jit)(LINE)


def test_what_cannot_be_followed():
    @numba.stencil
    def renamed(a):
        b = a
        return b[1] * a[0]

    with pytest.raises(numgrad.DifferentiationError, match=r"renamed is .* names a otherwise"):
        numgrad.grad(lambda x: np.sum(renamed(x)))(LINE)
    names = {"numba": numba}
    exec("kernel = numba.stencil(lambda a: a[1] * a[0])", names)
    unread = names["kernel"]
    with pytest.raises(numgrad.DifferentiationError, match="has no source to be read"):
        numgrad.grad(lambda x: np.sum(unread(x)))(LINE)
