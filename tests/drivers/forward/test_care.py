"""Where 0 meets infinity: the derivatives that are known, and nan for those that aren't."""

import os
import pickle
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
from numba import njit, prange, types
from numba.typed import List

import numgrad
from numgrad.drivers.forward import care

inf, nan = np.inf, np.nan


@njit
def barrier(g, x):
    return np.exp(-np.inf / g) * x


@njit
def cases(x, y):
    """Functions of x at 0 and of y at infinity, and what is known of their derivatives."""
    root = np.sqrt(x)
    return (
        x * root,  # 0
        root * x,  # 0
        root * 0.0 + x,  # 1
        x / (1.0 + root),  # 1: the slope in the root is 0
        (1.0 + x) * np.exp(-y),  # 0: levelled off
        np.tanh(y * (1.0 + x)) + x,  # 1
        1.0 / (1.0 + np.exp(-1e4 * (x - 1.0))),  # 0: exp grows beyond all numbers
        root * root,  # 1, but nan: the limit of 0 times infinity
        np.cos(root),  # -1/2, but nan
        np.exp(np.log(x)),  # 1, but nan: what follows a pole
        np.arctan(1.0 / x),  # -1, but nan
        np.logaddexp(np.log(x), 0.0),  # 1, but nan
        np.log(x),  # inf
        root,  # inf
    )


KNOWN = (0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, nan, nan, nan, nan, nan, inf, inf)
EXACT = {
    7: lambda x: mp.sqrt(x) * mp.sqrt(x),
    8: lambda x: mp.cos(mp.sqrt(x)),
    9: lambda x: mp.exp(mp.log(x)),
    10: lambda x: mp.atan(1 / x),
    11: lambda x: mp.log(x + 1),
}

by_cases = numgrad.derivative(njit(error_model="numpy")(cases.py_func))


def test_known_or_nan():
    np.testing.assert_equal(by_cases(0.0, inf), KNOWN)
    results = by_cases(np.array([0.0, 1.0]), np.array([inf, 0.5]))
    np.testing.assert_equal([result[0] for result in results], KNOWN)
    assert np.isfinite([result[1] for result in results]).all()


@pytest.mark.parametrize("place", EXACT)
def test_zero_would_be_wrong_where_it_is_nan(place):
    assert np.isnan(by_cases(0.0, inf)[place])
    with mp.workdps(80):
        h = mp.mpf(10) ** -20
        slope = (EXACT[place](2 * h) - EXACT[place](h)) / h
    assert abs(slope) > 0.4


def test_barriers():
    assert numgrad.derivative(barrier)(2.0, 3.0) == 0.0
    assert numgrad.grad(barrier, (0, 1))(2.0, 3.0) == (0.0, 0.0)
    g = np.linspace(1.0, 2.0, 5)
    np.testing.assert_equal(numgrad.derivative(barrier)(g, 3.0), np.zeros(5))
    out = np.full(5, 7.0)
    numgrad.derivative(barrier)(g, 3.0, out)
    np.testing.assert_equal(out, np.zeros(5))
    assert numgrad.derivative(numgrad.derivative(barrier))(2.0, 3.0) == 0.0
    assert numgrad.derivative(njit(lambda x: np.exp(-np.inf * x)))(2.0) == 0.0


@njit
def squares(x):
    return np.sum(x * x)


@njit
def products(x):
    return np.dot(x, x), np.prod(x), x * x[1], x @ np.ones((3, 2))


POINT = np.array([inf, 1.0, 3.0])


def test_gradients():
    np.testing.assert_equal(numgrad.grad(squares)(POINT), [inf, 2.0, 6.0])
    np.testing.assert_equal(numgrad.grad(squares)(np.array([1.0, nan])), [2.0, nan])
    value, gradient = numgrad.value_and_grad(squares)(POINT)
    assert value == inf
    np.testing.assert_equal(gradient, [inf, 2.0, 6.0])
    long = np.arange(300.0)
    long[7] = inf
    np.testing.assert_equal(numgrad.grad(squares)(long), 2.0 * long)
    pair = numgrad.grad(njit(lambda x, y: np.sum(x * y)), (0, 1))
    np.testing.assert_equal(pair(POINT, POINT[::-1].copy()), (POINT[::-1], POINT))


def test_jacobians_and_array_functions():
    dot, product, elements, matrix = numgrad.jacobian(products)(POINT)
    np.testing.assert_equal(dot, [inf, 2.0, 6.0])
    np.testing.assert_equal(product, [3.0, inf, inf])
    np.testing.assert_equal(elements, [[1.0, inf, 0.0], [0.0, 2.0, 0.0], [0.0, 3.0, 1.0]])
    np.testing.assert_equal(matrix, np.ones((2, 3)))


