"""Pullbacks that users state: followed, checked, and refused where they say nothing."""

import ctypes
import pickle

import numpy as np
import pytest
from numba import carray, cfunc, njit, types
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

# Foreign code: a pointer, into which no derivative can look

POINTER = types.CPointer(types.double)


@cfunc(types.void(POINTER, POINTER, types.intp))
def running_product(x, out, size):
    source, target = carray(x, size), carray(out, size)
    product = 1.0
    for k in range(size):
        product *= source[k]
        target[k] = product


FOREIGN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t)(
    running_product.address
)


@njit
def foreign(x):
    out = np.empty_like(x)
    FOREIGN(x.ctypes, out.ctypes, x.size)
    return out


@numgrad.pullback(foreign)
@njit
def pull_foreign(cotangent, x):
    products = foreign(x)
    result = np.zeros_like(x)
    for k in range(x.size):
        for i in range(k, x.size):
            result[k] += cotangent[i] * products[i] / x[k]
    return result


@njit
def by_foreign_code(x):
    return np.sum(foreign(x * x)[1:] * x[1:])


@njit
def by_numpy(x):
    return np.sum(np.cumprod(x * x)[1:] * x[1:])


X = np.array([0.7, 1.3, 0.4, 2.1])


def test_foreign_code():
    expected = numgrad.grad(by_numpy)(X)
    for mode in ("auto", "reverse"):
        assert_allclose(numgrad.grad(by_foreign_code, mode=mode)(X), expected, rtol=1e-13)
    value, (product,) = numgrad.vjp(by_foreign_code, (X,), 2.0)
    assert_allclose(value, by_numpy(X), rtol=1e-14)
    assert_allclose(product, 2.0 * expected, rtol=1e-13)
    assert numgrad.check_grad(by_foreign_code, X, mode="reverse") < 1e-6


def test_the_function_itself():
    expected = numgrad.jacobian(njit(lambda x: np.cumprod(x)))(X)
    assert_allclose(numgrad.jacobian(foreign)(X), expected, rtol=1e-13)
    assert_array_equal(foreign(X), np.cumprod(X))


def test_second_derivatives_are_those_of_the_pullback():
    gradient = numgrad.grad(by_foreign_code, mode="reverse")
    found = numgrad.jacobian(gradient, mode="reverse")(X)
    assert_allclose(found, numgrad.hessian(by_numpy)(X), rtol=1e-12, atol=1e-13)


def test_from_compiled_code_and_with_out():
    gradient, out = numgrad.grad(by_foreign_code, mode="reverse"), np.empty_like(X)

    @njit
    def program(x, out):
        gradient(x, out)
        return out.sum()

    total = program(X, out)
    assert_allclose(out, numgrad.grad(by_numpy)(X), rtol=1e-13)
    assert total == out.sum()


# Arguments and results of all kinds


@njit
def many(scale, pair, function, n):
    a, b = pair
    return function(scale) * a[::-1], a.sum() * b * n


@numgrad.pullback(many)
@njit
def pull_many(cotangents, scale, pair, function, n):
    by_array, by_number = cotangents
    a, b = pair
    slope = 0.5 / np.sqrt(scale)
    by_scale = slope * np.sum(by_array * a[::-1])
    by_a = function(scale) * by_array[::-1] + by_number * b * n
    return by_scale, (by_a, by_number * a.sum() * n), None, None


@njit
def root(x):
    return np.sqrt(x)


@njit
def by_many(x):
    reversed_x, number = many(x[0], (x * x, x[1]), root, 3)
    return np.sum(reversed_x * x) * number


@njit
def by_none(x):
    a, b = x * x, x[1]
    return np.sum(np.sqrt(x[0]) * a[::-1] * x) * (a.sum() * b * 3)


def test_tuples_numbers_and_functions():
    expected = numgrad.grad(by_none)(X)
    assert_allclose(numgrad.grad(by_many, mode="reverse")(X), expected, rtol=1e-13)


