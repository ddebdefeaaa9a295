"""Derivatives without compiling: their values, their structure, and the errors they raise."""

import math
import pickle
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    wave,
    wave_curvature,
    wave_slope,
)

X = np.array([0.3, -0.7, 1.9])


def plain(maker):
    return lambda f, *settings, **more: maker(f, *settings, jit=False, **more)


derivative, grad, jacobian, hessian, vmap = map(
    plain, (numgrad.derivative, numgrad.grad, numgrad.jacobian, numgrad.hessian, numgrad.vmap)
)


@pytest.mark.parametrize("form", [lambda f: f, lambda f: f.py_func], ids=["njit", "plain"])
def test_the_functions_that_compiled_derivatives_are_tested_by(form):
    assert_allclose(grad(form(rosenbrock))(X), rosenbrock_gradient(X), rtol=1e-13)
    assert_allclose(hessian(form(rosenbrock))(X), rosenbrock_hessian(X), rtol=1e-13)
    assert_allclose(jacobian(form(rotate))(X), rotate_jacobian(X), rtol=1e-13)
    assert derivative(form(wave))(0.3) == pytest.approx(wave_slope(0.3), rel=1e-14)
    assert_allclose(derivative(form(wave))(X), wave_slope(X), rtol=1e-13)
    assert_allclose(derivative(derivative(form(wave)))(X), wave_curvature(X), rtol=1e-12)
    v = np.array([1.0, 2.0, 3.0])
    assert_allclose(
        numgrad.hvp(form(rosenbrock), X, v, jit=False), rosenbrock_hessian(X) @ v, rtol=1e-13
    )
    value, gradient = numgrad.value_and_grad(form(rosenbrock), jit=False)(X)
    assert value == pytest.approx(rosenbrock.py_func(X))
    assert_allclose(gradient, rosenbrock_gradient(X), rtol=1e-13)


@given(st.floats(-3.0, 3.0), st.floats(0.1, 3.0))
def test_against_complex_steps(x, y):
    def function(x, y):
        return np.exp(-x * x) * np.sin(x * y) / (1 + y**3) + np.sqrt(y) * np.cosh(x / y)

    h = 1e-30
    exact = [function(x + h * 1j, y).imag / h, function(x, y + h * 1j).imag / h]
    assert_allclose(grad(function, (0, 1))(x, y), exact, rtol=1e-12, atol=1e-12)


def test_results_are_of_pythons_types():
    assert type(derivative(math.sin)(0.5)) is float
    assert type(derivative(np.exp)(0.5 + 1j)) is complex
    result = derivative(lambda x: x * np.sin(x))(np.ones(3, np.float32))
    assert type(result) is np.ndarray
    assert result.dtype == np.float32


def test_structure_of_results():
    def f(x, pair):
        return x * pair[0], (np.sum(x), 7), None, "text"

    results = jacobian(f, argnums=(0, 1))(X, (2.0, 3.0))
    first, (second, whole), none, text = results
    assert (whole, none, text) == (None, None, None)
    assert_array_equal(first[0], 2.0 * np.eye(3))
    assert_array_equal(first[1][0], X)
    assert_array_equal(first[1][1], np.zeros(3))
    assert_array_equal(second[0], np.ones(3))
    assert second[1] == (0.0, 0.0)
    ((a, b), (c, d)) = hessian(product, argnums=(0, 1))(2.0, 3.0)
    assert (a, b, c, d) == (0.0, 6.0, 6.0, 4.0)


class Point(NamedTuple):
    x: float
    y: float


def test_named_tuples_and_keywords():
    def f(point, *, scale):
        assert type(point) is Point
        return scale * point.x * point.y

    assert grad(f)(Point(2.0, 3.0), scale=10.0) == (30.0, 20.0)
    assert derivative(product, argnums=1)(y=3.0, x=2.0) == 12.0
    assert grad(lambda x, y=5.0: x * y, argnums=1)(2.0) == 2.0
    assert grad(lambda *xs: math.prod(xs), argnums=-1)(2.0, 3.0, 4.0) == 6.0


def test_results_into_arrays():
    out = np.empty((3, 3))
    assert jacobian(rotate)(X, out=out) is out
    assert_allclose(out, rotate_jacobian(X), rtol=1e-13)
    assert derivative(wave)(X, out=out[0]) is not None
    assert_allclose(out[0], wave_slope(X), rtol=1e-13)


def test_in_place_functions():
    def squares(x, out):
        for i in range(x.size):
            out[i] = x[i] ** 2

    values = np.empty(3)
    assert_allclose(jacobian(squares, out_argnum=1)(X, values), np.diag(2 * X))
    assert_array_equal(values, X**2)

    def with_scratch(x, scratch):
        scratch[:] = x * x
        x[0] = 100.0
        return scratch[0] * scratch[1]

    x, scratch = X.copy(), np.zeros(3)
    assert_allclose(grad(with_scratch)(x, scratch), 2 * X[0] * X[1] * np.array([X[1], X[0], 0]))
    assert_array_equal(scratch, X**2)
    assert_array_equal(x, [100.0, *X[1:]])