def test_a_product_that_is_for_blas_alone():
    a = np.ones((40, 30))
    a[3, 4] = inf
    jacobian = numgrad.jacobian(njit(lambda x: a @ x))(np.arange(1.0, 31.0))
    np.testing.assert_equal(jacobian, a)


def test_along_directions():
    value, tangent = numgrad.jvp(squares, (POINT,), (np.array([0.0, 1.0, 1.0]),))
    assert (value, tangent) == (inf, 8.0)


@pytest.mark.thorough
def test_along_a_direction_at_second_order():
    direction = np.array([1.0, 0.0, 2.0])
    np.testing.assert_equal(numgrad.hvp(squares, POINT, direction), 2.0 * direction)


@pytest.mark.thorough
def test_array_functions_along_a_direction():
    _, tangents = numgrad.jvp(products, (POINT,), (np.array([0.0, 1.0, 0.0]),))
    assert tangents[0] == 2.0
    np.testing.assert_equal(tangents[2], [inf, 2.0, 3.0])


@njit
def of_second_order(x, which):
    if which == 0:
        return squares(x)
    if which == 1:
        return np.hypot(x[0], x[1])
    return abs(x[0]) + x[1] ** 2


def test_second_derivatives():
    hessian = numgrad.hessian(of_second_order)
    np.testing.assert_equal(hessian(POINT, 0), 2.0 * np.eye(3))
    at_a_kink = hessian(np.zeros(3), 1)
    assert np.isnan(at_a_kink[:2, :2]).all()
    np.testing.assert_equal(hessian(np.zeros(3), 2), np.diag([nan, 2.0, 0.0]))


@pytest.mark.thorough
def test_a_jacobian_of_a_gradient():
    twice = numgrad.jacobian(numgrad.grad(squares))
    np.testing.assert_equal(twice(POINT), 2.0 * np.eye(3))


@pytest.mark.thorough
def test_second_derivatives_of_norms():
    norm = numgrad.hessian(njit(lambda x: np.linalg.norm(x) ** 2))
    assert np.isnan(norm(np.zeros(2))).any()
    np.testing.assert_allclose(norm(np.array([3.0, 4.0])), 2.0 * np.eye(2), atol=1e-15)


def test_in_compiled_code():
    @njit
    def each(points, out):
        for k in range(points.shape[0]):
            out[k] = numgrad.grad(squares)(points[k])
        return numgrad.derivative(barrier)(2.0, 3.0)

    points = np.array([[inf, 1.0], [2.0, 3.0], [0.0, -inf]])
    out = np.empty_like(points)
    assert each(points, out) == 0.0
    np.testing.assert_equal(out, 2.0 * points)


@pytest.mark.thorough
def test_items():
    points = np.array([[inf, 1.0], [2.0, 3.0], [0.0, -inf]])
    np.testing.assert_equal(numgrad.vmap(numgrad.grad(squares))(points), 2.0 * points)


def test_on_threads_that_find_out_at_once():
    @njit(parallel=True)
    def each(points, out):
        for k in prange(points.shape[0]):
            out[k] = numgrad.grad(squares)(points[k])

    points = np.full((64, 3), inf)
    points[:, 1] = 2.0
    out = np.empty_like(points)
    each(points, out)
    np.testing.assert_equal(out, 2.0 * points)
    many = np.linspace(1.0, 2.0, 1 << 15)
    np.testing.assert_equal(numgrad.derivative(barrier)(many, 3.0), np.zeros(many.size))


def test_what_the_function_writes_is_as_after_one_call():
    @njit
    def scaled(x, buffer):
        buffer *= 2.0
        return np.sum(x * x * buffer)

    buffer = np.ones(2)
    gradient = numgrad.grad(scaled)(np.array([inf, 1.0]), buffer)
    np.testing.assert_equal(gradient, [inf, 4.0])
    np.testing.assert_equal(buffer, [2.0, 2.0])


@njit
def counting(x, counts, log, buffer):
    """Return what depends on everything that it writes to: as one call has it, 2 x."""
    counts[0] += 1
    log.append(float(counts[0]))
    buffer[:] *= 2.0
    return np.sum(x * x) * counts[0] * len(log) * buffer[0]


@pytest.mark.parametrize("count", [pytest.param(2, marks=pytest.mark.thorough), 40])
def test_all_that_is_written_is_as_the_caller_left_it(count):
    x = np.ones(count)
    x[0] = inf
    expected = 4.0 * x
    counts, log, buffer = np.zeros(2, np.int64), List.empty_list(types.float64), np.ones(2)
    np.testing.assert_equal(numgrad.grad(counting)(x, counts, log, buffer), expected)
    assert (counts[0], list(log), list(buffer)) == (1, [1.0], [2.0, 2.0])