def test_single_precision():
    f = njit(lambda x: (foreign_like(x) * x).sum())
    found = numgrad.grad(f, mode="reverse")(X.astype(np.float32))
    assert found.dtype == np.float32
    assert_allclose(found, 9.0 * X**2, rtol=1e-6)


@njit
def foreign_like(x):
    return x * x


@numgrad.pullback(foreign_like)
def pull_other(cotangent, x):  # of x**2 it says 2 x, times 1 for the rest of x**3; a lie here
    return 8.0 * x * cotangent


def test_what_is_stated_is_believed():
    f = njit(lambda x: foreign_like(x).sum())
    assert_allclose(numgrad.grad(f, mode="reverse")(X), 8.0 * X)


def test_only_where_something_carries_derivatives():
    """A call with constants alone is the function itself, in either mode."""
    f = njit(lambda x, y: (foreign(y) * x).sum())
    for mode in ("forward", "reverse"):
        assert_allclose(numgrad.grad(f, mode=mode)(X, X), np.cumprod(X))


def test_pickled():
    f = pickle.loads(pickle.dumps(numgrad.grad(by_many, mode="reverse")))
    assert_allclose(f(X), numgrad.grad(by_none)(X), rtol=1e-13)


# Refused


def with_pullback(function, stating):
    """Return a function of an array that calls another one, which has a pullback."""
    compiled = njit(function)
    numgrad.pullback(compiled)(stating)
    return njit(lambda x: np.sum(compiled(x, 2.0)))


def scaled(x, factor):
    return factor * x


def scaled_in_place(x, factor):
    x *= factor
    return x


WRONG = {
    "2 arguments": lambda cotangent, x, factor: cotangent * factor,
    "a cotangent for each": lambda cotangent, x, factor: (cotangent, None, None),
    "like each argument": lambda cotangent, x, factor: (factor, None),
    "is none for": lambda cotangent, x, factor: (1j * cotangent, None),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_pullbacks(message):
    f = with_pullback(scaled, WRONG[message])
    with pytest.raises(numgrad.DifferentiationError, match=f"the pullback of scaled.*{message}"):
        numgrad.grad(f, mode="reverse")(X)


def test_wrong_shapes_and_written_arguments():
    f = with_pullback(scaled, lambda cotangent, x, factor: (cotangent[1:], None))
    with pytest.raises(ValueError, match="has not the shape of its argument"):
        numgrad.grad(f, mode="reverse")(X)
    f = with_pullback(scaled_in_place, lambda cotangent, x, factor: (factor * cotangent, None))
    with pytest.raises(ValueError, match="writes to an argument"):
        numgrad.grad(f, mode="reverse")(X.copy())


def test_forward_mode_says_that_there_is_none():
    for transform in (numgrad.grad(by_foreign_code, mode="forward"), numgrad.hessian(by_many)):
        with pytest.raises(numgrad.DifferentiationError, match="for reverse mode alone"):
            transform(X)
    with pytest.raises(TypeError, match="foreign has a pullback, which is for reverse mode alone"):
        numgrad.grad(by_foreign_code, mode="forward", jit=False)(X)


def test_a_rule_or_a_pullback():
    with pytest.raises(TypeError, match="has a pullback, and can't have a rule too"):
        numgrad.rule(foreign)(lambda x: (x, x))
    with pytest.raises(TypeError, match="has a rule, and can't have a pullback too"):
        numgrad.pullback(with_rule)(lambda cotangent, x: cotangent)
    with pytest.raises(TypeError, match="a pullback is a function, not 3"):
        numgrad.pullback(scaled)(3)
    with pytest.raises(TypeError, match="a function was expected"):
        numgrad.pullback(3)


@njit
def with_rule(x):
    return x


numgrad.rule(with_rule)(lambda x: (x, 1.0))


def test_late():
    inner = njit(lambda x: x * x)
    numgrad.grad(njit(lambda x: inner(x).sum()), mode="reverse")(X)
    with pytest.warns(UserWarning, match="comes after derivatives"):
        numgrad.pullback(inner)(lambda cotangent, x: 2.0 * x * cotangent)
