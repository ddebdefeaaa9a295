"""Functions of vectorize and guvectorize with jit=False, beside differences of their values."""

import math

import numpy as np
import pytest
from numba import float64, guvectorize, vectorize
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

X = np.array([1.2, -2.0, 3.0, 0.5])
LONGER = np.array([1.3, 0.7, 2.1, 0.4, 1.9, 2.7])
PLACES = np.array([0, 1, 0, 2])


@vectorize(identity=0)
def joined(x, y):
    if x > y:
        return x * math.sin(y)
    return x + 0.5 * y


@vectorize
def ordered(x, y):
    return x < y


@guvectorize([(float64[:], float64, float64[:])], "(n),()->()")
def weighed(x, weight, out):
    out[0] = 0.0
    for k in range(x.size):
        out[0] += weight * x[k] ** 2


@guvectorize([(float64[:], float64[:], float64[:], float64[:])], "(n),(n)->(),(n)")
def two(x, y, total, products):
    total[0] = 0.0
    for k in range(x.size):
        total[0] += x[k] * y[k]
        products[k] = x[k] * y[k]


@guvectorize("(n),()->(n)")
def scaled(x, factor, out):
    for k in range(x.size):
        out[k] = x[k] * factor


@vectorize
def branching(a, b):
    return a * b + math.sin(a) if a > 1.0 else a * a * b


@vectorize(["float64(float64)"])
def damped(a):
    return a**2 * np.exp(-a)


@guvectorize(["(float64[:], float64[:])"], "(n)->()")
def squares(a, out):
    out[0] = 0.0
    for each in a:
        out[0] += each**2


@guvectorize(["(float64[:,:], float64[:], float64[:])"], "(m,n),(n)->(m)")
def product(a, v, out):
    for i in range(a.shape[0]):
        out[i] = 0.0
        for j in range(a.shape[1]):
            out[i] += a[i, j] * v[j]


def of_elements(x):
    out = np.empty(6)
    branching(x, 2.0, out)
    table = branching(x.reshape(6, 1), x[:3])
    constant = damped(np.arange(3.0))
    return np.sum(out * branching(x, x, out=np.empty(6))) + table[2, 1] * damped(x[0]) + constant[1]


def of_parts(x):
    matrix = np.outer(x[:3], x[3:])
    out = np.empty((2, 3))
    product(np.ones((2, 3, 3)) * x[0], x[:3], out)
    rows = squares(x.reshape(3, 2)) * squares(x) + squares(np.arange(3.0))
    return np.sum(product(matrix, x[:3]) ** 2) + np.sum(out * x[3:]) + np.sum(rows)


def differences(f, x, step=1e-6):
    return np.array([(f(x + h) - f(x - h)) / (2 * step) for h in np.eye(x.size) * step])


def stored(x):
    out = np.zeros(4)
    joined(x, 2.0 * x, out)
    other = np.empty(4)
    joined(out, x, out=other)
    return np.sum(out * other)


def counted(x):
    totals = np.zeros(3)
    joined.at(totals, PLACES, x)
    return np.sum(totals * totals)


def filled(x):
    out = np.empty_like(x)
    scaled(x, x[0], out)
    return np.sum(out * out)


def both(x):
    total, products = two(x.reshape(2, 2), x[:2])
    return np.sum(total * total) + np.sum(products * x.reshape(2, 2))


FUNCTIONS = {
    "broadcast": lambda x: np.sum(joined(x, x.reshape(4, 1) + 0.1) * x),
    "numbers": lambda x: joined(x[0], x[1]) * joined(2.0, x[2]),
    "values alone": lambda x: np.sum(x * ordered(x, 1.0)),
    "stored": stored,
    "at": counted,
    "reduce": lambda x: joined.reduce(x),
    "reduce lines": lambda x: np.sum(joined.reduce(x.reshape(2, 2), axis=1, keepdims=True) * x),
    "reduce from": lambda x: joined.reduce(x, initial=0.3),
    "accumulate": lambda x: np.sum(joined.accumulate(x) * x),
    "outer": lambda x: np.sum(joined.outer(x, x + 0.1)),
    "reduceat": lambda x: np.sum(joined.reduceat(x, np.array([0, 2])) ** 2),
    "lines": lambda x: np.sum(weighed(x.reshape(2, 2), x[:2]) ** 2),
    "one line": lambda x: weighed(x, 3),
    "filled": filled,
    "both": both,
    "elements": of_elements,
    "parts": of_parts,
}


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives(name, mode):
    f, x = FUNCTIONS[name], LONGER if name in ("elements", "parts") else X
    value, slopes = numgrad.value_and_grad(f, jit=False, mode=mode)(x)
    assert_allclose(value, f(x), rtol=1e-14)
    assert_allclose(slopes, differences(f, x), rtol=1e-7, atol=1e-7)


def test_division_by_zero_is_numpys():
    inverse = vectorize(lambda x: 1.0 / x)
    with np.errstate(divide="ignore"):
        assert_array_equal(
            numgrad.grad(lambda x: np.sum(inverse(x)), jit=False)(np.array([0.0, 2.0])),
            [-np.inf, -0.25],
        )


def test_nothing_at_all():
    assert numgrad.grad(lambda x: np.sum(joined(x[:0], 1.0)) + x[0], jit=False)(X)[0] == 1.0


def test_a_rule_goes_before_the_code():
    @vectorize
    def cube(x):
        return x * x * x

    numgrad.rule(cube)(lambda x: (x**3, 7.0))
    assert numgrad.grad(lambda x: np.sum(cube(x)), jit=False)(X).tolist() == [7.0] * 4


LOST = np.zeros(4)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: joined(x, 1.0, where=x > 0.0), "joined with where"),
        (lambda x: joined(x, 1.0, LOST), "stores derivatives in a NumPy array"),
        (lambda x: joined.at(LOST, PLACES, x), "stores derivatives in a NumPy array"),
    ],
)
def test_refused(f, message):
    with pytest.raises(numgrad.DifferentiationError, match=message):
        numgrad.jacobian(f, jit=False)(X)
    assert_array_equal(LOST, np.zeros(4))