def test_nesting_keeps_derivatives_apart():
    # d/dx (x * d/dy (x + y)) = 1
    assert derivative(lambda x: x * derivative(lambda y: x + y)(1.0))(1.0) == 1.0
    third = derivative(derivative(derivative(lambda x: x**4)))
    assert third(2.0) == 48.0
    assert_allclose(jacobian(grad(lambda x: np.sum(x**3)))(X), np.diag(6 * X), atol=1e-15)
    assert numgrad.derivative(derivative(lambda x: x**3))(2.0) == 12.0  # stays without compiling


def test_mapping():
    points = np.arange(12.0).reshape(4, 3)
    assert_allclose(vmap(grad(rosenbrock))(points), [rosenbrock_gradient(p) for p in points])
    assert_allclose(
        vmap(numgrad.grad(rosenbrock), in_axes=1)(points.T),
        [rosenbrock_gradient(p) for p in points],
    )
    tens = vmap(lambda x, y: (x * y, x), in_axes=(0, None))(np.arange(3.0), 10.0)
    assert_array_equal(tens[0], [0.0, 10.0, 20.0])
    with pytest.raises(ValueError, match="different lengths"):
        vmap(product)(np.ones(2), np.ones(3))


# What Numba can't compile


class Spring:
    def __init__(self, stiffness):
        self.stiffness = stiffness

    def energy(self, x):
        return 0.5 * self.stiffness * x**2


def with_objects(x):
    springs = {"soft": Spring(1.0), "hard": Spring(x)}
    return sum(spring.energy(x) for spring in springs.values())


def test_the_error_of_the_compiler_offers_it():
    with pytest.raises(numgrad.DifferentiationError, match=r"numgrad\.grad\(f, jit=False\)"):
        numgrad.derivative(with_objects)(2.0)
    assert derivative(with_objects)(2.0) == 2.0 + 1.5 * 4.0
    assert derivative(Spring(3.0).energy)(2.0) == 6.0


def with_files(x):
    with open(__file__) as file:
        return x * x if file.readable() else x


def test_checking_it():
    def f(x):
        springs = {k: Spring(number) for k, number in enumerate(x)}
        return np.array([springs[0].energy(x[1]), np.sin(x[0])])

    assert numgrad.check_grad(f, np.array([0.5, 2.0]), jit=False) < 1e-8


def test_statements_that_numba_lacks():
    with pytest.raises(numgrad.DifferentiationError, match=r"jit=False"):
        numgrad.derivative(with_files)(2.0)
    assert derivative(with_files)(2.0) == 4.0


def test_scipys_functions_with_rules():
    special = pytest.importorskip("scipy.special")
    assert derivative(special.erf)(0.3) == pytest.approx(2 / math.sqrt(math.pi) * math.exp(-0.09))
    assert derivative(special.gammaln)(2.5) == pytest.approx(special.digamma(2.5), rel=1e-13)
    with pytest.raises(numgrad.DifferentiationError, match=r"airy has no rule.\n.*numgrad\.rule"):
        derivative(lambda x: special.airy(x)[0])(1.0)


def test_rules_of_the_users():
    @njit
    def step(x):
        return 1.0 if x > 0.0 else 0.0

    @numgrad.rule(step)
    def _(x):
        return step(x), math.exp(-x * x)

    @njit
    def f(x):
        return 2.0 * step(x)

    assert derivative(f)(0.5) == 2.0 * math.exp(-0.25)
    assert derivative(step)(0.5) == math.exp(-0.25)


FACTOR = 2.0


def scaled(x):
    return FACTOR * helper(x)


def helper(x):
    import math
    from math import exp

    return math.sin(x) * exp(0.0)


def test_names_are_looked_up_when_the_function_runs(monkeypatch):
    f = derivative(scaled)
    assert f(0.5) == 2.0 * math.cos(0.5)
    monkeypatch.setattr("tests.tracer.test_derivatives.FACTOR", 3.0, raising=False)
    monkeypatch.setitem(scaled.__globals__, "FACTOR", 3.0)
    assert f(0.5) == 3.0 * math.cos(0.5)


def test_variables_of_enclosing_functions():
    calls = 0

    def count(x):
        nonlocal calls
        calls += 1
        return factorial(3) * math.exp(x)

    def factorial(n):
        return 1 if n == 0 else n * factorial(n - 1)

    assert derivative(count)(0.0) == 6.0
    assert calls == 1


def remember(x):
    global LAST
    LAST = 5.0
    return x * x


def test_global_statements_reach_the_module():
    assert derivative(remember)(3.0) == 6.0
    assert remember.__globals__["LAST"] == 5.0