@pytest.mark.thorough
@pytest.mark.parametrize("count", [2, 40])
def test_all_that_is_written_along_a_direction_is_as_the_caller_left_it(count):
    x = np.ones(count)
    x[0] = inf
    counts, log, buffer = np.zeros(2, np.int64), List.empty_list(types.float64), np.ones(2)
    ones = np.where(np.arange(count) == 0, 0.0, 1.0)
    _, tangent = numgrad.jvp(counting, (x, counts, log, buffer), (ones, None, None, None))
    assert tangent == 4.0 * (count - 1)
    assert (counts[0], list(log), list(buffer)) == (1, [1.0], [2.0, 2.0])


@pytest.mark.thorough
@pytest.mark.parametrize("count", [2, 40])
def test_all_that_is_written_at_second_order_is_as_the_caller_left_it(count):
    x = np.ones(count)
    x[0] = inf
    counts, log, buffer = np.zeros(2, np.int64), List.empty_list(types.float64), np.ones(2)
    hessian = numgrad.hessian(counting)(x, counts, log, buffer)
    np.testing.assert_equal(hessian, 4.0 * np.eye(count))
    assert (counts[0], list(log), list(buffer)) == (1, [1.0], [2.0, 2.0])


def test_over_arrays_each_point_finds_what_the_caller_left():
    @njit
    def levelled(g, counts, last):
        counts[0] += 1
        last[0] += g
        return np.exp(-np.inf / g) * counts[0] + g * counts[0] * last[0]

    points, counts, last = np.array([1.0, 2.0, 3.0]), np.zeros(1, np.int64), np.zeros(1)
    np.testing.assert_equal(numgrad.derivative(levelled)(points, counts, last), 2.0 * points)
    assert (counts[0], last[0]) == (1, 3.0)


def test_over_arrays_of_points_with_arrays_of_results():
    pair = njit(lambda g: np.array([np.exp(-np.inf / g), g * g]))
    points = np.array([1.0, 2.0])
    slopes = numgrad.derivative(pair)(points)
    np.testing.assert_equal(slopes, np.stack([np.zeros(2), 2.0 * points], axis=1))
    plain = numgrad.derivative(pair, jit=False)
    assert np.array_equal(plain(points + np.zeros((3, 1)))[2], slopes)


def test_what_cannot_be_put_back_is_not_computed_again():
    @njit
    def noting(x, names):
        names.append(np.ones(1))
        return x[0] * x[0] * 0.0

    names = List([np.zeros(1)])
    assert np.isnan(numgrad.grad(noting)(np.array([inf]), names)).all()
    assert len(names) == 2


def test_an_error_of_the_careful_pass_is_that_of_the_function():
    @njit
    def refuses(x):
        total = np.sum(x * x)
        if total > 1e300 and x[1] > 2.0:
            raise ValueError("too large")
        return total

    gradient = numgrad.grad(refuses)
    np.testing.assert_equal(gradient(np.array([inf, 1.0])), [inf, 2.0])
    with pytest.raises(ValueError, match="too large"):
        gradient(np.array([inf, 3.0]))


def test_finite_work_compiles_nothing_more():
    compiled = []

    class Spy(care.Late):
        def _compiled(self, kinds):
            compiled.append(kinds)
            return super()._compiled(kinds)

    original, care.Late = care.Late, Spy
    try:
        gradient = numgrad.grad(njit(lambda x: np.sum(x * np.exp(x))))
        gradient(np.ones(3))
        assert not compiled
        gradient(np.array([-inf, 1.0]))
        assert len(compiled) == 1
        gradient(np.array([-inf, 2.0]))
        assert len(compiled) == 1
    finally:
        care.Late = original


PROGRAM = """
import numpy as np
import numgrad
from numba import njit

@njit
def squares(x):
    return np.sum(x * x)

@njit(cache=True)
def slopes(x):
    return numgrad.grad(squares)(x)

print(slopes(np.array([np.inf, 1.0])), sum(slopes.stats.cache_hits.values()))
"""


def test_in_a_program_kept_on_disk(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    outputs = [
        subprocess.run(
            [sys.executable, path], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert outputs == ["[inf  2.] 0\n", "[inf  2.] 1\n"]


def test_what_cannot_be_pickled_is_left_behind():
    def make():
        return generator

    generator = (k for k in range(3))
    late = care.Late(make)
    copy = pickle.loads(pickle.dumps(care.Reference(late)))
    assert copy.site().address(None, None) == 0