def test_branches_and_whole_numbers():
    def f(x):
        n = int(x) + round(x) + math.floor(x) + len(range(int(np.ceil(x))))
        if x > 2.0 and x != 3.0 and bool(x):
            return n * x
        return -x

    assert derivative(f)(2.5) == 2 + 2 + 2 + 3
    assert derivative(f)(1.5) == -1.0
    assert f"{numgrad.jvp(lambda x: x, (1.25,), (1.0,), jit=False)[0]:.1f}" == "1.2"


# Errors


def test_errors_name_the_line():
    def f(x):
        y = 2.0 * x
        return np.float64(y)

    with pytest.raises(numgrad.DifferentiationError) as caught:
        derivative(f)(1.0)
    line = f.__code__.co_firstlineno + 2
    assert f"test_derivatives.py, line {line}: return np.float64(y)" in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: grad(3), TypeError, "a function was expected"),
        (lambda: grad(wave, 1.5), TypeError, "argnums must be"),
        (lambda: grad(wave, (0, 0)), ValueError, "names an argument twice"),
        (lambda: grad(wave, 1)(1.0), ValueError, "argnums has 1, but wave was called with 1 argu"),
        (lambda: grad(wave)(True), TypeError, "argument 0 of wave .* bool, and only floats"),
        (lambda: grad(wave)("x"), TypeError, "argument 0 of wave .* str"),
        (lambda: grad(rotate)(X), TypeError, "rotate returns array.*; take numgrad.jacobian"),
        (lambda: jacobian(lambda x: {0: x})(1.0), TypeError, "returns dict, which has no deriv"),
        (lambda: jacobian(rotate, 0, 3)(X), ValueError, "out_argnum is 3"),
        (lambda: jacobian(product, 0, 1)(1.0, 2.0), TypeError, "array of floats to hold"),
        (lambda: jacobian(rotate)(X, out=X), TypeError, "out must be an array of float64 with 2"),
        (lambda: jacobian(rotate)(X, out=np.ones((3, 2))), ValueError, "out has not the shape"),
        (lambda: grad(wave)(1.0, out=X), TypeError, "out must hold one array for each of the 1"),
        (lambda: numgrad.jvp(wave, 1.0, (1.0,), jit=False), TypeError, "primals must be a tuple"),
        (lambda: numgrad.jvp(wave, (1.0,), (), jit=False), TypeError, "1 primals, but 0 tangents"),
        (lambda: numgrad.jvp(wave, (1.0,), (X,), jit=False), TypeError, "arranged like it"),
        (lambda: numgrad.jvp(rotate, (X,), (X[1:],), jit=False), ValueError, "not the shape"),
        (lambda: vmap(wave)(1.0), TypeError, "needs an array to go through"),
        (lambda: vmap(wave)(np.empty((0, 2))), ValueError, "no items"),
        (lambda: wave_slope_in_compiled_code(1.0), TypeError, "is for Python, not compiled code"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@njit
def wave_slope_in_compiled_code(x):
    return numgrad.derivative(wave, jit=False)(x)


def test_names_signatures_and_copies():
    f = grad(product, (0, 1))
    assert repr(f) == "<numgrad.grad(product, argnums=(0, 1), jit=False)>"
    assert str(f.__signature__) == "(x, y, out=None)"
    assert f.__doc__.startswith("Return the gradient of ``product``, without compiling it.")
    assert repr(hessian(rosenbrock)) == "<numgrad.hessian(rosenbrock, jit=False)>"
    copy = pickle.loads(pickle.dumps(f))
    assert copy(2.0, 3.0) == (9.0, 12.0)


def test_objects_of_others():
    """A table of a library's is a constant that traced numbers are multiplied with."""
    table = SimpleNamespace(column=np.array([1.0, 2.0, 3.0]))
    assert derivative(lambda x: (table.column * x**2).sum())(2.0) == 24.0


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"t": [0.0, 1.0, 2.0], "y": [1.0, 2.7, 7.4], "kind": [0, 0, 1]})

    def misfit(p):
        return ((p[0] * np.exp(p[1] * table["t"]) - table["y"]) ** 2).sum()

    def by_groups(p):
        return (table.assign(z=table.t * p[0] + p[1]).groupby("kind").z.sum() ** 2).sum()

    p, t, y = np.array([1.1, 0.9]), table.t.to_numpy(), table.y.to_numpy()
    e = np.exp(p[1] * t)
    apart = 2 * (p[0] * e - y)
    assert_allclose(grad(misfit)(p), [np.sum(apart * e), np.sum(apart * p[0] * t * e)], rtol=1e-13)
    first, second = p[0] + 2 * p[1], 2 * p[0] + p[1]
    expected = [2 * first + 4 * second, 4 * first + 2 * second]
    assert_allclose(grad(by_groups)(p), expected, rtol=1e-13)


@pytest.mark.parametrize("jit", [True, False])
def test_a_table_stays_whole(jit):
    """An array of which the function takes items has no part in the points of ``derivative``."""

    def interpolated(x, table):
        return x * table[1] + table[0]

    slopes = numgrad.derivative(interpolated, jit=jit)(np.arange(3.0), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(slopes, [2.0, 2.0, 2.0])
